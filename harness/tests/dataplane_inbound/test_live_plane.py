"""The whole data plane: policy objects of the API become what a real proxy lets in (3A to 3E)."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.apiserver.api import MERGE_PATCH, Api
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.crds import definitions
from harness.embedded.dataplane.plane import Plane
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.pods import PodEndpoint
from harness.errors import EnvironmentFailed
from harness.tests.dataplane.builders import pod
from harness.tests.dataplane.live import serve_app
from harness.tests.resources_policy.documents import (
    Obj,
    authorization_policy,
    networks,
    rate_limit,
    requires,
    server,
    server_route,
    target,
)

pytestmark = pytest.mark.cluster

NAMESPACE = "booksapp"
STATUS = {"lastTransitionTime": "2026-01-01T00:00:00Z", "message": "", "reason": "Accepted", "type": "Accepted"}


def key_of(obj: Obj) -> str:
    kind = obj["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{plural}.policy.linkerd.io"


@dataclass
class Box:
    """An API without a network, and a data plane with one application, authors."""

    api: Api
    plane: Plane
    network: PodNetwork
    stack: AsyncExitStack
    authors: PodEndpoint

    def create(self, obj: Obj) -> None:
        """Apply a manifest, and have it accepted if somebody would."""
        metadata = {"name": obj["metadata"]["name"]}
        key = key_of(obj)
        stored = self.api.create(key, {**obj, "metadata": metadata}, namespace=NAMESPACE)
        if "status" in obj:
            said: Obj = {**obj["status"], "conditions": [{**STATUS, "status": "True"}]}
            if obj["kind"] == "HTTPRoute":
                said = {"parents": [{**obj["status"]["parents"][0], "conditions": said["conditions"]}]}
            self.api.update_status(key, {**stored, "status": said})

    def delete(self, obj: Obj) -> None:
        self.api.delete(key_of(obj), NAMESPACE, obj["metadata"]["name"])

    async def status(self, path: str = "/", *, source: str = "") -> int:
        """What somebody without an identity gets, from the node's address, after every change so far is in force."""
        await self.plane.settled()
        connector = aiohttp.TCPConnector(local_addr=(source or self.network.node_ip, 0))
        url = f"http://{self.authors.pod_ip}:7000{path}"
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
            return answer.status


@asynccontextmanager
async def running_box(ingress_port: int | None = None) -> AsyncIterator[Box]:
    async with AsyncExitStack() as stack:
        network = PodNetwork.claim()
        stack.callback(network.close)
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sb-test-", dir="/tmp")))
        api = Api(network.service_address)
        serve_custom_kinds(api)
        for definition in definitions(LINKERD_EDGE):
            api.create(CRD_KEY, definition)
        api.create("namespaces", {"metadata": {"name": NAMESPACE}})
        api.create("serviceaccounts", {"metadata": {"name": "authors"}}, namespace=NAMESPACE)
        plane = Plane(api, LINKERD_EDGE, run_dir, on_failure=lambda failure: None, ingress_port=ingress_port)
        stack.push_async_callback(plane.stop)
        await plane.start()
        addresses = network.pod_addresses()
        authors = pod("authors", addresses.pod_ip, app_ip=addresses.app_ip).endpoint
        await serve_app(stack, "authors", addresses.app_ip)
        stored = api.create("pods", pod_object(), namespace=NAMESPACE)
        await plane.add_pod(replace(authors, uid=stored["metadata"]["uid"]))
        yield Box(api, plane, network, stack, authors)


def pod_object() -> Obj:
    container: dict[str, Any] = {
        "name": "service",
        "image": "authors",
        "ports": [{"name": "service", "containerPort": 7000}],
        "readinessProbe": {"httpGet": {"path": "/ping", "port": "service"}},
    }
    spec = {"serviceAccountName": "authors", "containers": [container]}
    return {"metadata": {"name": "authors-1", "labels": {"app": "authors"}}, "spec": spec}


def run(test: Callable[[Box], Awaitable[None]], ingress_port: int | None = None) -> None:
    async def main() -> None:
        async with running_box(ingress_port) as box:
            await test(box)

    asyncio.run(main())


