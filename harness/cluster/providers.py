"""Which provider stands behind the word in a profile."""

from __future__ import annotations

from typing import cast

from harness.cluster import embedded, existing, k3d, kind
from harness.cluster.provider import Provider
from harness.errors import Finding, InputError, nearest

_PROVIDERS = {"embedded": embedded, "existing": existing, "k3d": k3d, "kind": kind}


def provider(name: str) -> Provider:
    """The provider module of this name.

    raises  InputError if there is none
    """
    if name not in _PROVIDERS:
        raise InputError([Finding("", 0, f"no provider is called '{name}'{nearest(name, sorted(_PROVIDERS))}")])
    return cast(Provider, _PROVIDERS[name])


def all_providers() -> list[Provider]:
    """Every provider module."""
    return [cast(Provider, module) for module in _PROVIDERS.values()]
