"""The whole data plane: objects of the API become the behaviour of a real proxy."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from harness.dialect import LINKERD_2_14
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.crds import definitions
from harness.embedded.dataplane.plane import Plane
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.pods import DataplaneError, PodEndpoint
from harness.errors import EnvironmentFailed
from harness.tests.dataplane.builders import pod
from harness.tests.dataplane.live import serve_app

pytestmark = pytest.mark.cluster

Obj = dict[str, Any]
ROUTES = "httproutes.policy.linkerd.io"
SLICES = "endpointslices.discovery.k8s.io"


@dataclass
class Box:
    """An API without a network, a data plane, and what it reported."""

    api: Api
    plane: Plane
    network: PodNetwork
    stack: AsyncExitStack
    client: aiohttp.ClientSession
    failures: list[EnvironmentFailed] = field(default_factory=list)

    def endpoint(self, name: str, **changes: Any) -> PodEndpoint:
        addresses = self.network.pod_addresses()
        return pod(name, addresses.pod_ip, app_ip=addresses.app_ip, **changes).endpoint

    async def app(self, name: str) -> PodEndpoint:
        """A pod that is in the mesh and answers."""
        endpoint = self.endpoint(name)
        await serve_app(self.stack, name, endpoint.app_ip)
        await self.plane.add_pod(endpoint)
        return endpoint

    def service(self, name: str) -> None:
        spec = {"ports": [{"name": "http", "port": 7000}]}
        self.api.create("services", {"metadata": {"name": name}, "spec": spec}, namespace="booksapp")

    def endpoints(self, name: str, *ips: str) -> None:
        """Make these the ready addresses of a Service."""
        known = self.api.store.get(SLICES, "booksapp", name)
        piece: Obj = {
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 7000, "protocol": "TCP"}],
            "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in ips],
        }
        if known is None:
            self.api.create(SLICES, piece, namespace="booksapp")
        else:
            self.api.update(SLICES, {**known, "endpoints": piece["endpoints"]})

    def route(self, name: str, rules: list[Obj]) -> Obj:
        parents = [{"group": "core", "kind": "Service", "name": "books"}]
        obj: Obj = {"apiVersion": "policy.linkerd.io/v1beta3", "kind": "HTTPRoute", "metadata": {"name": name}}
        return self.api.create(ROUTES, {**obj, "spec": {"parentRefs": parents, "rules": rules}}, namespace="booksapp")

    def accept(self, route: Obj, status: str = "True") -> None:
        accepted = {"type": "Accepted", "status": status, "reason": "Accepted", "message": "", **_CHANGED}
        parent = {"parentRef": {"group": "core", "kind": "Service", "namespace": "booksapp", "name": "books"}}
        entry = {**parent, "controllerName": "linkerd.io/policy-controller", "conditions": [accepted]}
        current = self.api.get(ROUTES, "booksapp", route["metadata"]["name"])
        self.api.update_status(ROUTES, {**current, "status": {"parents": [entry]}})

    async def status(self, client: PodEndpoint, path: str = "/") -> int:
        """What a pod gets from books, after every change so far is in force."""
        await self.plane.settled()
        proxy = f"http://{client.pod_ip}:4140"
        async with self.client.get(f"http://books:7000{path}", proxy=proxy) as answer:
            return answer.status


_CHANGED = {"lastTransitionTime": "2026-01-01T00:00:00Z"}


@asynccontextmanager
async def running_box() -> AsyncIterator[Box]:
    async with AsyncExitStack() as stack:
        network = PodNetwork.claim()
        stack.callback(network.close)
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sb-test-", dir="/tmp")))
        api = Api(network.service_address)
        serve_custom_kinds(api)
        for definition in definitions():
            api.create(CRD_KEY, definition)
        api.create("namespaces", {"metadata": {"name": "booksapp"}})
        failures: list[EnvironmentFailed] = []
        plane = Plane(api, LINKERD_2_14, run_dir, on_failure=failures.append)
        stack.push_async_callback(plane.stop)
        client = await stack.enter_async_context(aiohttp.ClientSession())
        box = Box(api, plane, network, stack, client, failures)
        box.service("early")
        await plane.start()
        yield box


def run(test: Callable[[Box], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running_box() as box:
            await test(box)

    asyncio.run(main())


def test_services_and_their_endpoints_are_followed() -> None:
    async def test(box: Box) -> None:
        webapp, books = await box.app("webapp"), await box.app("books")
        assert await box.status(webapp) == 502
        box.service("books")
        assert await box.status(webapp) == 504
        for _ in range(5):
            box.endpoints("books", books.pod_ip)
            assert await box.status(webapp) == 200
            box.endpoints("books")
            assert await box.status(webapp) == 504
        box.api.delete("services", "booksapp", "books")
        assert await box.status(webapp) == 502

    run(test)


def test_a_route_counts_from_its_acceptance_to_its_deletion() -> None:
    """§1.5, §1.16."""

    async def test(box: Box) -> None:
        webapp, books = await box.app("webapp"), await box.app("books")
        box.service("books")
        box.endpoints("books", books.pod_ip)
        route = box.route("missing", [{"backendRefs": [{"name": "nope", "port": 1}]}])
        assert await box.status(webapp) == 200
        box.accept(route)
        assert await box.status(webapp) == 500
        box.accept(route, "False")
        assert await box.status(webapp) == 200
        box.accept(route)
        box.api.delete(ROUTES, "booksapp", "missing")
        assert await box.status(webapp) == 200

    run(test)


def test_a_route_that_cannot_be_used_is_told_by_an_event() -> None:
    """§1.15."""

    async def test(box: Box) -> None:
        path = {"path": {"type": "RegularExpression", "value": "a\\b"}}
        box.route("odd", [{"matches": [path]}])
        (event,) = box.api.store.list("events", "booksapp")
        assert (event["type"], event["reason"]) == ("Warning", "RouteNotUsable")
        assert "'\\b' is not supported" in event["message"]

    run(test)


def test_pods_that_come_at_once_are_all_there_when_they_are_added() -> None:
    async def test(box: Box) -> None:
        endpoints = [box.endpoint(f"pod{number}") for number in range(10)]

        async def add(endpoint: PodEndpoint) -> None:
            await box.plane.add_pod(endpoint)
            for port in (4140, 7000):
                _, writer = await asyncio.open_connection(endpoint.pod_ip, port)
                writer.close()
                await writer.wait_closed()

        await asyncio.gather(*map(add, endpoints))
        await asyncio.gather(*(box.plane.remove_pod("booksapp", endpoint.name) for endpoint in endpoints))

    run(test)


def test_a_pod_whose_address_is_taken_is_refused_and_forgotten() -> None:
    async def test(box: Box) -> None:
        first = box.endpoint("first")
        await box.plane.add_pod(first)
        twin = pod("twin", first.pod_ip, app_ip=first.app_ip).endpoint
        with pytest.raises(DataplaneError, match="duplicate address"):
            await box.plane.add_pod(twin)
        await box.plane.add_pod(box.endpoint("second"))
        await box.plane.remove_pod("booksapp", "never-there")

    run(test)


def test_only_pods_of_the_mesh_have_metrics() -> None:
    async def test(box: Box) -> None:
        webapp, outsider = await box.app("webapp"), box.endpoint("outsider", meshed=False)
        await box.plane.add_pod(outsider)
        assert "tcp_open_connections" in await box.plane.pod_metrics("booksapp", webapp.name)
        assert await box.plane.pod_metrics("booksapp", outsider.name) == ""
        assert await box.plane.pod_metrics("booksapp", "nobody") == ""

    run(test)


def proxies() -> Iterator[psutil.Process]:
    return (child for child in psutil.Process().children() if child.name() == "envoy")


def test_the_death_of_the_proxy_fails_the_cluster() -> None:
    async def test(box: Box) -> None:
        await box.app("webapp")
        for proxy in proxies():
            proxy.kill()
        async with asyncio.timeout(2):
            while not box.failures:
                await asyncio.sleep(0.005)
        assert "killed by SIGKILL" in box.failures[0].message
        with pytest.raises(DataplaneError, match="SIGKILL"):
            await box.app("books")
        await box.plane.remove_pod("booksapp", "webapp-1")
        assert len(box.failures) == 1

    run(test)


def test_a_proxy_that_does_not_come_up_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVOY_BIN", "/bin/false")

    async def main() -> None:
        with pytest.raises(EnvironmentFailed, match="ended with status 1"):
            async with running_box():
                raise AssertionError("a proxy that ends at once came up")

    asyncio.run(main())
    assert list(proxies()) == []
