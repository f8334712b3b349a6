"""Clusters that outlive the command that started them, for kubectl and a browser."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.cluster.provider import Cluster
from harness.cluster.providers import all_providers, provider
from harness.errors import Finding, InputError, nearest
from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube
from harness.run.bring_up import bring_up
from harness.run.installing import install
from harness.scenario.project import Project

Progress = Callable[[str], None]


DASHBOARD = "dashboard"


def keep_up(
    name: str,
    profile_name: str | None,
    apps: Sequence[str] = (),
    *,
    dashboard: bool = False,
    bare: bool = False,
    progress: Progress,
    tell: Callable[[Cluster], None],
) -> None:
    """Have a cluster of this name that stays, with these apps on it: the one that is there, or a new one.

    A new one is taken away again if the apps cannot be installed, or if somebody interrupts before all is told.

    dashboard  its app too, unless others use the cluster: it would need rights in all of it
    bare       see `bring_up`
    tell       says how to enter the cluster
    raises     InputError, KubeError, EnvironmentFailed
    """
    project = Project.around(Path("scenarios"))
    asked_for = (*apps, DASHBOARD) if dashboard else tuple(apps)
    _check_apps(project, asked_for)
    for cluster in kept_clusters():
        if cluster.name == name:
            progress(f"{name} runs already")
            _install(cluster, apps if cluster.guest else asked_for, project, progress, undo=True)
            tell(cluster)
            return
    _, profile = project.profile(profile_name)
    chosen = provider(profile.provider)
    cluster = bring_up(profile, name, keep=True, bare=bare, progress=progress)
    try:
        _install(cluster, apps if cluster.guest else asked_for, project, progress, undo=bool(cluster.guest))
        cluster = chosen.keep(cluster)
        tell(cluster)
    except BaseException:
        chosen.delete(cluster)
        raise


def ways_in(cluster: Cluster) -> list[str]:
    """The URLs that the cluster's Ingresses answer to, by their hosts; none if it has no ingress."""
    if cluster.ingress is None:
        return []
    port = cluster.ingress.rpartition(":")[2]
    with Kube(cluster.kubeconfig) as kube:
        ingresses = kube.objects("networking.k8s.io/v1", "Ingress")
    hosts = (rule.get("host") for one in ingresses for rule in one["spec"].get("rules") or ())
    return [f"http://{host}:{port}" for host in dict.fromkeys(hosts) if host]


def kept_clusters() -> list[Cluster]:
    """All clusters that stay, of every provider."""
    return [cluster for one in all_providers() for cluster in one.kept()]


def take_down(names: Sequence[str]) -> list[Cluster]:
    """Delete the kept clusters of these names, or all; returns them.

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
    chosen = [by_name[name] for name in dict.fromkeys(names or by_name)]
    for one, cluster in chosen:
        one.delete(cluster)
    return [cluster for _, cluster in chosen]


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
    undo: bool,
) -> None:
    """Install the apps.

    undo  if one cannot be installed, a cluster that goes on without us gets back what it was
    """
    ledger = Ledger()
    with Kube(cluster.kubeconfig) as kube:
        applier = Applier(kube, cluster.guest or secrets.token_hex(4), guarded=bool(cluster.guest))
        try:
            for app in install(kube, applier, ledger, [project.app(name) for name in names], project):
                progress(f"{app.name} is ready")
        except BaseException:
            if undo:
                progress("takes away what was installed")
                for sentence in applier.undo(ledger):
                    progress(sentence)
            raise
