"""Route documents for tests, as somebody would write them."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

POLICY = "policy.linkerd.io/v1beta3"
GATEWAY = "gateway.networking.k8s.io/v1"


def route(
    *rules: Obj,
    api_version: str = POLICY,
    parents: list[Obj] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Obj:
    """An HTTPRoute `split` in namespace booksapp; without rules the manifest has none."""
    written = {"rules": list(rules)} if rules else {}
    return {
        "apiVersion": api_version,
        "kind": "HTTPRoute",
        "metadata": {"name": "split", "namespace": "booksapp", "annotations": annotations or {}},
        "spec": {"parentRefs": [books_parent()] if parents is None else parents, **written, **spec},
    }


def books_parent(**more: Any) -> Obj:
    """A parentRef to Service books."""
    return {"group": "core", "kind": "Service", "name": "books", **more}


def backend(name: str = "books", port: int | None = 7002, **more: Any) -> Obj:
    """A backendRef."""
    return {"name": name, **({} if port is None else {"port": port}), **more}


def matching(**match: Any) -> Obj:
    """A rule with one match."""
    return {"matches": [match]}


def filtering(kind: str, **member: Any) -> Obj:
    """A rule with one filter."""
    name = kind[0].lower() + kind[1:]
    return {"filters": [{"type": kind, name: member}]}
