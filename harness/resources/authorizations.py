"""AuthorizationPolicies and the authentications that they require, as frozen data (§3.17 to §3.20).

What is here may still be inert: `policy_set` says which policies let anybody in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.resources.document import Node, ResourceInvalid
from harness.resources.identities import namespace_identities, service_account_identity
from harness.resources.networks import NetworkMatch, parse_network_matches
from harness.resources.policy_heads import read_head
from harness.resources.references import Reference, parse_reference


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """One AuthorizationPolicy.

    authentications     all must be satisfied; none asks for nothing (§3.18)
    """

    namespace: str
    name: str
    target: Reference
    authentications: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class MeshTLSAuthentication:
    """One MeshTLSAuthentication.

    identities  patterns for `identity_matches`, from `identities` and `identityRefs` alike; any may fit (§3.19)
    unreadable  kinds in `identityRefs` that are no identities: they make the whole object count as missing
    """

    namespace: str
    name: str
    identities: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkAuthentication:
    """One NetworkAuthentication: any of the networks may contain the client (§3.20)."""

    namespace: str
    name: str
    networks: tuple[NetworkMatch, ...] = ()


def parse_authorization_policy(obj: Any) -> AuthorizationPolicy:
    """Read an AuthorizationPolicy, stored or straight from a manifest.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    head = read_head(node, "AuthorizationPolicy")
    spec = node.child("spec")
    if not spec.has("requiredAuthenticationRefs"):
        spec.report("is required, if only as []", "requiredAuthenticationRefs")
    policy = AuthorizationPolicy(
        namespace=head.namespace,
        name=head.name,
        target=parse_reference(spec.child("targetRef")),
        authentications=tuple(parse_reference(item) for item in spec.items("requiredAuthenticationRefs")),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return policy


def parse_mesh_tls_authentication(obj: Any) -> MeshTLSAuthentication:
    """Read a MeshTLSAuthentication, stored or straight from a manifest.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    head = read_head(node, "MeshTLSAuthentication")
    spec = node.child("spec")
    if spec.has("identities") == spec.has("identityRefs"):
        spec.report("must have exactly one of identities and identityRefs")
    references = [parse_reference(item) for item in spec.items("identityRefs")]
    identities = [_referenced_identity(reference, head.namespace) for reference in references]
    authentication = MeshTLSAuthentication(
        namespace=head.namespace,
        name=head.name,
        identities=(*spec.texts("identities"), *filter(None, identities)),
        unreadable=tuple(
            reference.canonical_kind for reference, found in zip(references, identities, strict=True) if not found
        ),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return authentication


def parse_network_authentication(obj: Any) -> NetworkAuthentication:
    """Read a NetworkAuthentication, stored or straight from a manifest.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    head = read_head(node, "NetworkAuthentication")
    spec = node.child("spec")
    if not spec.has("networks"):
        spec.report("is required", "networks")
    authentication = NetworkAuthentication(head.namespace, head.name, parse_network_matches(spec.items("networks")))
    if node.problems:
        raise ResourceInvalid(node.problems)
    return authentication


def _referenced_identity(reference: Reference, namespace: str) -> str | None:
    if reference.is_service_account:
        own = reference.namespace if reference.namespace is not None else namespace
        return service_account_identity(own, reference.name)
    return namespace_identities(reference.name) if reference.is_namespace else None
