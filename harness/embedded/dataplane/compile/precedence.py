"""Which routes concern a client, for which host, and in what order they are asked (§1.1 to §1.14, §1.47 to §1.53)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from harness.embedded.dataplane.compile.matching import Entry, entries
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey, Snapshot
from harness.resources.app_protocols import HTTP
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.matches import Match
from harness.resources.routes import HTTPRoute

HostScore = tuple[int, int]
"""How well a route's hostnames fit: none (0), suffix (1) or exact (2), then the length of the pattern."""


class HasMatches(Protocol):
    """A rule of whatever kind of route."""

    @property
    def matches(self) -> tuple[Match, ...]:
        """Alternatives."""


RouteT = TypeVar("RouteT")
RuleT = TypeVar("RuleT", bound=HasMatches)


@dataclass(frozen=True, slots=True)
class Ranked(Generic[RouteT, RuleT]):
    """One entry of a route table, in its place."""

    entry: Entry
    route: RouteT
    rule: RuleT
    match: Match


def attached(snapshot: Snapshot, client_namespace: str, service: ServiceKey, port: int) -> tuple[RouteInForce, ...]:
    """The routes that hold for clients of a namespace on a Service port, older ones first (§1.3, §1.11, §1.51)."""
    found = [
        in_force
        for in_force in snapshot.routes
        if in_force.route.namespace in (service[0], client_namespace) and _has_parent(in_force, service, port)
    ]
    calls = [in_force for in_force in found if in_force.route.kind == GRPC_ROUTE]
    if calls and not _is_http_1(snapshot, service, port):  # §1.60: they hide what is not for calls
        found = calls
    else:
        found = [in_force for in_force in found if in_force.route.kind != GRPC_ROUTE]
    return tuple(sorted(found, key=lambda in_force: _age(in_force.route)))


def _is_http_1(snapshot: Snapshot, service: ServiceKey, port: int) -> bool:
    state = snapshot.services.get(service)
    declared = None if state is None else state.service.port(port)
    return declared is not None and snapshot.dialect.app_protocols and declared.app_protocol == HTTP  # §1.59


def host_score(hostnames: tuple[str, ...], host: str) -> HostScore | None:
    """How well the best of a route's hostnames fits a host, None if the route does not concern it (§1.47)."""
    if not hostnames:
        return (0, 0)
    return max(filter(None, (_score(pattern.lower(), host.lower()) for pattern in hostnames)), default=None)


def ranked(
    routes: Iterable[tuple[RouteT, Iterable[RuleT], HostScore | None]],
) -> list[Ranked[RouteT, RuleT]]:
    """All entries of these routes, the one that wins first (§1.48, §1.53).

    routes  each with its rules and how well its hostnames fit, in the order that decides ties
    """
    found = []
    for order, (route, rules, score) in enumerate(routes):
        if score is not None:
            found += [((_descending(*score), *key, order), item) for key, item in _entries(route, rules)]
    # The order of routes and then of rules decides ties: rules are enumerated in order, and sorting is stable.
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def pattern_score(pattern: str) -> HostScore:
    """How well this hostname of a route fits all hosts that it fits at all (§1.48)."""
    return (1, len(pattern) - 1) if pattern.startswith("*.") else (2, len(pattern))


def _has_parent(in_force: RouteInForce, service: ServiceKey, port: int) -> bool:
    return any(
        (parent.namespace, parent.name) == service and parent.port in (None, port) for parent in in_force.parents
    )


def _age(route: HTTPRoute) -> tuple[str, str, str, str]:
    # Linkerd leaves the order undefined beyond the name; here it is at least always the same.
    return (route.creation_timestamp, route.name, route.namespace, route.group)


def _score(pattern: str, host: str) -> HostScore | None:
    bare = host if pattern.endswith(".") else host.removesuffix(".")
    if pattern.startswith("*."):
        return pattern_score(pattern) if bare.endswith(pattern[1:]) and len(bare) > len(pattern) - 1 else None
    return pattern_score(pattern) if bare == pattern else None


def _entries(route: RouteT, rules: Iterable[RuleT]) -> Iterator[tuple[tuple[int, ...], Ranked[RouteT, RuleT]]]:
    for rule in rules:
        for match in rule.matches:
            for entry in entries(match):
                yield (entry.tier, *_descending(entry.length, *_specificity(match))), Ranked(entry, route, rule, match)


def _specificity(match: Match) -> tuple[int, int, int]:
    """§1.48; of calls the characters of the service, then those of the method, then the number of headers."""
    if match.rpc is not None:
        return (len(match.rpc.service), len(match.rpc.method), len(match.headers))
    return (len(match.headers), len(match.query_params), int(match.method is not None))


def _descending(*numbers: int) -> tuple[int, ...]:
    return tuple(-number for number in numbers)
