"""Which HTTPRoutes hold: for clients of a namespace on a Service port, and for everybody on a Server (§1A, §3C)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.dialect import Dialect
from harness.oracle.objects import Objects
from harness.resources.app_protocols import HTTP
from harness.resources.filters import UnsupportedFilter
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.matches import HeaderMatch, PathMatch, QueryParamMatch
from harness.resources.parents import is_server_parent, is_service_parent, status_parent_ref
from harness.resources.regexes import regex_problem
from harness.resources.routes import HTTPRoute, ParentRef
from harness.resources.servers import Server
from harness.resources.services import Service

EXTENSION: Final = "ExtensionRef"


def unusable(route: HTTPRoute, dialect: Dialect) -> str:
    """Why the mesh cannot use a route that admission lets pass, so that it is as if it were not there (§1.15, E52)."""
    return next(_obstacles(route, dialect), "")


def outbound_routes(objects: Objects, service: Service, port: int, client_namespace: str) -> tuple[HTTPRoute, ...]:
    """The routes for clients of that namespace, in the order that decides ties."""
    if not service.can_be_parent:  # §1.7, §1.64
        return ()
    dialect = objects.dialect
    found = [
        route
        for route in objects.routes
        if route.namespace in (service.namespace, client_namespace)  # §1.11
        and any(
            attaches(parent, service, port, dialect) and not _is_taken(objects, route, parent)
            for parent in route.parent_refs
        )
        and not unusable(route, dialect)
    ]
    found = _of_one_kind(found, service, port, dialect)
    own = [route for route in found if route.namespace == client_namespace]
    if dialect.consumer_routes_replace and own:  # E10
        found = own
    return tuple(sorted(found, key=_age if dialect.matching == "linkerd" else _age_and_place))


def _of_one_kind(found: list[HTTPRoute], service: Service, port: int, dialect: Dialect) -> list[HTTPRoute]:
    """§1.60: where there is one for calls, no other holds; §1.59: none is for calls where only HTTP/1 is spoken."""
    declared = service.port(port)
    only_http_1 = dialect.app_protocols and declared is not None and declared.app_protocol == HTTP
    calls = [] if only_http_1 else [route for route in found if route.kind == GRPC_ROUTE]
    return calls or [route for route in found if route.kind != GRPC_ROUTE]


def attaches(parent: ParentRef, service: Service, port: int, dialect: Dialect) -> bool:
    """True if this parentRef means this port of this Service (§1.1, §1.3, E1, E5, E6)."""
    is_it = is_service_parent(parent) and (parent.namespace, parent.name) == (service.namespace, service.name)
    if parent.group and not dialect.core_is_a_group:
        return False
    if parent.section_name is not None and dialect.parent_sections:
        declared = service.port(port)
        is_it = is_it and declared is not None and declared.name == parent.section_name
    return is_it and parent.port in (None, port)


def server_routes(objects: Objects, server: Server, kind: str) -> tuple[HTTPRoute, ...]:
    """The routes of a Server of this kind, in the order that decides ties (§1.52)."""
    found = [
        route
        for route in objects.routes
        if route.kind == kind
        and any(
            is_server_parent(parent) and parent.name == server.name and not _is_taken(objects, route, parent)
            for parent in route.parent_refs
        )
        and route.namespace == server.namespace
        and not _misreferences(route)
        and not unusable(route, objects.dialect)
    ]
    return tuple(sorted(found, key=lambda route: (*_age(route)[:3], route.group, route.kind)))


def _is_taken(objects: Objects, route: HTTPRoute, parent: ParentRef) -> bool:
    """§1.64: a parentRef of a GRPCRoute, whoever it is for, is accepted of no other kind."""
    if route.kind == GRPC_ROUTE:
        return False
    rivals = (one for one in objects.routes if one.kind == GRPC_ROUTE)
    return any(status_parent_ref(other) == status_parent_ref(parent) for one in rivals for other in one.parent_refs)


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


def _is_followed(item: UnsupportedFilter, dialect: Dialect) -> bool:
    """E53: an ExtensionRef that leads to nothing known fails its requests, and no more."""
    return item.kind in dialect.optional_filters or (item.kind == EXTENSION and bool(dialect.optional_filters))


def _age_and_place(route: HTTPRoute) -> tuple[bool, str, str]:
    """E37."""
    return (not route.creation_timestamp, route.creation_timestamp, f"{route.namespace}/{route.name}")


def _obstacles(route: HTTPRoute, dialect: Dialect) -> Iterator[str]:
    for number, rule in enumerate(route.rules):
        place = f"spec.rules[{number}]"
        for index, item in enumerate(rule.filters):
            if isinstance(item, UnsupportedFilter) and not _is_followed(item, dialect):  # §1.54
                yield f"{place}.filters[{index}]: the mesh has no filter {item.kind}"
        for index, match in enumerate(rule.matches):
            parts: tuple[PathMatch | HeaderMatch | QueryParamMatch, ...]
            parts = (match.path, *match.headers, *match.query_params)
            for part in parts:
                if part.type == "RegularExpression" and (problem := regex_problem(part.value)):
                    yield f"{place}.matches[{index}]: '{part.value}' cannot be compiled: {problem}"
            if match.path.type != "RegularExpression" and not match.path.value.startswith("/"):
                yield f"{place}.matches[{index}].path: '{match.path.value}' is not absolute"
