"""An API server without a network, with the mesh's kinds and admission, and the route status controllers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from harness.dialect import Dialect
from harness.embedded.admission import register_mesh_admission
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.crds import definitions
from harness.resources.conditions import LINKERD_CONTROLLER, ParentStatus, parse_parent_statuses

POLICY_KEY = "httproutes.policy.linkerd.io"
GATEWAY_KEY = "httproutes.gateway.networking.k8s.io"

Obj = dict[str, Any]


def mesh_api(dialect: Dialect, *namespaces: Obj) -> Api:
    """An Api that serves both kinds of HTTPRoute and knows the namespaces (default: booksapp, not injected)."""
    addresses = count(1)
    api = Api(lambda: f"127.20.1.{next(addresses)}")
    serve_custom_kinds(api)
    for definition in definitions(dialect):
        api.create(CRD_KEY, definition)
    register_mesh_admission(api, dialect)
    for namespace in namespaces or ({"metadata": {"name": "booksapp"}},):
        api.create("namespaces", namespace)
    return api


def add_service(api: Api, name: str, **spec: Any) -> Obj:
    """A Service in booksapp."""
    ports = [{"name": "http", "port": 7002}]
    return api.create("services", {"metadata": {"name": name}, "spec": {"ports": ports, **spec}}, namespace="booksapp")


def ours(api: Api, key: str, name: str = "split") -> tuple[ParentStatus, ...]:
    """What Linkerd's controller says about a route now."""
    status = api.get(key, "booksapp", name).get("status") or {}
    return tuple(parent for parent in parse_parent_statuses(status) if parent.controller == LINKERD_CONTROLLER)


async def until(api: Api, holds: Callable[[], bool]) -> None:
    """Return after the commit that makes it so; fails after two seconds."""
    changed = asyncio.Event()
    unsubscribe = api.store.subscribe(None, lambda _event: changed.set())
    try:
        async with asyncio.timeout(2):
            while not holds():
                changed.clear()
                await changed.wait()
    finally:
        unsubscribe()
