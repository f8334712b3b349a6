"""Reads any object that takes part in inbound policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from harness.resources.authorizations import (
    AuthorizationPolicy,
    MeshTLSAuthentication,
    NetworkAuthentication,
    parse_authorization_policy,
    parse_mesh_tls_authentication,
    parse_network_authentication,
)
from harness.resources.document import Node, Problem, ResourceInvalid
from harness.resources.grpc_routes import parse_grpc_route
from harness.resources.rate_limits import HTTPLocalRateLimitPolicy, parse_rate_limit_policy
from harness.resources.routes import HTTPRoute, parse_http_route
from harness.resources.server_authorizations import ServerAuthorization, parse_server_authorization
from harness.resources.servers import Server, parse_server

PolicyObject: TypeAlias = (
    Server
    | HTTPRoute
    | AuthorizationPolicy
    | MeshTLSAuthentication
    | NetworkAuthentication
    | ServerAuthorization
    | HTTPLocalRateLimitPolicy
)

PARSERS: Final[Mapping[str, Callable[[Any], PolicyObject]]] = MappingProxyType(
    {
        "Server": parse_server,
        "HTTPRoute": parse_http_route,
        "GRPCRoute": parse_grpc_route,
        "AuthorizationPolicy": parse_authorization_policy,
        "MeshTLSAuthentication": parse_mesh_tls_authentication,
        "NetworkAuthentication": parse_network_authentication,
        "ServerAuthorization": parse_server_authorization,
        "HTTPLocalRateLimitPolicy": parse_rate_limit_policy,
    }
)
"""By kind; each refuses what is of another group."""


def parse_policy_object(obj: Any) -> PolicyObject:
    """Read an object by its kind.

    raises  ResourceInvalid with every problem, each with its path
    """
    kind = Node(obj).text("kind")
    if kind not in PARSERS:
        raise ResourceInvalid([Problem("kind", f"'{kind}' is not one of {', '.join(PARSERS)}")])
    return PARSERS[kind](obj)
