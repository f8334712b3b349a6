"""The tutorial's steps one by one on a cluster that stays: what its recipes install, and its two `curl`s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx

from harness.cluster.linkerd_health import CONFIG, ELSEWHERE
from harness.cluster.provider import Cluster
from harness.errors import EnvironmentFailed, Finding, InputError, nearest
from harness.kube.apply import Applier
from harness.kube.client import Kube
from harness.mesh.linkerd import PARTS, Release, install_part
from harness.run.bring_up import release_of
from harness.run.charts import install_by_hand
from harness.run.kept import kept_clusters
from harness.scenario.project import Project

RUN = "by-hand"
APPS: Mapping[str, str] = MappingProxyType(
    {
        "booksapp": "booksapp",
        "backend-a": "podinfo-a",
        "backend-b": "podinfo-b",
        "frontend": "podinfo-frontend",
    }
)
"""What the article calls each app, and its recipe."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One of the article's two requests through the ingress.

    headers  what it sends along
    says     what the answer must have
    """

    headers: Mapping[str, str]
    says: str


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "backend-a": Backend({}, "PODINFO_UI_MESSAGE=A backend"),
        "backend-b": Backend({"x-request-id": "alternative"}, "PODINFO_UI_MESSAGE=B backend"),
    }
)


def the_cluster(name: str | None) -> Cluster:
    """The kept cluster of this name, or the only one there is; it is ours, for Linkerd changes all of it.

    raises  InputError
    """
    by_name = {cluster.name: cluster for cluster in kept_clusters() if not cluster.guest}
    if name is None and len(by_name) == 1:
        return next(iter(by_name.values()))
    if name in by_name:
        return by_name[name]
    if name is None:
        which = f"several are kept: {', '.join(by_name)}" if by_name else "none is kept: just create-cluster"
        raise InputError([Finding("", 0, f"which cluster? {which}")])
    raise InputError([Finding("", 0, f"no cluster called '{name}' is kept{nearest(name, list(by_name))}")])


def apply(cluster: Cluster, name: str, certificates: Path, *, progress: Callable[[str], None]) -> None:
    """Install a part of Linkerd or one of the tutorial's apps, and wait until it is ready.

    certificates  the folder with ca.crt, issuer.crt and issuer.key
    raises        InputError, EnvironmentFailed
    """
    project = Project.around(Path("scenarios"))
    with Kube(cluster.kubeconfig) as kube:
        if name in APPS:
            applier = Applier(kube, RUN, guarded=cluster.shared)
            install_by_hand(kube, applier, project.app(APPS[name]), project, progress=progress)
        elif name in PARTS:
            _apply_part(kube, _release(project, cluster), name, certificates, progress)
        else:
            known = [*PARTS, *APPS]
            raise InputError([Finding("", 0, f"nothing to apply is called '{name}'{nearest(name, known)}")])
    progress(f"{name} is ready")


def expect_backend(cluster: Cluster, name: str) -> str:
    """The line of the answer that shows which backend the frontend was led to.

    raises  EnvironmentFailed with what came instead
    """
    backend = BACKENDS[name]
    if cluster.ingress is None:
        raise EnvironmentFailed(f"cluster {cluster.name} has no ingress", "use a cluster that has one")
    headers = {"Host": f"podinfo.local:{cluster.ingress.rpartition(':')[2]}", **backend.headers}
    try:
        answer = httpx.post(f"http://{cluster.ingress}/echo", content=b"hello", headers=headers, timeout=10)
    except httpx.HTTPError as error:
        raise EnvironmentFailed(f"the ingress at {cluster.ingress} does not answer: {error}") from None
    if answer.status_code >= 300 or backend.says not in answer.text:
        seen = next((part for part in answer.text.split('"') if "PODINFO_UI_MESSAGE" in part), answer.text[:200])
        raise EnvironmentFailed(
            f"expected an answer with «{backend.says}»; got HTTP {answer.status_code}: {seen.strip()}",
            "are frontend, both backends and the route applied?",
        )
    return backend.says


def _apply_part(kube: Kube, release: Release, part: str, folder: Path, progress: Callable[[str], None]) -> None:
    config = kube.get(CONFIG)
    if config is not None and ELSEWHERE in (config["metadata"].get("annotations") or {}):
        progress(f"{part}: the mesh of this cluster is built in, nothing to install")
        return
    install_part(kube, release, part, folder, progress=progress)


def _release(project: Project, cluster: Cluster) -> Release:
    clusters = project.clusters()
    fitting = [name for name, profile in clusters.profiles.items() if profile.dialect == cluster.dialect.name]
    return release_of(clusters.profile(fitting[0]))
