"""The tables of `linkerd viz stat`, from the proxies' own counters between two moments (§6.2-6.6, §6.12). Pure.

viz asks Prometheus for a window and extrapolates; here the window is the time between two scrapes and nothing is
extrapolated, so the counts are exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.mesh.counting import Direction, Group, Traffic, count_traffic, only_pods, seconds_between
from harness.mesh.metrics import Labels, MeshedPod, Snapshot
from harness.mesh.tables import aligned
from harness.mesh.targets import KINDS, NAMESPACE, SERVICE, Target
from harness.mesh.workloads import Workload, WorkloadKey

NUMBERS = ("SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99", "TCP_CONN")
BYTES = ("READ_BYTES/SEC", "WRITE_BYTES/SEC")


@dataclass(frozen=True, slots=True)
class StatRow:
    """One line of a table.

    meshed           "meshed/total" pods, "-" for a Service
    success          fraction of 1, None without traffic
    rps              responses per second over the window
    latencies        p50, p95, p99 in ms
    tcp_connections  None where the proxies do not say, and so are the bytes per second
    status           of a pod
    """

    name: str
    meshed: str
    success: float | None
    rps: float
    latencies: tuple[int, int, int]
    tcp_connections: int | None
    read_rate: float | None = None
    write_rate: float | None = None
    namespace: str = ""
    kind: str = "deployment"
    status: str = ""

    def cells(self, *, wide: bool = False) -> tuple[str, ...]:
        """Everything behind the name as viz prints it (§6.4)."""
        numbers = (*self._numbers(), *((self._rate(self.read_rate), self._rate(self.write_rate)) if wide else ()))
        return (*((self.status,) if self.kind == "pod" else ()), self.meshed, *numbers)

    def _numbers(self) -> tuple[str, ...]:
        if self.success is None:
            return ("-",) * len(NUMBERS)
        connections = "-" if self.tcp_connections is None else str(self.tcp_connections)
        return (f"{self.success:.2%}", f"{self.rps:.1f}rps", *(f"{ms}ms" for ms in self.latencies), connections)

    def _rate(self, per_second: float | None) -> str:
        return "-" if self.success is None or per_second is None else f"{per_second:.1f}B/s"


@dataclass(frozen=True, slots=True)
class StatTable:
    """A table with the command that a reader of the article would type for it."""

    command: str
    rows: tuple[StatRow, ...]

    def render(self) -> str:
        """The table of `stat deploy`, the header alone if it has no rows."""
        return _single_table("deployment", self.rows, wide=False, all_namespaces=False, prefix="", widths=())


@dataclass(frozen=True, slots=True)
class StatQuery:
    """What `stat` is asked; at most one of source and destination is given.

    source       only what it sent to the target (`--from`)
    destination  only what the target sent to it (`--to`)
    """

    target: Target
    source: Target | None = None
    destination: Target | None = None
    unmeshed: bool = False

    def reads(self, pod: MeshedPod) -> bool:
        """Whether the counters of this pod answer the query (§6.3)."""
        if self.source is not None:
            return self.source.holds(pod)
        return self.target.kind == SERVICE or self.target.holds(pod)


def stat_rows(
    query: StatQuery, before: Snapshot, after: Snapshot, workloads: Mapping[WorkloadKey, Workload]
) -> tuple[StatRow, ...]:
    """The rows that viz would show, by namespace and name.

    workloads  the objects of the target's kind that the cluster has; not looked at for Services
    """
    first, last = only_pods(before, query.reads), only_pods(after, query.reads)
    seconds = seconds_between(before, after)
    if query.target.kind == SERVICE:
        return _service_rows(query, first, last, seconds)
    counted = _by_workload(query, first, last)
    # With a filter viz lists what it has series for, else everything that is there.
    keys = counted if query.source or query.destination else workloads
    shown = (workloads[key] for key in keys if key in workloads)
    return tuple(
        _row(
            counted.get((one.namespace, one.name)),
            seconds,
            name=one.name,
            meshed=f"{one.meshed}/{one.total}",
            namespace=one.namespace,
            kind=query.target.kind.name,
            status=one.status,
        )
        for one in sorted(shown, key=lambda one: f"{one.namespace}/{one.name}")
        if one.meshed or query.unmeshed or query.source  # §6.6
    )


def in_order(rows: Iterable[StatRow]) -> tuple[StatRow, ...]:
    """The rows of several queries, each once, by kind and then by namespace and name."""
    order = [kind.name for kind in KINDS]
    distinct = {(order.index(row.kind), f"{row.namespace}/{row.name}"): row for row in rows}
    return tuple(distinct[key] for key in sorted(distinct))


def _by_workload(query: StatQuery, before: Snapshot, after: Snapshot) -> dict[WorkloadKey, Traffic]:
    prefix = "dst_" if query.source else ""
    is_namespace = query.target.kind == NAMESPACE
    by = (f"{prefix}namespace",) if is_namespace else (f"{prefix}namespace", f"{prefix}{query.target.kind.name}")
    direction: Direction = "outbound" if query.source or query.destination else "inbound"

    def wanted(labels: Labels) -> bool:
        to = query.target if query.source else query.destination
        return to is None or to.is_destination(labels)

    counted = count_traffic(before, after, direction, by, wanted)
    return {("", group[0]) if is_namespace else (group[0], group[1]): traffic for group, traffic in counted.items()}


def _service_rows(query: StatQuery, before: Snapshot, after: Snapshot, seconds: float) -> tuple[StatRow, ...]:
    """Services as their clients' proxies see them (§6.3)."""
    target, destination = query.target, query.destination

    def wanted(labels: Labels) -> bool:
        name, _, rest = labels.get("authority", "").partition(".")
        namespace, _, rest = rest.partition(".")
        is_service = rest.startswith("svc.") and target.name in ("", name) and target.namespace in ("", namespace)
        return is_service and (destination is None or destination.is_destination(labels))

    counted = count_traffic(before, after, "outbound", ("dst_namespace", "dst_service"), wanted)
    return tuple(
        _row(counted[group], seconds, name=group[1], meshed="-", namespace=group[0], kind=SERVICE.name)
        for group in sorted(counted, key="/".join)
        if group[1]
    )


