"""The tables of `linkerd viz stat`, from the proxies' own counters between two moments (§6.2-6.6, §6.12).

viz asks Prometheus for a window and extrapolates; here the window is the time between two scrapes and nothing is
extrapolated, so the counts are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.mesh.metrics import Snapshot, Where, gauge, increase


@dataclass(frozen=True, slots=True)
class StatRow:
    """One line of the table.

    success      fraction of 1, None without traffic
    rps          responses per second over the window
    latencies    p50, p95, p99 in ms
    """

    name: str
    meshed: str
    success: float | None
    rps: float
    latencies: tuple[int, int, int]
    tcp_connections: int | None

    def cells(self) -> tuple[str, ...]:
        """The row as viz prints it (§6.4)."""
        if self.success is None:
            return (self.name, self.meshed, "-", "-", "-", "-", "-", "-")
        latency = tuple(f"{ms}ms" for ms in self.latencies)
        connections = "-" if self.tcp_connections is None else str(self.tcp_connections)
        return (self.name, self.meshed, f"{self.success:.2%}", f"{self.rps:.1f}rps", *latency, connections)


HEADER = ("NAME", "MESHED", "SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99", "TCP_CONN")


@dataclass(frozen=True, slots=True)
class StatTable:
    """A table with the command that a reader of the article would type for it."""

    command: str
    rows: tuple[StatRow, ...]

    def render(self) -> str:
        """Right-aligned columns, three spaces apart, the first one left-aligned (§6.5)."""
        lines = [HEADER, *(row.cells() for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
        return "\n".join(
            "   ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
            for line in lines
        )


def stat_deployments(before: Snapshot, after: Snapshot, namespace: str, meshed: Mapping[str, str]) -> StatTable:
    """`linkerd viz stat deploy`: what each Deployment's proxies answered to others.

    meshed  "meshed/total" pods per Deployment
    """
    rows = _rows(before, after, "inbound", ("deployment",), lambda labels: True, meshed, with_connections=True)
    return StatTable(f"linkerd viz -n {namespace} stat deploy", rows)


def stat_from(before: Snapshot, after: Snapshot, namespace: str, source: str, meshed: Mapping[str, str]) -> StatTable:
    """`linkerd viz stat deploy --from deploy/SOURCE`: what its proxies got from others; only rows with traffic."""
    pods = {pod: samples for pod, samples in after.pods.items() if pod.deployment == source}
    only = Snapshot(after.at, pods)

    def to_namespace(labels: Mapping[str, str]) -> bool:
        return labels.get("dst_namespace") == namespace and bool(labels.get("dst_deployment"))

    rows = _rows(before, only, "outbound", ("dst_deployment",), to_namespace, meshed, with_connections=True)
    busy = tuple(row for row in rows if row.success is not None)
    return StatTable(f"linkerd viz -n {namespace} stat deploy --from deploy/{source}", busy)


def _rows(
    before: Snapshot,
    after: Snapshot,
    direction: str,
    by: tuple[str, ...],
    where: Where,
    meshed: Mapping[str, str],
    *,
    with_connections: bool,
) -> tuple[StatRow, ...]:
    def wanted(labels: Mapping[str, str]) -> bool:
        return labels.get("direction") == direction and where(labels)

    seconds = max(after.at - before.at, 1e-9)
    responses = increase(before, after, "response_total", by=(*by, "classification"), where=wanted)
    buckets = increase(before, after, "response_latency_ms_bucket", by=(*by, "le"), where=wanted)
    connections = gauge(after, "tcp_open_connections", by=by) if with_connections else {}
    names = {group[0] for group in responses} | (set(meshed) if direction == "inbound" else set())
    rows = []
    for name in sorted(name for name in names if name):
        good, bad = responses[(name, "success")], responses[(name, "failure")]
        total = good + bad
        counts = {le: count for (owner, le), count in buckets.items() if owner == name}
        rows.append(
            StatRow(
                name=name,
                meshed=meshed.get(name, "-"),
                success=good / total if total else None,
                rps=total / seconds,
                latencies=(quantile(counts, 0.5), quantile(counts, 0.95), quantile(counts, 0.99)),
                tcp_connections=round(connections[(name,)]) if (name,) in connections else None,
            )
        )
    return tuple(rows)


def quantile(cumulative: Mapping[str, int], q: float) -> int:
    """Prometheus' histogram_quantile over cumulative bucket counts by `le`, rounded to whole ms as viz does (§6.4)."""
    edges = sorted((math.inf if le == "+Inf" else float(le), count) for le, count in cumulative.items())
    if not edges or edges[-1][1] == 0:
        return 0
    rank = q * edges[-1][1]
    lower_edge, lower_count = 0.0, 0
    for edge, count in edges:
        if count >= rank:
            if edge == math.inf:
                return round(lower_edge)
            inside = count - lower_count
            return round(lower_edge + (edge - lower_edge) * ((rank - lower_count) / inside if inside else 0.0))
        lower_edge, lower_count = edge, count
    return round(lower_edge)
