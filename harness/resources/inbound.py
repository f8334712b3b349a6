"""What the mesh does with a client of one port of one pod: the result of all policies together.

`policy_set` computes it. It says who is let in to which routes, and leaves how to match a request to a route to those
who match requests: the rules are the same as outbound (§3.16).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from harness.resources.default_policies import AUDIT
from harness.resources.filters import RequestHeaderModifier, RequestRedirect
from harness.resources.identities import identity_matches
from harness.resources.matches import Match
from harness.resources.networks import IPAddress, NetworkMatch
from harness.resources.routes import POLICY_GROUP
from harness.resources.servers import ProxyProtocol

_SPIFFE: Final = "spiffe://"

InboundFilter: TypeAlias = RequestHeaderModifier | RequestRedirect
"""Response headers cannot be changed inbound (§1.58)."""


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """What metrics and messages call a server, route, authorization or rate limit (§5.7).

    group   "" for what the mesh makes up itself
    kind    "default" for that; "server", "HTTPRoute", "authorizationpolicy", "serverauthorization",
            "HTTPLocalRateLimitPolicy"
    """

    group: str
    kind: str
    name: str

    @property
    def is_default(self) -> bool:
        return self.kind == "default"

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def default_ref(name: str) -> PolicyRef:
    """The name of something that no resource stands for."""
    return PolicyRef("", "default", name)


def policy_ref(kind: str, name: str) -> PolicyRef:
    """The name of a resource of policy.linkerd.io."""
    return PolicyRef(POLICY_GROUP, kind, name)


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who connects.

    address     where the connection comes from: its direct peer's pod, or the node for probes (§3.20)
    identity    of its certificate; None for unmeshed clients (§3.23)
    mesh_tls    True if the connection is the mesh's own TLS; all clients with an identity speak it
    """

    address: IPAddress
    identity: str | None = None
    mesh_tls: bool = False


@dataclass(frozen=True, slots=True)
class Authorization:
    """Lets some clients in; there are none that keep clients out (§3.14).

    networks    the client must come from one of them
    identities  patterns, one of which must fit the client's identity; None asks for no identity
    mesh_tls    the client must at least speak mesh TLS
    """

    ref: PolicyRef
    networks: tuple[NetworkMatch, ...]
    identities: tuple[str, ...] | None = None
    mesh_tls: bool = False

    @property
    def is_audit(self) -> bool:
        """True if what it lets in is to be logged (§3.26)."""
        return self.ref == default_ref(AUDIT.name)

    def permits(self, client: Client) -> bool:
        """True if it lets this client in."""
        if not any(network.contains(client.address) for network in self.networks):
            return False
        if self.identities is not None:
            identity = client.identity
            return identity is not None and any(_fits(pattern, identity) for pattern in self.identities)
        return not self.mesh_tls or client.mesh_tls or client.identity is not None


@dataclass(frozen=True, slots=True)
class InboundRule:
    """Matches (OR, never empty) and what is done to requests that are let in (§3.15)."""

    matches: tuple[Match, ...]
    filters: tuple[InboundFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundRoute:
    """Requests that are authorized alike.

    hostnames       none means all
    rules           empty if `rules: []` was written: the route is there and matches nothing (§1.21)
    authorizations  any one suffices, none means 403: the route's own, the server's, then localhost (§3.14)
    """

    ref: PolicyRef
    hostnames: tuple[str, ...]
    rules: tuple[InboundRule, ...]
    authorizations: tuple[Authorization, ...]

    def authorization_for(self, client: Client) -> Authorization | None:
        """The first authorization that lets the client in, or None for a 403."""
        return _first(self.authorizations, client)


@dataclass(frozen=True, slots=True)
class RateLimitOverride:
    """One bucket for several identities together (§3.29)."""

    requests_per_second: int
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests per second; every bucket holds one second's worth (§3.28).

    total       one bucket for all, asked first; None for no limit
    identity    a bucket for each identity, and one for all clients without one; None for no limit
    overrides   in place of `identity` for those who are listed; no identity is in two of them
    """

    ref: PolicyRef
    total: int | None = None
    identity: int | None = None
    overrides: tuple[RateLimitOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """All that holds for one port of one pod.

    protocol        how connections are read (§3.7)
    authorizations  of the server itself, localhost last: they decide connections that are not HTTP; each route's own
                    list has them too
    routes          in order of precedence among equals (§1.52), for HTTP; empty for opaque and TLS. A request that
                    matches none is answered 404 (§3.12)
    rate_limit      asked after authorization and filters (§3.15); None for opaque, TLS and gRPC (§3.29)
    """

    server: PolicyRef
    protocol: ProxyProtocol
    authorizations: tuple[Authorization, ...]
    routes: tuple[InboundRoute, ...] = ()
    rate_limit: RateLimit | None = None

    @property
    def is_http(self) -> bool:
        """False if connections are let in or closed as a whole (§3.7)."""
        return self.protocol not in ("opaque", "TLS")

    def authorization_for(self, client: Client) -> Authorization | None:
        """The first authorization that lets a connection of this client in, or None if it is closed."""
        return _first(self.authorizations, client)


def _first(authorizations: Iterable[Authorization], client: Client) -> Authorization | None:
    return next((found for found in authorizations if found.permits(client)), None)


def _fits(pattern: str, identity: str) -> bool:
    if identity.startswith(_SPIFFE):  # §3.19: not even `*` means these
        return pattern == identity
    return identity_matches(pattern, identity)
