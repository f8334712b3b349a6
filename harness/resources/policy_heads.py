"""What all policy objects begin with: apiVersion, kind and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.resources.document import Node
from harness.resources.routes import POLICY_GROUP

SERVED_POLICY_VERSIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Server": ("v1alpha1", "v1beta1", "v1beta2", "v1beta3"),
        "ServerAuthorization": ("v1alpha1", "v1beta1"),
        "AuthorizationPolicy": ("v1alpha1",),
        "MeshTLSAuthentication": ("v1alpha1",),
        "NetworkAuthentication": ("v1alpha1",),
        "HTTPLocalRateLimitPolicy": ("v1alpha1",),
    }
)
"""Versions by kind, the newest last (§1.69); all are of policy.linkerd.io."""


@dataclass(frozen=True, slots=True)
class Head:
    """Which object it is.

    version             the written one, such as v1beta1; "" if there is no such kind or version
    creation_timestamp  RFC 3339 to the second, sorts as text; "" if the object was never stored
    """

    version: str
    namespace: str
    name: str
    creation_timestamp: str


def read_head(node: Node, kind: str) -> Head:
    """The head of an object that should be of this kind; reports what is wrong with it."""
    if not isinstance(node.value, dict):
        node.report(f"a {kind} is an object")
        return Head("", "", "", "")
    node.choice("kind", (kind,), kind, required=True)
    metadata = node.child("metadata")
    return Head(
        version=_version(node, kind),
        namespace=metadata.text("namespace"),
        name=metadata.text("name", required=True),
        creation_timestamp=metadata.text("creationTimestamp"),
    )


def _version(node: Node, kind: str) -> str:
    api_version = node.text("apiVersion", required=True)
    group, _, version = api_version.rpartition("/")
    known = SERVED_POLICY_VERSIONS[kind]
    if not api_version or (group == POLICY_GROUP and version in known):
        return version
    words = ", ".join(f"{POLICY_GROUP}/{served}" for served in known)
    node.report(f"'{api_version}' has no {kind}; known are {words}", "apiVersion")
    return ""