def test_policies_come_and_go_with_their_objects() -> None:
    """§3.8, §3.12 to §3.14: also for the kubelet, whose probe route is gone while a route is attached."""
    guard, route = server(), server_route("r", {"matches": [{"path": {"value": "/a"}}]})
    policy = authorization_policy("p", target("HTTPRoute", "r"), requires("NetworkAuthentication", "n"))

    async def test(box: Box) -> None:
        async def seen() -> list[int]:
            return [await box.status(path) for path in ("/a", "/b", "/ping")]

        assert await seen() == [200, 200, 200]
        box.create(guard)
        assert await seen() == [403, 403, 200]
        box.create(route)
        assert await seen() == [403, 404, 404]
        box.create(policy)
        assert await seen() == [403, 404, 404]
        box.create(networks("n", f"{box.network.node_ip}/32"))
        assert await seen() == [200, 404, 404]
        assert await box.status("/a", source="127.0.0.3") == 403
        box.delete(route)
        assert await seen() == [403, 403, 200]
        box.delete(guard)
        assert await seen() == [200, 200, 200]

    run(test)


def test_labels_and_annotations_of_a_running_pod_count() -> None:
    """§3.6, §3.2."""

    async def test(box: Box) -> None:
        box.create(server())
        assert await box.status() == 403

        def change(metadata: Obj) -> None:
            box.api.patch("pods", NAMESPACE, "authors-1", {"metadata": metadata}, MERGE_PATCH)

        change({"labels": {"app": "other"}})
        assert await box.status() == 200
        change({"annotations": {"config.linkerd.io/default-inbound-policy": "deny"}})
        assert await box.status() == 403
        change({"annotations": {"config.linkerd.io/default-inbound-policy": "cluster-unauthenticated"}})
        assert await box.status() == 200

    run(test)


def test_a_rate_limit_counts_once_it_is_accepted() -> None:
    """§3.27."""

    async def test(box: Box) -> None:
        limit = rate_limit("l", total={"requestsPerSecond": 1})
        box.create(server(accessPolicy="all-unauthenticated"))
        box.create({key: value for key, value in limit.items() if key != "status"})
        assert [await box.status() for _ in range(3)] == [200, 200, 200]
        box.delete(limit)
        box.create(limit)
        assert [await box.status() for _ in range(3)] == [200, 429, 429]

    run(test)


def ingress_object() -> Obj:
    backend = {"service": {"name": "authors", "port": {"name": "http"}}}
    rule = {"host": "booksapp.local", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return {"metadata": {"name": "way-in"}, "spec": {"ingressClassName": "traefik", "rules": [rule]}}


def test_the_way_in_has_an_address_and_follows_its_objects() -> None:
    async def test(box: Box) -> None:
        address = box.plane.ingress_address
        assert address is not None
        assert address.startswith("127.0.0.1:")
        spec = {"ports": [{"name": "http", "port": 80, "targetPort": 7000}]}
        piece = {
            "metadata": {"name": "authors", "labels": {"kubernetes.io/service-name": "authors"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 7000, "protocol": "TCP"}],
            "endpoints": [{"addresses": [box.authors.pod_ip], "conditions": {"ready": True}}],
        }
        box.api.create("services", {"metadata": {"name": "authors"}, "spec": spec}, namespace=NAMESPACE)
        box.api.create("endpointslices.discovery.k8s.io", piece, namespace=NAMESPACE)
        client = await box.stack.enter_async_context(aiohttp.ClientSession())

        async def status() -> int:
            await box.plane.settled()
            async with client.get(f"http://{address}/", headers={"host": "booksapp.local:54321"}) as answer:
                return answer.status

        assert await status() == 404
        box.api.create("ingresses.networking.k8s.io", ingress_object(), namespace=NAMESPACE)
        assert await status() == 200
        box.create(server())
        assert await status() == 403
        box.api.delete("ingresses.networking.k8s.io", NAMESPACE, "way-in")
        assert await status() == 404

    run(test, ingress_port=0)


def test_without_a_port_there_is_no_way_in() -> None:
    async def test(box: Box) -> None:
        assert box.plane.ingress_address is None

    run(test)


def test_a_way_in_whose_port_is_taken_fails_the_start() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(EnvironmentFailed, match="Address already in use"):
                async with running_box(taken.getsockname()[1]):
                    raise AssertionError("a taken port was given twice")

    asyncio.run(main())
