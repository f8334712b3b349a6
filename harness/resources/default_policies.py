"""Default inbound policies: what holds for a port that no Server selects (§3.1, §3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from harness.dialect import Dialect


@dataclass(frozen=True, slots=True)
class DefaultPolicy:
    """One of the six, by its name.

    allows              False for `deny` alone
    authenticated_only  clients must have a mesh identity, whichever it is
    cluster_only        clients must come from one of the cluster's networks
    """

    name: str
    allows: bool = True
    authenticated_only: bool = False
    cluster_only: bool = False

    def requiring_identity(self) -> DefaultPolicy:
        """This policy for a port that requires identity: only the four with a client in their name change (§3.2)."""
        if not self.name.endswith("-unauthenticated"):
            return self
        name = self.name.replace("-unauthenticated", "-authenticated")
        return replace(self, name=name, authenticated_only=True)


ALL_UNAUTHENTICATED: Final = DefaultPolicy("all-unauthenticated")
"""What an install has unless it says otherwise."""
AUDIT: Final = DefaultPolicy("audit")
"""Allows everything and logs it (§3.26)."""
DENY: Final = DefaultPolicy("deny", allows=False)

_ALL: Final[Mapping[str, DefaultPolicy]] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            ALL_UNAUTHENTICATED,
            DefaultPolicy("all-authenticated", authenticated_only=True),
            DefaultPolicy("cluster-authenticated", authenticated_only=True, cluster_only=True),
            DefaultPolicy("cluster-unauthenticated", cluster_only=True),
            DENY,
            AUDIT,
        )
    }
)


def default_policy(name: str, dialect: Dialect) -> DefaultPolicy | None:
    """The policy of this name, or None if the mesh knows none; names are case-sensitive."""
    policy = _ALL.get(name)
    return None if policy is AUDIT and not dialect.audit_policy else policy
