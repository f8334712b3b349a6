"""Apps put onto a cluster by their recipes, and their proxies looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import workload
from harness.kube.waits import wait_rollout
from harness.mesh.proxies import check_proxies
from harness.scenario.apps import App
from harness.scenario.project import Project


def install(kube: Kube, applier: Applier, ledger: Ledger, apps: Sequence[App], project: Project) -> Iterator[App]:
    """Apply the manifests of all apps, then wait for one after the other; gives each as it is ready and meshed.

    raises  InputError, KubeError, EnvironmentFailed
    """
    for app in apps:
        apply_manifests(applier, ledger, app.spec.manifests, project)
    for app in apps:
        wait_app(kube, app)
        yield app


def apply_manifests(applier: Applier, ledger: Ledger, paths: Iterable[str], project: Project) -> None:
    """Apply manifests in their order.

    raises  InputError, KubeError, EnvironmentFailed
    """
    for path in paths:
        for one in project.manifests(path):
            applier.apply(dict(one.obj), ledger)


def wait_app(kube: Kube, app: App) -> None:
    """Return when the Deployments of an app have rolled out, with proxies where they should have them.

    raises  EnvironmentFailed
    """
    for name in app.spec.ready:
        ref = workload("Deployment", str(name))
        wait_rollout(kube, ref, within=app.spec.within.total_seconds())
        check_proxies(kube, ref)
