"""Who is let in, as rules of the proxy's role-based access control (§3.14, §3.18 to §3.20).

Names of rules say which authorization they stand for, and are read back from the counters. The proxy takes the first
that fits in the order of names, as Linkerd takes the first of its list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.embedded.dataplane.compile.names import Config, typed
from harness.resources.inbound import Authorization, PolicyRef
from harness.resources.networks import IPNetwork, NetworkMatch

FILTER: Final = "envoy.filters.http.rbac"
_ANY_IDENTITY: Final[Config] = {"authenticated": {}}


def access_filter() -> Config:
    """The filter of a connection manager; what it enforces is said by each route."""
    return {"name": FILTER, "typed_config": typed("extensions.filters.http.rbac.v3.RBAC")}


def route_access(authorizations: Sequence[Authorization]) -> Config:
    """The part of a route's `typed_per_filter_config` that lets these in, and nobody else."""
    return {FILTER: typed("extensions.filters.http.rbac.v3.RBACPerRoute", rbac={"rules": _rules(authorizations)})}


def connection_access(authorizations: Sequence[Authorization]) -> Config:
    """The filter of connections that are not looked into: they are closed for everybody else (§3.7)."""
    config = typed("extensions.filters.network.rbac.v3.RBAC", rules=_rules(authorizations), stat_prefix="tcp")
    return {"name": "envoy.filters.network.rbac", "typed_config": config}


def rule_name(place: int, ref: PolicyRef) -> str:
    """The name of the rule for an authorization at this place of its list."""
    return f"{place:04d}/{ref.group}/{ref.kind}/{ref.name}"


def parse_rule_name(text: str) -> PolicyRef | None:
    """The authorization that a rule stands for, None if the text names no rule."""
    parts = text.split("/")
    return PolicyRef(*parts[1:]) if len(parts) == 4 else None


def _rules(authorizations: Sequence[Authorization]) -> Config:
    policies = {
        rule_name(place, authorization.ref): {"permissions": [{"any": True}], "principals": [_principal(authorization)]}
        for place, authorization in enumerate(authorizations)
        if authorization.networks and authorization.identities != ()  # else it fits nobody
    }
    return {"action": "ALLOW", "policies": policies}


def _principal(authorization: Authorization) -> Config:
    conditions = [_any_of([_network(network) for network in authorization.networks])]
    if authorization.identities is not None:
        conditions.append(_any_of([_identity(pattern) for pattern in authorization.identities]))
    elif authorization.mesh_tls:
        conditions.append(_ANY_IDENTITY)
    return _all_of(conditions)


def _network(match: NetworkMatch) -> Config:
    outside = [{"not_id": _range(exception)} for exception in match.exceptions]
    return _all_of([_range(match.network), *outside])


def _range(network: IPNetwork) -> Config:
    """The connection's own address: no header is believed (§3.20)."""
    return {"direct_remote_ip": {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}}


def _identity(pattern: str) -> Config:
    """§3.19."""
    if pattern == "*":
        return _ANY_IDENTITY
    text = {"suffix": pattern[1:]} if pattern.startswith("*.") else {"exact": pattern}
    return {"authenticated": {"principal_name": text}}


def _all_of(conditions: list[Config]) -> Config:
    return conditions[0] if len(conditions) == 1 else {"and_ids": {"ids": conditions}}


def _any_of(conditions: list[Config]) -> Config:
    return conditions[0] if len(conditions) == 1 else {"or_ids": {"ids": conditions}}
