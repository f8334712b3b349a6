"""Responses, latencies, connections and bytes between two snapshots, grouped by any labels. Pure (§6.2, §6.4)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.mesh.metrics import Labels, MeshedPod, Snapshot, Where, gauge, increase

Group = tuple[str, ...]
Direction = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the proxies counted for one group.

    latencies    p50, p95, p99 in ms
    connections  open at the end; None where the proxies do not say
    read_bytes   and write_bytes: None where the proxies do not say
    """

    success: int
    failure: int
    latencies: tuple[int, int, int]
    connections: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None

    @property
    def total(self) -> int:
        """All responses."""
        return self.success + self.failure


def seconds_between(before: Snapshot, after: Snapshot) -> float:
    """The length of the window; never 0."""
    return max(after.at - before.at, 1e-9)


def only_pods(snapshot: Snapshot, wanted: Callable[[MeshedPod], bool]) -> Snapshot:
    """The snapshot without the pods that are not wanted."""
    return Snapshot(snapshot.at, {pod: samples for pod, samples in snapshot.pods.items() if wanted(pod)})


def count_traffic(
    before: Snapshot, after: Snapshot, direction: Direction, by: Group, where: Where = lambda labels: True
) -> dict[Group, Traffic]:
    """Traffic by group; a group whose proxies count responses is there even if nothing was added.

    by  labels of the series or of the pods themselves
    """

    def wanted(labels: Labels) -> bool:
        return labels.get("direction") == direction and where(labels)

    responses = increase(before, after, "response_total", by=(*by, "classification"), where=wanted)
    buckets: defaultdict[Group, dict[str, int]] = defaultdict(dict)
    for (*group, le), count in increase(
        before, after, "response_latency_ms_bucket", by=(*by, "le"), where=wanted
    ).items():
        buckets[tuple(group)][le] = count
    connections = gauge(_only_series(after, wanted), "tcp_open_connections", by=by)
    read, written = (_bytes(before, after, f"tcp_{way}_bytes_total", direction, by, where) for way in ("read", "write"))
    return {
        group: Traffic(
            success=responses[*group, "success"],
            failure=responses[*group, "failure"],
            latencies=_latencies(buckets[group]),
            connections=round(connections[group]) if group in connections else None,
            read_bytes=read.get(group),
            write_bytes=written.get(group),
        )
        for group in dict.fromkeys(group[:-1] for group in responses)
    }


def _only_series(snapshot: Snapshot, where: Where) -> Snapshot:
    kept = {pod: tuple(s for s in samples if where(s.labels)) for pod, samples in snapshot.pods.items()}
    return Snapshot(snapshot.at, kept)


def _bytes(
    before: Snapshot, after: Snapshot, name: str, direction: Direction, by: Group, where: Where
) -> Mapping[Group, int]:
    """Bytes on the side of the other workload, so that the hop inside the pod is not counted too (§6.2)."""
    peer = "src" if direction == "inbound" else "dst"

    def wanted(labels: Labels) -> bool:
        return labels.get("direction") == direction and labels.get("peer") == peer and where(labels)

    return increase(before, after, name, by=by, where=wanted)


def _latencies(cumulative: Mapping[str, int]) -> tuple[int, int, int]:
    return (quantile(cumulative, 0.5), quantile(cumulative, 0.95), quantile(cumulative, 0.99))


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
                break
            inside = count - lower_count
            return _half_up(lower_edge + (edge - lower_edge) * ((rank - lower_count) / inside if inside else 0.0))
        lower_edge, lower_count = edge, count
    return _half_up(lower_edge)


def _half_up(value: float) -> int:
    """viz rounds halves away from zero, where Python's `round` takes the even neighbour."""
    return math.floor(value + 0.5)
