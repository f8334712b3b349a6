"""What the tables of the dashboard hold, from two readings of a cluster. Pure.

Counts, success, rate and latency are those of `signalbox stat` (§6.2-6.4): the same code makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from harness.dashboard.reading import PodName, Reading
from harness.mesh.authz import AuthzRow, authz_rows
from harness.mesh.counting import Traffic, count_traffic, only_pods, seconds_between
from harness.mesh.metrics import ADMIN_PORT, Labels, MeshedPod, Sample, Snapshot, increase, is_probe
from harness.mesh.stat import StatQuery, StatRow, stat_rows
from harness.mesh.targets import DEPLOYMENT, Target
from harness.mesh.watch import EVERY_NAMESPACE, between

GOOD_SUCCESS: Final = 0.99
FAIR_SUCCESS: Final = 0.90
UNMESHED: Final = "not meshed"
_REFUSALS: Final = {
    "inbound_http_authz_deny_total": 403,
    "inbound_http_route_not_found_total": 404,
    "inbound_http_local_ratelimit_total": 429,
}
"""The three answers of an inbound proxy that no application gave (§3.14, §3.12, §3.29)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A Deployment, or a pod that none owns; namespace "" for who is in no mesh."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """Who talked to whom.

    client, server  mesh identities that the two proxies checked and counted; "" where there was none
    plain           why there was no mTLS, "" if there was
    success         fraction of 1
    """

    source: Place
    destination: Place
    client: str
    server: str
    plain: str
    traffic: Traffic
    seconds: float

    @property
    def success(self) -> float:
        """Fraction of 1."""
        return self.traffic.success / self.traffic.total

    @property
    def rps(self) -> float:
        """Responses per second."""
        return self.traffic.total / self.seconds


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """Requests that a proxy answered itself.

    client  identity, or "" for who has none
    status  403 not allowed, 404 no route, 429 too many
    """

    workload: Place
    server: str
    route: str
    client: str
    status: int
    count: int
    seconds: float

    @property
    def rps(self) -> float:
        """Refusals per second."""
        return self.count / self.seconds


@dataclass(frozen=True, slots=True)
class View:
    """Everything the page shows for one window.

    seconds  the true length of the window
    notes    what the window does not have, and why
    """

    seconds: float
    workloads: tuple[StatRow, ...]
    edges: tuple[EdgeRow, ...]
    authorizations: tuple[tuple[Place, AuthzRow], ...]
    refused: tuple[RefusedRow, ...]
    notes: tuple[str, ...]


def view(first: Reading, last: Reading) -> View:
    """The tables for the time between two readings."""
    watched = between(first.counters, last.counters)
    before, after = _named(watched.before), _named(watched.after)
    everything = StatQuery(Target(DEPLOYMENT, EVERY_NAMESPACE, ""))
    return View(
        seconds=seconds_between(before, after),
        workloads=stat_rows(everything, before, after, last.deployments),
        edges=_edges(before, after, last.accounts),
        authorizations=_authorizations(before, after),
        refused=_refused(before, after),
        notes=watched.left_out,
    )


def health(success: float | None) -> str:
    """`good`, `fair` or `poor`; `idle` without traffic."""
    if success is None:
        return "idle"
    return "good" if success >= GOOD_SUCCESS else "fair" if success >= FAIR_SUCCESS else "poor"


def _place(pod: MeshedPod) -> Place:
    return Place(pod.namespace, pod.deployment or pod.name)


def _named(snapshot: Snapshot) -> Snapshot:
    """The snapshot with both ends of every series under a name of their own, so that replicas are counted together.

    Without what came in on the proxies' own port: mostly our readings, which would be in every row (§4.8).
    """
    return replace(snapshot, pods={pod: _with_ends(pod, samples) for pod, samples in snapshot.pods.items()})


def _with_ends(pod: MeshedPod, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    here = _place(pod)
    return tuple(
        replace(one, labels={**one.labels, "here": here.name, "here_ns": here.namespace, **_peer(one.labels)})
        for one in samples
        if not _is_for_the_proxy(one.labels)
    )


def _is_for_the_proxy(labels: Labels) -> bool:
    is_inbound = labels.get("direction") != "outbound"
    return is_inbound and str(ADMIN_PORT) in (labels.get("target_port"), labels.get("srv_port"))


def _peer(labels: Labels) -> dict[str, str]:
    """The other end of an outbound series: its workload, else the address that was asked for."""
    if labels.get("direction") != "outbound":
        return {}
    name = labels.get("dst_deployment") or labels.get("dst_pod") or labels.get("authority", "")
    return {"there": name, "there_ns": labels.get("dst_namespace", "")}


def _edges(before: Snapshot, after: Snapshot, accounts: Mapping[PodName, str]) -> tuple[EdgeRow, ...]:
    callers = _callers(before, after)
    seconds = seconds_between(before, after)
    identities = _identities(after, accounts)
    by = ("here_ns", "here", "there_ns", "there", "server_id", "no_tls_reason")
    found = _from_outside(before, after, seconds)
    for (here_ns, here, there_ns, there, server, plain), traffic in count_traffic(
        before, after, "outbound", by
    ).items():
        source, destination = Place(here_ns, here), Place(there_ns, there)
        own = identities.get(source)
        client = next((one for one in callers.get(destination, ()) if own and one.startswith(own)), "")
        if traffic.total:
            found.append(EdgeRow(source, destination, client, server, plain, traffic, seconds))
    return tuple(sorted(found, key=_edge_order))


def _from_outside(before: Snapshot, after: Snapshot, seconds: float) -> list[EdgeRow]:
    """Clients without a proxy: only the other side counted them, and it does not know their names."""
    by = ("here_ns", "here", "no_tls_reason")
    counted = count_traffic(before, after, "inbound", by, lambda one: "client_id" not in one and not is_probe(one))
    return [
        EdgeRow(Place("", UNMESHED), Place(namespace, name), "", "", plain, traffic, seconds)
        for (namespace, name, plain), traffic in counted.items()
        if traffic.total
    ]


def _callers(before: Snapshot, after: Snapshot) -> dict[Place, list[str]]:
    """The identities that each workload's proxies saw as clients in the window."""
    found: dict[Place, list[str]] = {}
    for counter in ("request_total", *_REFUSALS):
        for (namespace, name, client), count in increase(
            before, after, counter, by=("here_ns", "here", "client_id")
        ).items():
            if client and count:
                found.setdefault(Place(namespace, name), []).append(client)
    return found


