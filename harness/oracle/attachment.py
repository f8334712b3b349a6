"""Which HTTPRoutes hold: for clients of a namespace on a Service port, and for everybody on a Server (§1A, §3C)."""

from __future__ import annotations

from collections.abc import Iterator

from harness.oracle.objects import Objects
from harness.resources.filters import UnsupportedFilter
from harness.resources.matches import HeaderMatch, PathMatch, QueryParamMatch
from harness.resources.parents import is_server_parent, is_service_parent
from harness.resources.regexes import regex_problem
from harness.resources.routes import HTTPRoute, ParentRef
from harness.resources.servers import Server
from harness.resources.services import Service


def unusable(route: HTTPRoute) -> str:
    """Why the mesh cannot use a route that admission lets pass, so that it is as if it were not there (§1.15)."""
    return next(_obstacles(route), "")


def outbound_routes(objects: Objects, service: Service, port: int, client_namespace: str) -> tuple[HTTPRoute, ...]:
    """The routes for clients of that namespace, in the order that decides ties."""
    if not service.can_be_parent:  # §1.7, §1.64
        return ()
    found = [
        route
        for route in objects.routes
        if route.namespace in (service.namespace, client_namespace)  # §1.11
        and any(attaches(parent, service, port) for parent in route.parent_refs)
        and not unusable(route)
    ]
    return tuple(sorted(found, key=_age))


def attaches(parent: ParentRef, service: Service, port: int) -> bool:
    """True if this parentRef means this port of this Service (§1.1, §1.3)."""
    is_it = is_service_parent(parent) and (parent.namespace, parent.name) == (service.namespace, service.name)
    return is_it and parent.port in (None, port)


def server_routes(objects: Objects, server: Server) -> tuple[HTTPRoute, ...]:
    """The routes of a Server, in the order that decides ties (§1.52)."""
    found = [
        route
        for route in objects.routes
        if any(is_server_parent(parent) and parent.name == server.name for parent in route.parent_refs)
        and route.namespace == server.namespace
        and not _misreferences(route)
        and not unusable(route)
    ]
    return tuple(sorted(found, key=lambda route: (*_age(route)[:3], route.group, route.kind)))


def _misreferences(route: HTTPRoute) -> bool:
    """§3.11: one such parentRef spoils the route for all its Servers."""
    servers = [parent for parent in route.parent_refs if is_server_parent(parent)]
    return any(
        parent.namespace != route.namespace or parent.port is not None or parent.section_name is not None
        for parent in servers
    )


def _age(route: HTTPRoute) -> tuple[bool, str, str, str, str]:
    """§1.51; beyond the name the order is not defined, and here at least always the same."""
    created = route.creation_timestamp
    return (not created, created, route.name, route.namespace, route.group)


def _obstacles(route: HTTPRoute) -> Iterator[str]:
    for number, rule in enumerate(route.rules):
        place = f"spec.rules[{number}]"
        for index, item in enumerate(rule.filters):
            if isinstance(item, UnsupportedFilter):  # §1.54
                yield f"{place}.filters[{index}]: the mesh has no filter {item.kind}"
        for index, match in enumerate(rule.matches):
            parts: tuple[PathMatch | HeaderMatch | QueryParamMatch, ...]
            parts = (match.path, *match.headers, *match.query_params)
            for part in parts:
                if part.type == "RegularExpression" and (problem := regex_problem(part.value)):
                    yield f"{place}.matches[{index}]: '{part.value}' cannot be compiled: {problem}"
            if match.path.type != "RegularExpression" and not match.path.value.startswith("/"):
                yield f"{place}.matches[{index}].path: '{match.path.value}' is not absolute"
