"""Apps as helm releases, for those who install them by hand: by the chart where it can be had, else by manifests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.commands import CommandFailed, run
from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import workload
from harness.run.installing import apply_manifests, wait_app
from harness.scenario.apps import App, Chart
from harness.scenario.project import Project

PULL_SECONDS = 60.0
MANAGED_BY = "app.kubernetes.io/managed-by"
HELM = "Helm"


def install_by_hand(
    kube: Kube, applier: Applier, app: App, project: Project, *, progress: Callable[[str], None]
) -> None:
    """The app on the cluster, ready and meshed; says whether its chart or its manifests were taken, and why.

    raises  InputError, KubeError, EnvironmentFailed
    """
    chart, makers = app.spec.chart, _makers(kube, app)
    with TemporaryDirectory(prefix="sb-chart-") as name:
        archive, why = (None, "") if chart is None else _archive(chart, makers, Path(name))
        if chart is not None and archive is not None:
            # The namespace first: it says that pods get a proxy, and it must be one that we may change.
            rest = [path for path in app.spec.manifests if path not in chart.replaces]
            apply_manifests(applier, Ledger(), rest, project)
            _release(kube, chart, archive, app.spec.within.total_seconds())
            progress(f"{app.name}: helm release {chart.release.name} of chart {chart.name} {chart.version}")
        elif chart is not None and HELM in makers:
            progress(f"{app.name}: its helm release stays as it is: {why}")
        else:
            progress(f"{app.name}: by its manifests{f', not its chart: {why}' if why else ''}")
            apply_manifests(applier, Ledger(), app.spec.manifests, project)
    wait_app(kube, app)


def _archive(chart: Chart, makers: set[str], folder: Path) -> tuple[Path | None, str]:
    """The chart, fetched; or None, and why it cannot be taken."""
    if makers - {HELM}:
        return None, "it is there already, and was not made by helm"
    argv = ["helm", "pull", chart.name, "--repo", chart.repository, "--version", chart.version]
    try:
        run([*argv, "--destination", str(folder)], within=PULL_SECONDS)
    except CommandFailed as error:
        return None, error.message.splitlines()[-1].strip()
    return next(folder.glob("*.tgz")), ""


def _makers(kube: Kube, app: App) -> set[str]:
    """Who made the Deployments of the app that are there, as their labels say; helm takes over nobody else's."""
    there = [kube.get(workload("Deployment", str(name))) for name in app.spec.ready]
    return {(one["metadata"].get("labels") or {}).get(MANAGED_BY, "") for one in there if one is not None}


def _release(kube: Kube, chart: Chart, archive: Path, within: float) -> None:
    namespace, release = chart.release.namespace, chart.release.name
    values = archive.with_suffix(".values.json")
    values.write_text(json.dumps(chart.values), encoding="utf-8")
    run(
        [
            *("helm", "upgrade", "--install", release, str(archive), "--namespace", namespace),
            *("--values", str(values), "--kubeconfig", str(kube.kubeconfig)),
        ],
        within=within,
        kubeconfig=kube.kubeconfig,
        remedy=f"helm -n {namespace} status {release}; helm -n {namespace} uninstall {release}",
    )
