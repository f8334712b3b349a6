"""All policy objects together: what holds for one port of one pod (sections 3A to 3E). Pure; knows no proxy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from harness.dialect import Dialect
from harness.resources.authorizations import AuthorizationPolicy, MeshTLSAuthentication, NetworkAuthentication
from harness.resources.default_policies import ALL_UNAUTHENTICATED, DefaultPolicy, default_policy
from harness.resources.grants import (
    LOCALHOST,
    Authentications,
    default_grants,
    probe_grant,
    server_authorization_grants,
)
from harness.resources.inbound import (
    Authorization,
    InboundPolicy,
    InboundRoute,
    InboundRule,
    PolicyRef,
    RateLimit,
    RateLimitOverride,
    default_ref,
    policy_ref,
)
from harness.resources.matches import Match, PathMatch
from harness.resources.networks import ALL_NETWORKS, NetworkMatch, whole_networks
from harness.resources.pods import PodFacts
from harness.resources.policy_objects import PolicyObject
from harness.resources.rate_limits import HTTPLocalRateLimitPolicy, effective_rate_limit
from harness.resources.routes import HTTPRoute
from harness.resources.server_authorizations import ServerAuthorization
from harness.resources.server_routes import inbound_rules, is_attached, precedence
from harness.resources.servers import ProxyProtocol, Server

CLUSTER_NETWORKS: Final = whole_networks(("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"))
"""Where an install expects its pods unless it says otherwise (§3.1)."""


@dataclass(frozen=True, slots=True)
class InstallSettings:
    """What was chosen when the mesh was installed.

    default_policy      for pods whose annotation says nothing that is known (§3.1, §3.2)
    cluster_networks    what `cluster-…` policies, and ServerAuthorizations without networks, mean (§3.1, §3.21)
    probe_networks      where probes come from; none makes no probe route at all (§0.9)
    """

    default_policy: DefaultPolicy = ALL_UNAUTHENTICATED
    cluster_networks: tuple[NetworkMatch, ...] = CLUSTER_NETWORKS
    probe_networks: tuple[NetworkMatch, ...] = ALL_NETWORKS


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policy objects of all namespaces as they are in force; their order plays no part."""

    dialect: Dialect
    settings: InstallSettings = InstallSettings()
    servers: tuple[Server, ...] = ()
    routes: tuple[HTTPRoute, ...] = ()
    authorization_policies: tuple[AuthorizationPolicy, ...] = ()
    mesh_tls_authentications: tuple[MeshTLSAuthentication, ...] = ()
    network_authentications: tuple[NetworkAuthentication, ...] = ()
    server_authorizations: tuple[ServerAuthorization, ...] = ()
    rate_limit_policies: tuple[HTTPLocalRateLimitPolicy, ...] = ()

    @classmethod
    def of(
        cls, objects: Iterable[PolicyObject], dialect: Dialect, settings: InstallSettings | None = None
    ) -> PolicySet:
        """The set of these objects; routes without a Server among their parents do no harm."""
        known = tuple(objects)
        return cls(
            dialect=dialect,
            settings=settings or InstallSettings(),
            servers=tuple(one for one in known if isinstance(one, Server)),
            routes=tuple(one for one in known if isinstance(one, HTTPRoute)),
            authorization_policies=tuple(one for one in known if isinstance(one, AuthorizationPolicy)),
            mesh_tls_authentications=tuple(one for one in known if isinstance(one, MeshTLSAuthentication)),
            network_authentications=tuple(one for one in known if isinstance(one, NetworkAuthentication)),
            server_authorizations=tuple(one for one in known if isinstance(one, ServerAuthorization)),
            rate_limit_policies=tuple(one for one in known if isinstance(one, HTTPLocalRateLimitPolicy)),
        )

    def server_for(self, pod: PodFacts, port: int) -> Server | None:
        """The Server in force on that port, or None: the oldest that selects it, then the first by name (§1.74)."""
        rivals = (server for server in self.servers if server.selects(pod, port))
        return min(rivals, key=lambda server: (server.creation_timestamp, server.name), default=None)

    def inbound_policy(self, pod: PodFacts, port: int) -> InboundPolicy:
        """All that holds for that port, which need not be declared."""
        server = self.server_for(pod, port)
        return self._default(pod, port) if server is None else self._of_server(server, pod, port)

    def _default(self, pod: PodFacts, port: int) -> InboundPolicy:
        """§3.2 to §3.4."""
        policy = default_policy(pod.default_policy or "", self.dialect) or self.settings.default_policy
        if port in pod.identity_ports:
            policy = policy.requiring_identity()
        authorizations = (*default_grants(policy, self.settings.cluster_networks), LOCALHOST)
        opaque = port in pod.opaque_ports
        return InboundPolicy(
            server=default_ref(policy.name),
            protocol="opaque" if opaque else "unknown",
            authorizations=authorizations,
            routes=() if opaque else tuple(self._made_up_routes(pod, port, authorizations)),
        )

    def _of_server(self, server: Server, pod: PodFacts, port: int) -> InboundPolicy:
        authorizations = (*self._server_grants(server), LOCALHOST)
        protocol = self._protocol(server)
        routes: tuple[InboundRoute, ...] = ()
        if protocol == "gRPC":  # §3.12: only GRPCRoutes go with it, and there is no probe among them
            written = tuple(self._written_routes(server, authorizations, "GRPCRoute"))
            routes = written or (_default_route(authorizations),)
        elif protocol not in ("opaque", "TLS"):
            written = tuple(self._written_routes(server, authorizations, "HTTPRoute"))
            routes = written or tuple(self._made_up_routes(pod, port, authorizations))
        return InboundPolicy(
            server=policy_ref("server", server.name),
            protocol=protocol,
            authorizations=authorizations,
            routes=routes,
            rate_limit=None if protocol in ("opaque", "TLS", "gRPC") else self._rate_limit(server),  # §3.29
        )

    def _protocol(self, server: Server) -> ProxyProtocol:
        if server.proxy_protocol == "gRPC" and self.dialect.grpc_servers_take_http_routes:
            return "HTTP/2"
        return server.proxy_protocol

    def _made_up_routes(
        self, pod: PodFacts, port: int, authorizations: tuple[Authorization, ...]
    ) -> Iterator[InboundRoute]:
        """What a port has that no HTTPRoute is attached to (§3.3, §3.12)."""
        yield _default_route(authorizations)
        paths, networks = pod.probe_paths.get(port, ()), self.settings.probe_networks
        if paths and networks:
            matches = tuple(Match(PathMatch("Exact", path), method="GET") for path in paths)
            own = probe_grant(networks)
            yield InboundRoute(default_ref("probe"), (), (InboundRule(matches),), (own, *authorizations))

    def _written_routes(
        self, server: Server, authorizations: tuple[Authorization, ...], kind: str
    ) -> Iterator[InboundRoute]:
        """The routes of a kind that are attached to the Server, in their order (§1.52)."""
        authentications = self._authentications()
        attached = (route for route in self.routes if route.kind == kind and is_attached(route, server))
        for route in sorted(attached, key=precedence):
            policies = (policy for policy in self._policies_of(server.namespace) if _targets_route(policy, route))
            yield InboundRoute(
                ref=PolicyRef(route.group, route.kind, route.name),
                hostnames=route.hostnames,
                rules=inbound_rules(route),
                authorizations=(*chain.from_iterable(map(authentications.policy_grants, policies)), *authorizations),
            )

    def _server_grants(self, server: Server) -> Iterator[Authorization]:
        """§3.14: what lets clients in to all routes of a Server; the order decides no more than what is counted."""
        authentications, cluster = self._authentications(), self.settings.cluster_networks
        for authorization in sorted(self.server_authorizations, key=lambda one: one.name):
            if authorization.is_about(server):
                yield from server_authorization_grants(authorization, cluster)
        for policy in self._policies_of(server.namespace):
            if policy.target.is_namespace or (policy.target.is_server and policy.target.name == server.name):
                yield from authentications.policy_grants(policy)
        if self.dialect.server_access_policies:  # §3.9
            yield from default_grants(default_policy(server.access_policy, self.dialect), cluster)

    def _policies_of(self, namespace: str) -> list[AuthorizationPolicy]:
        found = (policy for policy in self.authorization_policies if policy.namespace == namespace)
        return sorted(found, key=lambda policy: policy.name)

    def _authentications(self) -> Authentications:
        return Authentications(
            {(one.namespace, one.name): one for one in self.mesh_tls_authentications},
            {(one.namespace, one.name): one for one in self.network_authentications},
        )

    def _rate_limit(self, server: Server) -> RateLimit | None:
        """§3.27, as far as the status controller has accepted one; a limit of 0 is none."""
        accepted = [policy for policy in self.rate_limit_policies if policy.accepted]
        policy = effective_rate_limit(accepted, server.namespace, server.name)
        if policy is None or not self.dialect.rate_limits:
            return None
        return RateLimit(
            ref=policy_ref("HTTPLocalRateLimitPolicy", policy.name),
            total=policy.total or None,
            identity=policy.identity or None,
            overrides=_overrides(policy),
        )


def _default_route(authorizations: tuple[Authorization, ...]) -> InboundRoute:
    return InboundRoute(default_ref("default"), (), (InboundRule((Match(),)),), authorizations)


def _targets_route(policy: AuthorizationPolicy, route: HTTPRoute) -> bool:
    """§3.17: names of routes are compared without case."""
    target = policy.target
    return target.is_a(route.group, route.kind) and target.name.lower() == route.name.lower()


def _overrides(policy: HTTPLocalRateLimitPolicy) -> tuple[RateLimitOverride, ...]:
    """Each with its clients; one who is in several has the last."""
    used = [override for override in policy.overrides if override.requests_per_second]
    last = {identity: index for index, override in enumerate(used) for identity in policy.identities(override)}
    clients = [tuple(identity for identity, at in last.items() if at == index) for index in range(len(used))]
    return tuple(
        RateLimitOverride(override.requests_per_second, identities)
        for override, identities in zip(used, clients, strict=True)
        if identities
    )
