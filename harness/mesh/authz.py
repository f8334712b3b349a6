"""The table of `linkerd viz authz`: who was let in by what (§6.7-6.9). Pure.

A request that no route matches is in no row: the proxy answers 404 before it asks who is calling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.mesh.counting import Group, Traffic, count_traffic, seconds_between
from harness.mesh.metrics import Snapshot, increase
from harness.mesh.tables import aligned

HEADER = (
    "ROUTE",
    "SERVER",
    "AUTHORIZATION",
    "UNAUTHORIZED",
    "SUCCESS",
    "RPS",
    "LATENCY_P50",
    "LATENCY_P95",
    "LATENCY_P99",
)
_BY = ("srv_kind", "srv_name", "route_kind", "route_name", "authz_kind", "authz_name")
_NOTHING = Traffic(0, 0, (0, 0, 0))


@dataclass(frozen=True, slots=True)
class AuthzRow:
    """One line: a route of a server and the authorization that let requests in, or "" for those that none did.

    unauthorized  refused requests per second
    success       fraction of 1; 0 if all were refused
    rps           responses per second to those who were let in
    latencies     p50, p95, p99 in ms
    idle          nothing came in the window, so every number is a dash
    """

    server: str
    route: str
    authorization: str
    unauthorized: float = 0.0
    success: float = 0.0
    rps: float = 0.0
    latencies: tuple[int, int, int] = (0, 0, 0)
    idle: bool = False

    def cells(self) -> tuple[str, ...]:
        """The row as viz prints it (§6.8)."""
        names = (self.route, self.server, self.authorization)
        if self.idle:
            return (*names, *("-" for _ in HEADER[len(names) :]))
        rates = (f"{self.unauthorized:.1f}rps", f"{self.success:.2%}", f"{self.rps:.1f}rps")
        return (*names, *rates, *(f"{ms}ms" for ms in self.latencies))


@dataclass(frozen=True, slots=True)
class AuthzTable:
    """A table with the command that a reader of the article would type for it."""

    command: str
    rows: tuple[AuthzRow, ...]

    def render(self) -> str:
        """The table of `authz`, the header alone if it has no rows."""
        return render(self.rows)


def authz_rows(before: Snapshot, after: Snapshot) -> tuple[AuthzRow, ...]:
    """The rows for the pods of the snapshots, by server, route and authorization.

    An idle row is shown only if its authorization is an object of the cluster.
    """
    counted = count_traffic(before, after, "inbound", _BY)
    allowed = increase(before, after, "inbound_http_authz_allow_total", by=_BY)
    denied = increase(before, after, "inbound_http_authz_deny_total", by=_BY)
    seconds = seconds_between(before, after)
    rows = (
        _row(group, counted.get(group, _NOTHING), denied[group], seconds) for group in {*counted, *allowed, *denied}
    )
    return tuple(sorted((row for row in rows if row is not None), key=lambda r: (r.server, r.route, r.authorization)))


def _row(group: Group, traffic: Traffic, denied: int, seconds: float) -> AuthzRow | None:
    server_kind, server_name, _, route, authorization_kind, authorization_name = group
    server = f"default:{server_name}" if server_kind == "default" else server_name
    authorization = f"{authorization_kind}/{authorization_name}" if authorization_kind else ""
    if not traffic.total + denied:
        is_object = authorization_kind not in ("", "default")
        return AuthzRow(server, route, authorization, idle=True) if is_object else None
    return AuthzRow(
        server=server,
        route=route,
        authorization=authorization,
        unauthorized=denied / seconds,
        success=traffic.success / traffic.total if traffic.total else 0.0,
        rps=traffic.total / seconds,
        latencies=traffic.latencies,
    )


def render(rows: Sequence[AuthzRow]) -> str:
    """The table, two blanks between columns, the three names left-aligned; without rows the header alone (§6.8)."""
    return aligned([HEADER, *(row.cells() for row in rows)], left=3, gap=2)
