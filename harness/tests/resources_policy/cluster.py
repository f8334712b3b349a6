"""An API server without a network that has the mesh's kinds and admission, with or without its controllers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from harness.dialect import Dialect
from harness.embedded.admission import register_mesh_admission
from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.controllers.loop import ControllerLoop
from harness.embedded.controllers.rate_limits import rate_limit_controllers
from harness.embedded.controllers.routes import route_status_controllers
from harness.embedded.crds import definitions
from harness.tests.resources_policy.documents import NAMESPACE, Obj

SERVERS = "servers.policy.linkerd.io"
POLICIES = "authorizationpolicies.policy.linkerd.io"
RATE_LIMITS = "httplocalratelimitpolicies.policy.linkerd.io"
POLICY_ROUTES = "httproutes.policy.linkerd.io"
GATEWAY_ROUTES = "httproutes.gateway.networking.k8s.io"


def policy_api(dialect: Dialect) -> Api:
    """An Api with the kinds of the dialect and the namespaces booksapp and shop."""
    addresses = count(1)
    api = Api(lambda: f"127.20.1.{next(addresses)}")
    serve_custom_kinds(api)
    for definition in definitions(dialect):
        api.create(CRD_KEY, definition)
    register_mesh_admission(api, dialect)
    for name in (NAMESPACE, "shop"):
        api.create("namespaces", {"metadata": {"name": name}})
    return api


def add(api: Api, key: str, obj: Obj, namespace: str = NAMESPACE) -> Obj:
    """Create an object as a manifest has it."""
    metadata = {name: value for name, value in obj["metadata"].items() if name in ("name", "labels")}
    return api.create(key, {**obj, "metadata": metadata}, namespace=namespace)


def refusal(create: Callable[[], object]) -> ApiError:
    """The error that a write ends with.

    raises  AssertionError if it ends with none
    """
    try:
        create()
    except ApiError as error:
        return error
    raise AssertionError("it was not refused")


def with_controllers(api: Api, dialect: Dialect, story: Callable[[], Awaitable[None]]) -> None:
    """Run a story while the status controllers follow what it does."""

    async def run() -> None:
        controllers = [*route_status_controllers(api, dialect), *rate_limit_controllers(api, dialect)]
        loop = ControllerLoop(api.store, controllers)
        loop.start()
        try:
            await story()
        finally:
            loop.close()

    asyncio.run(run())
