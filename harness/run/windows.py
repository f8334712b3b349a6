"""Claims on what proxies counted, judged over a window of time.

The window opens when its step has settled and runs beside the step's other expectations. Counts are differences
between two scrapes, exact and without Prometheus. Page requests of an application depend on each other (a failed
POST is repeated, a journey has an order), so the counts are divided by a design effect before they are evidence.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import ClusterLost, EnvironmentFailed
from harness.kube.client import Kube
from harness.mesh.authz import AuthzTable, authz_rows
from harness.mesh.metrics import Labels, Snapshot, increase, is_probe, meshed_pods, scrape
from harness.mesh.stat import StatTable, stat_deployments, stat_from
from harness.scenario.claims import Kind
from harness.scenario.expectations import Metrics
from harness.verdict.judgement import Cause
from harness.verdict.share import ShareJudge

DESIGN_EFFECT = 1.25
"""Variance of booksapp's page failures over that of independent pages is 1.04 by its call graph; rounded up."""
POLL_SECONDS = 0.25
"""Proxies offer no stream of their counters; this is how often they are asked while a window is open."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What the proxies of a workload counted since the window opened: responses by (classification, status)."""

    responses: Counter[tuple[str, ...]]

    @property
    def total(self) -> int:
        """All responses."""
        return self.responses.total()

    def hits(self, kind: Kind) -> int:
        """Responses that the claim counts."""
        return sum(count for key, count in self.responses.items() if _counts(kind, *key))


def _counts(kind: Kind, classification: str, status: str) -> bool:
    if kind.class_ is not None and classification != kind.class_:
        return False
    return kind.status is None or (status.isdigit() and int(status) in kind.status)


class Window:
    """The proxies of one namespace, watched from now on for a claim about one workload in it."""

    def __init__(self, kube: Kube, metrics: Metrics) -> None:
        self._kube = kube
        self._metrics = metrics
        self._namespace = metrics.proxy.namespace
        self._before = self._scrape(None)

    @property
    def opened(self) -> float:
        """The moment of the monotonic clock at which counting began."""
        return self._before.at

    def growth(self) -> Growth:
        """The counts of the workload so far."""
        by = ("classification", "status_code")
        after = self._scrape(self._metrics.proxy.name)
        return Growth(increase(self._before, after, "response_total", by=by, where=self._wanted))

    def tables(self) -> tuple[StatTable, ...]:
        """What `linkerd viz stat` shows for the window: every Deployment, and what the workload got from others."""
        after = self._scrape(None)
        meshed = self._meshed()
        source = self._metrics.proxy.name
        return (
            stat_deployments(self._before, after, self._namespace, meshed),
            stat_from(self._before, after, self._namespace, source, meshed),
        )

    def _scrape(self, deployment: str | None) -> Snapshot:
        return scrape(self._kube, meshed_pods(self._kube, self._namespace, deployment))

    def _meshed(self) -> dict[str, str]:
        pods = Counter(pod.deployment for pod in meshed_pods(self._kube, self._namespace))
        deployments = self._kube.objects("apps/v1", "Deployment", self._namespace)
        wanted = {d["metadata"]["name"]: d["spec"].get("replicas", 1) for d in deployments}
        return {name: f"{pods[name]}/{count}" for name, count in wanted.items() if pods[name]}

    def _wanted(self, labels: Labels) -> bool:
        if labels.get("direction") != self._metrics.direction:
            return False
        return not (self._metrics.without == "probes" and is_probe(labels))


class AuthzWindow:
    """Who is let in to a workload from now on; for readers, so that nothing depends on it."""

    def __init__(self, kube: Kube, namespace: str, deployment: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._deployment = deployment
        self._before = self._scrape()

    def table(self) -> AuthzTable | None:
        """What `linkerd viz authz` shows for the window; None if a proxy went away while it was asked."""
        after = self._scrape()
        if self._before is None or after is None:
            return None
        command = f"linkerd viz authz -n {self._namespace} deploy/{self._deployment}"
        return AuthzTable(command, authz_rows(self._before, after))

    def _scrape(self) -> Snapshot | None:
        try:
            return scrape(self._kube, meshed_pods(self._kube, self._namespace, self._deployment))
        except ClusterLost:
            raise
        except EnvironmentFailed:
            return None  # a pod that is replaced just now; the next step has its own window


def watch_share(
    window: Window,
    judge: ShareJudge,
    kind: Kind,
    *,
    until: float,
    progress: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Feed the judge with the window's growth until it knows or the window is over.

    until  moment of the clock at which the window closes; a window that is over already is still read once
    """
    hits = total = 0
    while True:
        now = window.growth()
        judge.add(now.hits(kind) - hits, now.total - total)
        hits, total = now.hits(kind), now.total
        progress()
        if judge.verdict is not None:
            return
        if clock() >= until:
            judge.finish(Cause.TOO_LITTLE)
            return
        pause(min(POLL_SECONDS, max(0.0, until - clock())))
