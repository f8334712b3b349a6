"""Names of mesh identities (§3.19, §3.22)."""

from __future__ import annotations

from typing import Final

IDENTITY_SUFFIX: Final = "serviceaccount.identity.linkerd.cluster.local"
"""What follows `<service account>.<namespace>.` in an install with default namespace and trust domain."""


def service_account_identity(namespace: str, service_account: str) -> str:
    """The identity of every meshed pod that runs as this ServiceAccount."""
    return f"{service_account}.{namespace}.{IDENTITY_SUFFIX}"


def namespace_identities(namespace: str) -> str:
    """The pattern for all identities of a namespace, as a Namespace identityRef means it."""
    return f"*.{namespace}.{IDENTITY_SUFFIX}"


def identity_matches(pattern: str, identity: str) -> bool:
    """True if an identified client satisfies one entry of `identities` (§3.19).

    `*` is every identified client, `*.a.b` every name that ends in `.a.b`, anything else (SPIFFE ids too) is
    compared whole; wildcards elsewhere are literal.
    """
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return identity.endswith(pattern[1:])
    return identity == pattern
