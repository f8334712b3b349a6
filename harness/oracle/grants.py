"""Whom authorizations let in (§3.14, §3.17 to §3.21)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Final

from harness.oracle.asking import Sender
from harness.oracle.objects import Objects
from harness.resources.authorizations import AuthorizationPolicy
from harness.resources.default_policies import DefaultPolicy
from harness.resources.identities import service_account_identity
from harness.resources.networks import ALL_NETWORKS, NetworkMatch
from harness.resources.references import Reference
from harness.resources.server_authorizations import ServerAuthorization

SOMEWHERE: Final = IPv4Network("10.0.0.0/8")
"""Where a client is taken to be whose address nobody knows: where clusters have their pods (§3.1)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Something that lets clients in.

    name        kind/name
    asks        what it asks a client for, in words; "" for nothing
    networks    the client must come from one of them
    identities  patterns, one of which must fit; None asks for no identity
    mesh_tls    the client must be in the mesh
    """

    name: str
    asks: str
    networks: tuple[NetworkMatch, ...] = ALL_NETWORKS
    identities: tuple[str, ...] | None = None
    mesh_tls: bool = False

    def permits(self, sender: Sender) -> bool:
        """True if it lets this client in."""
        if not any(_comes_from(sender, network) for network in self.networks):
            return False
        if self.mesh_tls and not sender.meshed:
            return False
        if self.identities is None:
            return True
        return sender.identity is not None and any(_is_called(sender.identity, one) for one in self.identities)


def _comes_from(sender: Sender, match: NetworkMatch) -> bool:
    """§3.20. A client without a known address comes from a network only if that is true of every address."""
    if sender.address is not None:
        inside = sender.address in ip_network(str(match.network))
        return inside and not any(sender.address in ip_network(str(part)) for part in match.exceptions)
    if not isinstance(match.network, IPv4Network) or not SOMEWHERE.subnet_of(match.network):
        return False
    return not any(isinstance(part, IPv4Network) and part.overlaps(SOMEWHERE) for part in match.exceptions)


def _is_called(identity: str, pattern: str) -> bool:
    """§3.19."""
    if identity.startswith("spiffe://"):
        return identity == pattern
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return identity.endswith(pattern[1:])
    return identity == pattern


def default_grant(policy: DefaultPolicy | None, cluster: tuple[NetworkMatch, ...]) -> Grant | None:
    """§3.1: what a default policy lets in; None for `deny`, and for none at all."""
    if policy is None or policy.name == "deny":
        return None
    networks = cluster if policy.name.startswith("cluster-") else ALL_NETWORKS
    asks_identity = policy.name in ("all-authenticated", "cluster-authenticated")
    words = [
        word for word, asked in (("an identity", asks_identity), ("a cluster network", networks is cluster)) if asked
    ]
    return Grant(f"default/{policy.name}", " and ".join(words), networks, ("*",) if asks_identity else None)


def policy_grant(objects: Objects, policy: AuthorizationPolicy) -> Iterator[Grant]:
    """What an AuthorizationPolicy lets in; nothing if one of its authentications is missing (§3.18)."""
    networks, identities = ALL_NETWORKS, None
    kinds = [("network" if ref.is_network else "identity") for ref in policy.authentications]
    if len(set(kinds)) != len(kinds):
        return  # two of a kind: the webhook refuses it, and stored all the same it is inert
    for reference in policy.authentications:
        if reference.is_network:
            found = objects.network_authentications.get(_place(reference, policy.namespace))
            if found is None or not found.networks:
                return
            networks = found.networks
        else:
            identities = _identities(objects, reference, policy.namespace)
            if not identities:
                return
    asks = " and ".join(f"{reference.kind} {reference.name}" for reference in policy.authentications)
    yield Grant(f"authorizationpolicy/{policy.name}", asks, networks, identities)


def _identities(objects: Objects, reference: Reference, namespace: str) -> tuple[str, ...]:
    if reference.is_service_account:
        return (service_account_identity(*_place(reference, namespace)),)
    if not reference.is_mesh_tls:
        return ()
    found = objects.mesh_tls_authentications.get(_place(reference, namespace))
    return () if found is None or found.unreadable else found.identities


def server_authorization_grant(one: ServerAuthorization, cluster: tuple[NetworkMatch, ...]) -> Iterator[Grant]:
    """What a ServerAuthorization lets in; without networks, from the cluster's alone (§3.21)."""
    name, networks, tls = f"serverauthorization/{one.name}", one.networks or cluster, one.mesh_tls
    if one.unauthenticated:
        yield Grant(name, "", networks)
    elif tls is not None and tls.unauthenticated:
        yield Grant(name, "mesh TLS", networks, mesh_tls=True)
    elif tls is not None and tls.identities:
        yield Grant(name, "an identity of its list", networks, tls.identities)


def _place(reference: Reference, own: str) -> tuple[str, str]:
    return (own if reference.namespace is None else reference.namespace, reference.name)