def stat_deployments(before: Snapshot, after: Snapshot, namespace: str, meshed: Mapping[str, str]) -> StatTable:
    """`linkerd viz stat deploy`: what each Deployment's proxies answered to others.

    meshed  "meshed/total" pods per Deployment
    """
    counted = count_traffic(before, after, "inbound", ("deployment",))
    names = {name for (name,) in counted if name} | set(meshed)
    return StatTable(f"linkerd viz -n {namespace} stat deploy", _named_rows(before, after, names, counted, meshed))


def stat_from(before: Snapshot, after: Snapshot, namespace: str, source: str, meshed: Mapping[str, str]) -> StatTable:
    """`linkerd viz stat deploy --from deploy/SOURCE`: what its proxies got from others; only rows with traffic."""

    def to_namespace(labels: Labels) -> bool:
        return labels.get("dst_namespace") == namespace and bool(labels.get("dst_deployment"))

    own = only_pods(after, lambda pod: pod.deployment == source)
    counted = count_traffic(before, own, "outbound", ("dst_deployment",), to_namespace)
    busy = {name for (name,), traffic in counted.items() if traffic.total}
    rows = _named_rows(before, after, busy, counted, meshed)
    return StatTable(f"linkerd viz -n {namespace} stat deploy --from deploy/{source}", rows)


def _named_rows(
    before: Snapshot, after: Snapshot, names: set[str], counted: Mapping[Group, Traffic], meshed: Mapping[str, str]
) -> tuple[StatRow, ...]:
    seconds = seconds_between(before, after)
    return tuple(_row(counted.get((name,)), seconds, name=name, meshed=meshed.get(name, "-")) for name in sorted(names))


def _row(
    traffic: Traffic | None,
    seconds: float,
    *,
    name: str,
    meshed: str,
    namespace: str = "",
    kind: str = "deployment",
    status: str = "",
) -> StatRow:
    counted = traffic or Traffic(0, 0, (0, 0, 0))
    return StatRow(
        name=name,
        meshed=meshed,
        success=counted.success / counted.total if counted.total else None,
        rps=counted.total / seconds,
        latencies=counted.latencies,
        tcp_connections=counted.connections,
        read_rate=None if counted.read_bytes is None else counted.read_bytes / seconds,
        write_rate=None if counted.write_bytes is None else counted.write_bytes / seconds,
        namespace=namespace,
        kind=kind,
        status=status,
    )


def render(rows: Sequence[StatRow], *, wide: bool = False, all_namespaces: bool = False) -> str:
    """Right-aligned columns, three blanks apart, names padded on the right; one table per kind (§6.5).

    Names carry their kind if there are several. The columns of names are equally wide in all tables.
    """
    groups = [(kind, [row for row in rows if row.kind == kind.name]) for kind in KINDS]
    filled = [(kind, members) for kind, members in groups if members]
    prefixes = {kind.name: f"{kind.short}/" if len(filled) > 1 else "" for kind, _ in filled}
    name_width = max((len(prefixes[row.kind] + row.name) for row in rows), default=0)
    widths = (max((len(row.namespace) for row in rows), default=0), name_width) if all_namespaces else (name_width,)
    tables = (
        _single_table(
            kind.name, members, wide=wide, all_namespaces=all_namespaces, prefix=prefixes[kind.name], widths=widths
        )
        for kind, members in filled
    )
    return "\n\n".join(tables)


def _single_table(
    kind: str, rows: Sequence[StatRow], *, wide: bool, all_namespaces: bool, prefix: str, widths: Sequence[int]
) -> str:
    place = ("NAMESPACE",) if all_namespaces else ()
    status = ("STATUS",) if kind == "pod" else ()
    header = (*place, "NAME", *status, "MESHED", *NUMBERS, *(BYTES if wide else ()))
    lines = [(*((row.namespace,) if all_namespaces else ()), prefix + row.name, *row.cells(wide=wide)) for row in rows]
    return aligned([header, *lines], left=len(place) + 1, first_width=widths)


def as_json(rows: Sequence[StatRow]) -> str:
    """The rows as viz's `-o json`: fractions and numbers, null without traffic (§6.4)."""
    return json.dumps([_json_row(row) for row in rows], indent=2)


def _json_row(row: StatRow) -> dict[str, Any]:
    busy = row.success is not None
    p50, p95, p99 = row.latencies if busy else (None, None, None)
    always = {
        "namespace": row.namespace,
        "kind": row.kind,
        "name": row.name,
        "success": _number(row.success),
        "rps": _number(row.rps) if busy else None,
        "latency_ms_p50": p50,
        "latency_ms_p95": p95,
        "latency_ms_p99": p99,
    }
    tcp = {
        "tcp_open_connections": row.tcp_connections,
        "tcp_read_bytes_rate": _number(row.read_rate),
        "tcp_write_bytes_rate": _number(row.write_rate),
    }
    return always | {key: value for key, value in tcp.items() if busy and value is not None}


def _number(value: float | None) -> float | None:
    """Whole numbers without a fraction, as viz writes them."""
    return int(value) if value is not None and value.is_integer() else value
