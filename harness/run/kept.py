"""Clusters that outlive the command that started them, for kubectl and a browser."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.cluster.provider import Cluster
from harness.cluster.providers import all_providers, provider
from harness.errors import Finding, InputError, nearest
from harness.kube.apply import RUN_LABEL, Applier, Ledger
from harness.kube.client import Kube
from harness.run.bring_up import bring_up
from harness.run.installing import install
from harness.scenario.project import Project

Progress = Callable[[str], None]


def keep_up(
    name: str, profile_name: str | None, apps: Sequence[str] = (), *, bare: bool = False, progress: Progress
) -> Cluster:
    """A cluster of this name that stays, with these apps on it: the one that is there, or a new one.

    A new one is taken away again if the apps cannot be installed, or if somebody interrupts.

    bare    see `bring_up`
    raises  InputError, KubeError, EnvironmentFailed
    """
    project = Project.around(Path("scenarios"))
    _check_apps(project, apps)
    for cluster in kept_clusters():
        if cluster.name == name:
            progress(f"{name} runs already")
            _install(cluster, apps, project, progress, undo=True)
            return cluster
    _, profile = project.profile(profile_name)
    cluster = bring_up(profile, name, keep=True, bare=bare, progress=progress)
    theirs = profile.provider == "existing"
    try:
        _install(cluster, apps, project, progress, guarded=theirs, undo=theirs)
    except BaseException:
        provider(profile.provider).delete(cluster)
        raise
    return cluster


def ways_in(cluster: Cluster) -> list[str]:
    """The URLs that the cluster's Ingresses answer to, by their hosts; none if it has no ingress."""
    if cluster.ingress is None:
        return []
    port = cluster.ingress.rpartition(":")[2]
    with Kube(cluster.kubeconfig) as kube:
        ingresses = kube.objects("networking.k8s.io/v1", "Ingress")
    hosts = (rule.get("host") for one in ingresses for rule in one["spec"].get("rules") or ())
    return [f"http://{host}:{port}" for host in dict.fromkeys(hosts) if host]


def until(cluster: Cluster) -> str:
    """The command that ends what `keep_up` began: the cluster itself, or on one that is not ours the apps."""
    if any(one.kubeconfig == cluster.kubeconfig for one in kept_clusters()):
        return f"signalbox down {shlex.quote(cluster.name)}"
    return f"kubectl delete namespace -l {RUN_LABEL}"


def kept_clusters() -> list[Cluster]:
    """All clusters that stay, of every provider."""
    return [cluster for one in all_providers() for cluster in one.kept()]


def take_down(names: Sequence[str]) -> list[str]:
    """Delete the kept clusters of these names, or all; returns their names.

    raises  InputError if a name is not among them, before anything is deleted
    """
    by_name = {cluster.name: (one, cluster) for one in all_providers() for cluster in one.kept()}
    unknown = [
        Finding("", 0, f"no cluster called '{name}' is kept{nearest(name, list(by_name))}")
        for name in names
        if name not in by_name
    ]
    if unknown:
        raise InputError(unknown)
    chosen = list(names) or list(by_name)
    for name in chosen:
        one, cluster = by_name[name]
        one.delete(cluster)
    return chosen


def _check_apps(project: Project, names: Sequence[str]) -> None:
    """All that is wrong with the recipes, before anything starts."""
    findings: list[Finding] = []
    for name in names:
        if name not in project.app_names():
            findings.append(Finding("", 0, f"no app is called '{name}'{nearest(name, project.app_names())}"))
            continue
        app, _, wrong = project.read_app(name)
        manifests = app.spec.manifests if app else ()
        findings += [*wrong, *(one for path in manifests for one in project.read_manifests(path).findings)]
    if findings:
        raise InputError(findings)


def _install(
    cluster: Cluster,
    names: Sequence[str],
    project: Project,
    progress: Progress,
    *,
    guarded: bool = False,
    undo: bool = False,
) -> None:
    """Install the apps.

    guarded  others live in the cluster: nothing is made that belongs to all of it
    undo     if one cannot be installed, a cluster that goes on without us gets back what it was
    """
    ledger = Ledger()
    with Kube(cluster.kubeconfig) as kube:
        applier = Applier(kube, secrets.token_hex(4), guarded=guarded)
        try:
            for app in install(kube, applier, ledger, [project.app(name) for name in names], project):
                progress(f"{app.name} is ready")
        except BaseException:
            if undo:
                progress("takes away what was installed")
                for sentence in applier.undo(ledger):
                    progress(sentence)
            raise
