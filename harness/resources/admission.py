"""What the policy webhook says about an object before it is stored (§1.71, §1.74). What it does not look at: §1.72."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.document import Node
from harness.resources.policy_admission import (
    overlap_denials,
    review_authorization_policy,
    review_mesh_tls_authentication,
    review_network_authentication,
    review_rate_limit_policy,
    review_server,
    review_server_authorization,
)
from harness.resources.review import Review
from harness.resources.route_admission import review_gateway_route, review_grpc_route, review_policy_route
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP

ServerLookup = Callable[[str], Iterable[Any]]
"""The stored Servers of a namespace, this one included if it is there already."""

_SERVER: Final = (POLICY_GROUP, "Server")
_REVIEWERS: Final[Mapping[tuple[str, str], Callable[[Any, Dialect], Review]]] = {
    (POLICY_GROUP, "HTTPRoute"): review_policy_route,
    (GATEWAY_GROUP, "HTTPRoute"): review_gateway_route,
    (GATEWAY_GROUP, "GRPCRoute"): review_grpc_route,
    _SERVER: review_server,
    (POLICY_GROUP, "AuthorizationPolicy"): review_authorization_policy,
    (POLICY_GROUP, "MeshTLSAuthentication"): review_mesh_tls_authentication,
    (POLICY_GROUP, "NetworkAuthentication"): review_network_authentication,
    (POLICY_GROUP, "ServerAuthorization"): review_server_authorization,
    (POLICY_GROUP, "HTTPLocalRateLimitPolicy"): review_rate_limit_policy,
}


def _no_servers(_namespace: str) -> Iterable[Any]:
    return ()


def review(obj: Any, dialect: Dialect, servers: ServerLookup = _no_servers) -> Review:
    """All objections to an object as the API server would store it; kinds that the webhook does not know have none.

    servers     asked only where the dialect compares a Server with the others
    """
    node = Node(obj)
    kind = (node.text("apiVersion").rpartition("/")[0], node.text("kind"))
    reviewer = _REVIEWERS.get(kind)
    if reviewer is None:
        return Review()
    answer = reviewer(obj, dialect)
    if kind == _SERVER and dialect.overlapping_servers_are_refused:
        overlaps = overlap_denials(obj, servers(node.child("metadata").text("namespace")))
        return Review(answer.denials + overlaps, answer.warnings)
    return answer
