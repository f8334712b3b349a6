"""Routes as Servers use them: which are attached, in which order, and what of them counts (§3.11, §3.12)."""

from __future__ import annotations

from collections.abc import Iterator

from harness.resources.conditions import ACCEPTED, LINKERD_CONTROLLER, ParentStatus, parse_parent_statuses
from harness.resources.filters import RequestHeaderModifier, RequestRedirect, UnsupportedFilter
from harness.resources.grpc_routes import unforeseen
from harness.resources.inbound import InboundRule
from harness.resources.matches import HeaderMatch, Match, PathMatch, QueryParamMatch
from harness.resources.parents import is_server_parent
from harness.resources.regexes import regex_problem
from harness.resources.routes import HTTPRoute, ParentRef
from harness.resources.servers import Server


def inbound_route_problem(route: HTTPRoute) -> str | None:
    """Why no Server can use this version of a route, with the place in it; None if it can.

    One wrong parentRef spoils the route for all its Servers (§3.11), one filter or pattern that the mesh does not know
    likewise (§1.54). Whoever follows the route over time keeps the previous version in force (§1.15).
    """
    return next(_problems(route), None)


def is_attached(route: HTTPRoute, server: Server) -> bool:
    """True if a route that can be used names this Server as a parent, and its status says that it is accepted."""
    if route.namespace != server.namespace or not _names(route, server):
        return False
    statuses = parse_parent_statuses(route.status)
    return any(_accepts(status, server) for status in statuses) and inbound_route_problem(route) is None


def precedence(route: HTTPRoute) -> tuple[bool, str, str, str, str]:
    """Sorts routes of one Server: which comes first wins among equally good matches (§1.52)."""
    created = route.creation_timestamp
    return (not created, created, route.name, route.group, route.kind)


def inbound_rules(route: HTTPRoute) -> tuple[InboundRule, ...]:
    """The rules without what plays no part inbound: backends, timeouts, response headers (§1.58, §3.11)."""
    return tuple(
        InboundRule(
            rule.matches,
            tuple(item for item in rule.filters if isinstance(item, RequestHeaderModifier | RequestRedirect)),
        )
        for rule in route.rules
    )


def _names(route: HTTPRoute, server: Server) -> bool:
    return any(is_server_parent(parent) and parent.name == server.name for parent in route.parent_refs)


def _accepts(status: ParentStatus, server: Server) -> bool:
    is_server = status.kind == "Server" and status.name == server.name
    return is_server and status.controller == LINKERD_CONTROLLER and status.is_true(ACCEPTED)


def _problems(route: HTTPRoute) -> Iterator[str]:
    for index, parent in enumerate(route.parent_refs):
        if is_server_parent(parent):
            yield from _parent_problems(parent, route, f"spec.parentRefs[{index}]")
    if problem := unforeseen(route):
        yield problem
    for number, rule in enumerate(route.rules):
        place = f"spec.rules[{number}]"
        for index, item in enumerate(rule.filters):
            if isinstance(item, UnsupportedFilter):
                yield f"{place}.filters[{index}]: {item.kind} filter is not supported"
        for index, match in enumerate(rule.matches):
            yield from _match_problems(match, f"{place}.matches[{index}]")


def _parent_problems(parent: ParentRef, route: HTTPRoute, place: str) -> Iterator[str]:
    said = f"{place}: route resource may not reference a parent"
    if parent.namespace != route.namespace:
        yield f"{said} Server in an other namespace"
    if parent.port is not None:
        yield f"{said} by port"
    if parent.section_name is not None:
        yield f"{said} by section name"


def _match_problems(match: Match, place: str) -> Iterator[str]:
    """What admission refuses, but 2.14 admits in the gateway group (§1.71)."""
    if match.path.type != "RegularExpression" and not match.path.value.startswith("/"):
        yield f"{place}.path: '{match.path.value}' is not an absolute path"
    parts: tuple[PathMatch | HeaderMatch | QueryParamMatch, ...] = (match.path, *match.headers, *match.query_params)
    for part in parts:
        if part.type == "RegularExpression" and (problem := regex_problem(part.value)):
            yield f"{place}: '{part.value}' is not a regular expression that the proxy can compile: {problem}"
