"""Whom each policy object lets in, and which of them let in nobody (§3.17 to §3.21)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.resources.authorizations import AuthorizationPolicy, MeshTLSAuthentication, NetworkAuthentication
from harness.resources.default_policies import DefaultPolicy
from harness.resources.identities import service_account_identity
from harness.resources.inbound import Authorization, default_ref, policy_ref
from harness.resources.networks import ALL_NETWORKS, NetworkMatch, whole_networks
from harness.resources.references import Reference
from harness.resources.server_authorizations import ServerAuthorization

Place = tuple[str, str]
"""Namespace and name."""

LOCALHOST = Authorization(default_ref("localhost"), whole_networks(("127.0.0.1", "::1")))
"""Part of every policy (§3.5)."""


def probe_grant(networks: tuple[NetworkMatch, ...]) -> Authorization:
    """What lets probes in, and with the default networks everybody else (§0.9)."""
    return Authorization(default_ref("probe"), networks)


def default_grants(policy: DefaultPolicy | None, cluster: tuple[NetworkMatch, ...]) -> Iterator[Authorization]:
    """What a default policy lets in (§3.1); nothing for `deny` and for None."""
    if policy is not None and policy.allows:
        networks = cluster if policy.cluster_only else ALL_NETWORKS
        yield Authorization(default_ref(policy.name), networks, ("*",) if policy.authenticated_only else None)


def server_authorization_grants(
    authorization: ServerAuthorization, cluster: tuple[NetworkMatch, ...]
) -> Iterator[Authorization]:
    """What a ServerAuthorization lets in; nothing if it names no client (§3.21)."""
    ref = policy_ref("serverauthorization", authorization.name)
    networks, tls = authorization.networks or cluster, authorization.mesh_tls
    if authorization.unauthenticated:
        yield Authorization(ref, networks)
    elif tls is not None and tls.unauthenticated:
        yield Authorization(ref, networks, mesh_tls=True)
    elif tls is not None and tls.identities:
        yield Authorization(ref, networks, tls.identities)


@dataclass(frozen=True, slots=True)
class Authentications:
    """The authentications that policies can refer to, of all namespaces."""

    mesh_tls: Mapping[Place, MeshTLSAuthentication] = field(default_factory=dict)
    networks: Mapping[Place, NetworkAuthentication] = field(default_factory=dict)

    def policy_grants(self, policy: AuthorizationPolicy) -> Iterator[Authorization]:
        """What an AuthorizationPolicy lets in.

        Nothing if it refers to what is missing, empty or no authentication, or to two identities or networks: such a
        policy is inert, it never opens a port (§3.18).
        """
        networks = [self._networks(ref, policy.namespace) for ref in policy.authentications if ref.is_network]
        identities = [self._identities(ref, policy.namespace) for ref in policy.authentications if not ref.is_network]
        if max(len(networks), len(identities)) > 1 or not all((*networks, *identities)):
            return
        yield Authorization(
            ref=policy_ref("authorizationpolicy", policy.name),
            networks=networks[0] if networks else ALL_NETWORKS,
            identities=identities[0] if identities else None,
        )

    def _identities(self, reference: Reference, own_namespace: str) -> tuple[str, ...]:
        namespace, name = _place(reference, own_namespace)
        if reference.is_service_account:
            return (service_account_identity(namespace, name),)
        found = self.mesh_tls.get((namespace, name)) if reference.is_mesh_tls else None
        return found.identities if found and not found.unreadable else ()

    def _networks(self, reference: Reference, own_namespace: str) -> tuple[NetworkMatch, ...]:
        found = self.networks.get(_place(reference, own_namespace))
        return found.networks if found else ()


def _place(reference: Reference, own_namespace: str) -> Place:
    return (own_namespace if reference.namespace is None else reference.namespace, reference.name)
