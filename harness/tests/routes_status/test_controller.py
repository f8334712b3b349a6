from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.apiserver.api import MERGE_PATCH, Api
from harness.embedded.controllers.loop import ControllerLoop
from harness.embedded.controllers.routes import RouteStatusController, route_status_controllers
from harness.resources.conditions import ACCEPTED, RESOLVED_REFS
from harness.tests.resources.documents import GATEWAY, POLICY, Obj, backend, route
from harness.tests.routes_status.cluster import GATEWAY_KEY, POLICY_KEY, add_service, mesh_api, ours, until

KINDS = [(POLICY_KEY, POLICY), (GATEWAY_KEY, GATEWAY)]


def split(version: str, *names: str) -> Obj:
    return route({"backendRefs": [backend(name) for name in names or ("books",)]}, api_version=version)


def says(api: Api, key: str, accepted: bool, resolved: bool) -> bool:
    found = ours(api, key)
    return bool(found) and (found[0].is_true(ACCEPTED), found[0].is_true(RESOLVED_REFS)) == (accepted, resolved)


def with_controllers(api: Api, story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        loop = ControllerLoop(api.store, route_status_controllers(api, LINKERD_EDGE))
        loop.start()
        try:
            await story()
        finally:
            loop.close()

    asyncio.run(run())


@pytest.mark.parametrize(("key", "version"), KINDS)
def test_a_route_follows_what_it_refers_to_1_66(key: str, version: str) -> None:
    api = mesh_api(LINKERD_EDGE)

    async def story() -> None:
        api.create(key, split(version, "books", "authors"), namespace="booksapp")
        await until(api, lambda: says(api, key, False, False))
        add_service(api, "books")
        await until(api, lambda: says(api, key, True, False))
        add_service(api, "authors")
        await until(api, lambda: says(api, key, True, True))
        api.delete("services", "booksapp", "books")
        await until(api, lambda: says(api, key, False, False))
        add_service(api, "books", clusterIP="None")
        await until(api, lambda: says(api, key, False, True))

    with_controllers(api, story)


def test_an_edited_route_gets_a_new_status_and_a_deleted_one_none() -> None:
    api = mesh_api(LINKERD_EDGE)
    add_service(api, "books")

    async def story() -> None:
        api.create(POLICY_KEY, split(POLICY), namespace="booksapp")
        await until(api, lambda: says(api, POLICY_KEY, True, True))
        patch = {"spec": {"rules": [{"backendRefs": [backend("nobody")]}]}}
        api.patch(POLICY_KEY, "booksapp", "split", patch, MERGE_PATCH)
        await until(api, lambda: says(api, POLICY_KEY, True, False))
        api.patch(POLICY_KEY, "booksapp", "split", {"spec": {"parentRefs": [{"name": "gw"}]}}, MERGE_PATCH)
        await until(api, lambda: not ours(api, POLICY_KEY))
        api.delete(POLICY_KEY, "booksapp", "split")
        await until(api, lambda: api.store.get(POLICY_KEY, "booksapp", "split") is None)

    with_controllers(api, story)


def reconciled(api: Api, key: str = POLICY_KEY) -> Obj:
    now = datetime(2024, 5, 1, tzinfo=UTC)
    RouteStatusController(api, LINKERD_EDGE, key, lambda: now).reconcile("booksapp", "split")
    return api.get(key, "booksapp", "split")


@pytest.mark.parametrize(("key", "version"), KINDS)
def test_nothing_new_writes_nothing(key: str, version: str) -> None:
    api = mesh_api(LINKERD_EDGE)
    add_service(api, "books")
    created = api.create(key, split(version), namespace="booksapp")
    first = reconciled(api, key)
    assert first["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]
    assert first["metadata"]["generation"] == created["metadata"]["generation"] == 1
    assert reconciled(api, key) == first


def test_a_route_without_linkerd_parents_is_never_written() -> None:
    api = mesh_api(LINKERD_EDGE)
    created = api.create(POLICY_KEY, route(parents=[{"name": "gw"}]), namespace="booksapp")
    assert reconciled(api) == created


def test_the_status_of_another_controller_survives_1_62() -> None:
    api = mesh_api(LINKERD_EDGE)
    created = api.create(POLICY_KEY, split(POLICY), namespace="booksapp")
    condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    condition["lastTransitionTime"] = "2024-01-01T00:00:00Z"
    reference = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    foreign: dict[str, Any] = {"controllerName": "example.com/gw", "parentRef": reference, "conditions": [condition]}
    api.update_status(POLICY_KEY, {**created, "status": {"parents": [foreign]}})
    parents = reconciled(api)["status"]["parents"]
    assert parents[0] == foreign
    assert len(parents) == 2


def test_a_service_that_only_moves_its_pods_is_no_news() -> None:
    api = mesh_api(LINKERD_EDGE)
    add_service(api, "books")
    api.create(POLICY_KEY, split(POLICY), namespace="booksapp")
    controller = RouteStatusController(api, LINKERD_EDGE, POLICY_KEY)
    told: list[object] = []
    api.store.subscribe(controller.keys, lambda event: told.extend(controller.targets(event)))
    api.patch("services", "booksapp", "books", {"spec": {"selector": {"app": "books"}}}, MERGE_PATCH)
    assert told == []
    add_service(api, "authors")
    assert told == [("booksapp", "split")]


def test_grpc_routes_come_first_and_leave_again_1_64() -> None:
    """Any other route for the same parent learns of it; a GRPCRoute is accepted like any route."""
    api = mesh_api(LINKERD_EDGE)
    grpc_key = "grpcroutes.gateway.networking.k8s.io"
    of_calls = {**route({"backendRefs": [backend("books")]}, api_version=GATEWAY), "kind": "GRPCRoute"}

    async def story() -> None:
        add_service(api, "books")
        for key, version in KINDS:
            api.create(key, split(version), namespace="booksapp")
            await until(api, partial(says, api, key, True, True))
        api.create(grpc_key, of_calls, namespace="booksapp")
        for key, _ in KINDS:
            await until(api, partial(says, api, key, False, True))
        await until(api, lambda: says(api, grpc_key, True, True))
        api.delete(grpc_key, "booksapp", of_calls["metadata"]["name"])
        for key, _ in KINDS:
            await until(api, partial(says, api, key, True, True))

    with_controllers(api, story)
