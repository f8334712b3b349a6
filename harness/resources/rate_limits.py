"""HTTPLocalRateLimitPolicies as frozen data, and which one is in force (§3.27)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from harness.resources.conditions import ACCEPTED
from harness.resources.document import Node, ResourceInvalid
from harness.resources.identities import service_account_identity
from harness.resources.policy_heads import read_head
from harness.resources.references import Reference, parse_reference

_MOST_REQUESTS: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RateOverride:
    """A limit that the listed clients share, in place of one for each (§3.29)."""

    requests_per_second: int
    clients: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class HTTPLocalRateLimitPolicy:
    """One HTTPLocalRateLimitPolicy; limits are requests per second, None if not written.

    total       of everybody
    identity    of each identity; clients without one share a limit (§3.28)
    accepted    its status says so; without that it is not used
    """

    namespace: str
    name: str
    target: Reference
    total: int | None = None
    identity: int | None = None
    overrides: tuple[RateOverride, ...] = ()
    creation_timestamp: str = ""
    accepted: bool = False

    def identities(self, override: RateOverride) -> tuple[str, ...]:
        """The clients that an override is for."""
        return tuple(
            service_account_identity(self.namespace if ref.namespace is None else ref.namespace, ref.name)
            for ref in override.clients
            if ref.is_service_account
        )


def parse_rate_limit_policy(obj: Any) -> HTTPLocalRateLimitPolicy:
    """Read an HTTPLocalRateLimitPolicy, stored or straight from a manifest.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    head = read_head(node, "HTTPLocalRateLimitPolicy")
    spec = node.child("spec")
    policy = HTTPLocalRateLimitPolicy(
        namespace=head.namespace,
        name=head.name,
        target=parse_reference(spec.child("targetRef")),
        total=_parse_limit(spec.child("total")) if spec.has("total") else None,
        identity=_parse_limit(spec.child("identity")) if spec.has("identity") else None,
        overrides=tuple(_parse_override(item) for item in spec.items("overrides")),
        creation_timestamp=head.creation_timestamp,
        accepted=_is_accepted(node.child("status")),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return policy


def effective_rate_limit(
    policies: Iterable[HTTPLocalRateLimitPolicy], namespace: str, server: str
) -> HTTPLocalRateLimitPolicy | None:
    """The one that the status controller accepts of those that target a Server: the oldest, then by name (§3.27)."""
    rivals = [
        policy
        for policy in policies
        if policy.namespace == namespace and policy.target.is_server and policy.target.name == server
    ]
    # Those that were never stored come last.
    return min(rivals, key=lambda one: (not one.creation_timestamp, one.creation_timestamp, one.name), default=None)


def _parse_limit(node: Node) -> int:
    return node.integer("requestsPerSecond", low=0, high=_MOST_REQUESTS, required=True) or 0


def _parse_override(node: Node) -> RateOverride:
    if not node.has("clientRefs"):
        node.report("is required", "clientRefs")
    return RateOverride(_parse_limit(node), tuple(parse_reference(item) for item in node.items("clientRefs")))


def _is_accepted(status: Node) -> bool:
    return any(
        condition.text("type") == ACCEPTED and condition.text("status") == "True"
        for condition in status.items("conditions")
    )