def _identities(snapshot: Snapshot, accounts: Mapping[PodName, str]) -> dict[Place, str]:
    """How the identity of each workload begins (§3.19)."""
    return {
        _place(pod): f"{accounts[pod.namespace, pod.name]}.{pod.namespace}.serviceaccount.identity."
        for pod in snapshot.pods
        if (pod.namespace, pod.name) in accounts
    }


def _edge_order(edge: EdgeRow) -> tuple[Place, Place, str, str]:
    return (edge.source, edge.destination, edge.server, edge.plain)


def _authorizations(before: Snapshot, after: Snapshot) -> tuple[tuple[Place, AuthzRow], ...]:
    places = sorted({_place(pod) for pod in after.pods})
    return tuple((place, row) for place in places for row in authz_rows(before, _only(after, place)) if not row.idle)


def _only(snapshot: Snapshot, place: Place) -> Snapshot:
    return only_pods(snapshot, lambda pod: _place(pod) == place)


def _refused(before: Snapshot, after: Snapshot) -> tuple[RefusedRow, ...]:
    seconds = seconds_between(before, after)
    by = ("here_ns", "here", "srv_kind", "srv_name", "route_name", "client_id")
    rows = [
        RefusedRow(Place(namespace, name), _server(kind, server), route, client, status, count, seconds)
        for counter, status in _REFUSALS.items()
        for (namespace, name, kind, server, route, client), count in increase(before, after, counter, by=by).items()
        if count
    ]
    return tuple(sorted(rows, key=lambda row: (row.workload, row.server, row.route, row.status, row.client)))


def _server(kind: str, name: str) -> str:
    """As the table of `authz` names it (§6.8)."""
    return f"default:{name}" if kind == "default" else name
