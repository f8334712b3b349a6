"""What the proxy is told, in what order, and what a refusal means; the proxy's part is played by `Proxy`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from harness.embedded.dataplane.ads import AdsServer, Rejected
from harness.embedded.dataplane.compile import Resources, compile_snapshot
from harness.embedded.dataplane.protos import KIND_BY_URL, Kind
from harness.embedded.dataplane.snapshot import Pod, RouteInForce, ServiceState
from harness.embedded.pods import DataplaneError
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import pod, route, service, snapshot

WEBAPP = pod("webapp", "127.77.64.1")
WEBAPP_INBOUND = ("in/booksapp/webapp-1/7000", "in/booksapp/webapp-1/4191")
WEBAPP_APPLICATIONS = [f"{name}|{version}" for name in WEBAPP_INBOUND for version in ("HTTP/1.1", "HTTP/2")]
BOOKS = pod("books", "127.77.64.2")
Refusal = Callable[[Kind, set[str]], str | None]


class Proxy:
    """Takes or refuses what it is told, and subscribes to what it hears of."""

    def __init__(self, server: AdsServer, refuse: Refusal = lambda _kind, _names: None) -> None:
        self.heard: list[tuple[Kind, set[str]]] = []
        self.tables: dict[str, bytes] = {}
        self._server = server
        self._refuse = refuse
        self._subscribed: dict[Kind, set[str]] = {Kind.ASSIGNMENT: set(), Kind.ROUTE: set()}
        server.connected(self)  # type: ignore[arg-type]
        for kind in (Kind.CLUSTER, Kind.LISTENER):
            self._ask(kind)

    def send(self, response: Any) -> None:
        asyncio.get_running_loop().call_soon(self._take, response)

    def close(self) -> None:
        self._server.disconnected(self)  # type: ignore[arg-type]

    def told_since(self, mark: int = 0) -> list[Kind]:
        return [kind for kind, _ in self.heard[mark:]]

    def _take(self, response: Any) -> None:
        kind = KIND_BY_URL[response.type_url]
        names = {_name(kind, packed) for packed in response.resources}
        self.heard.append((kind, names))
        refused = self._refuse(kind, names)
        if kind is Kind.ROUTE and refused is None:
            self.tables |= {_name(kind, packed): packed.value for packed in response.resources}
        # What is sent whole is refused one by one: the rest of the response is in force.
        self._follow(
            kind, [packed for packed in response.resources if f"{_name(kind, packed)}:" not in (refused or "")]
        )
        self._ask(kind, nonce=response.nonce, refused=refused)

    def _follow(self, kind: Kind, resources: Any) -> None:
        wanted = {Kind.CLUSTER: Kind.ASSIGNMENT, Kind.LISTENER: Kind.ROUTE}.get(kind)
        if wanted is not None:
            names = {name for packed in resources for name in _references(kind, packed)}
            if names != self._subscribed[wanted]:
                self._subscribed[wanted] = names
                self._ask(wanted)

    def _ask(self, kind: Kind, nonce: str = "", refused: str | None = None) -> None:
        names = sorted(self._subscribed.get(kind, ()))
        request = DiscoveryRequest(type_url=kind.url, response_nonce=nonce, resource_names=names)
        if refused is not None:
            request.error_detail.message = refused
        self._server.received(self, request)  # type: ignore[arg-type]


_MESSAGES: dict[Kind, Any] = {
    Kind.CLUSTER: Cluster,
    Kind.ASSIGNMENT: ClusterLoadAssignment,
    Kind.ROUTE: RouteConfiguration,
    Kind.LISTENER: Listener,
}


def _name(kind: Kind, packed: Any) -> str:
    message = _MESSAGES[kind]()
    packed.Unpack(message)
    return str(message.cluster_name if kind is Kind.ASSIGNMENT else message.name)


def _references(kind: Kind, packed: Any) -> list[str]:
    if kind is Kind.CLUSTER:
        cluster = Cluster()
        packed.Unpack(cluster)
        return [cluster.eds_cluster_config.service_name] if cluster.eds_cluster_config.service_name else []
    listener = Listener()
    packed.Unpack(listener)
    manager = http_connection_manager_pb2.HttpConnectionManager()
    filters = [item.typed_config for chain in listener.filter_chains for item in chain.filters]
    return [manager.rds.route_config_name for config in filters if config.Unpack(manager)]


def resources(*parts: Pod | ServiceState | RouteInForce) -> Resources:
    return compile_snapshot(snapshot(*parts), Path("/run/identity"))


async def live(server: AdsServer, refuse: Refusal = lambda _kind, _names: None) -> Proxy:
    """A proxy that is connected and has been told that there is nothing yet."""
    proxy = Proxy(server, refuse)
    await server.push(resources())
    proxy.heard.clear()
    return proxy


def run(test: Callable[[AdsServer], Awaitable[None]], tmp_path: Path, patience: float = 1) -> None:
    async def main() -> None:
        await test(AdsServer(tmp_path / "xds.sock", patience_seconds=patience))

    asyncio.run(main())


def test_what_is_added_is_told_from_the_clusters_to_the_listeners(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        proxy = await live(server)
        await server.push(resources(WEBAPP, BOOKS, service("books", "127.77.64.2")))
        order = [kind for kind, names in proxy.heard if names]
        assert order == [Kind.CLUSTER, Kind.ASSIGNMENT, Kind.LISTENER, Kind.ROUTE]

    run(test, tmp_path)


def test_a_push_without_a_difference_says_nothing(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        proxy = await live(server)
        await server.push(resources(WEBAPP))
        mark = len(proxy.heard)
        await server.push(resources(WEBAPP))
        assert proxy.told_since(mark) == []

    run(test, tmp_path)


def test_a_pods_readiness_is_one_small_message(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        proxy = await live(server)
        books = {
            ready: service("books", "127.77.64.2", *ready, cluster_ip="127.77.1.1") for ready in ((), ("127.77.64.3",))
        }
        await server.push(resources(WEBAPP, BOOKS, pod("b", "127.77.64.3"), books[()]))
        mark = len(proxy.heard)
        await server.push(resources(WEBAPP, BOOKS, pod("b", "127.77.64.3"), books["127.77.64.3",]))
        assert proxy.heard[mark:] == [(Kind.ASSIGNMENT, {"svc/booksapp/books/7000"})]

    run(test, tmp_path)


def test_only_the_route_tables_that_change_are_sent(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        proxy = await live(server)
        alien = pod("alien", "127.77.64.9", namespace="elsewhere")
        parts = (WEBAPP, alien, service("books", "127.77.64.2"))
        await server.push(resources(*parts))
        mark = len(proxy.heard)
        await server.push(resources(*parts, route("r", Rule(), namespace="elsewhere")))
        assert proxy.heard[mark:] == [(Kind.ROUTE, {"out/elsewhere/alien-1"})]

    run(test, tmp_path)


def test_changed_clusters_hear_of_their_endpoints_again(tmp_path: Path) -> None:
    """Else they stay out of service for 15 s: the proxy waits for endpoints, and the ACK waits for the cluster."""

    async def test(server: AdsServer) -> None:
        proxy = await live(server)
        plain = pod("plain", "127.77.64.3", meshed=False)
        for ips in (("127.77.64.2",), ("127.77.64.2", "127.77.64.3")):  # from HTTP/2 to 1.1
            mark = len(proxy.heard)
            await server.push(resources(WEBAPP, BOOKS, plain, service("books", *ips, cluster_ip="127.77.1.1")))
        assert proxy.told_since(mark) == [Kind.CLUSTER, Kind.ASSIGNMENT]

    run(test, tmp_path)


def test_what_is_gone_loses_endpoints_first_and_clusters_last(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        proxy = await live(server)
        await server.push(resources(WEBAPP, BOOKS))
        mark = len(proxy.heard)
        await server.push(resources(WEBAPP))
        assert proxy.told_since(mark) == [Kind.ASSIGNMENT, Kind.LISTENER, Kind.CLUSTER]
        assert proxy.heard[-1][1] == {"booksapp/webapp-1|pods", *WEBAPP_APPLICATIONS}

    run(test, tmp_path)


def refusing(kind: Kind, name: str, reason: str) -> Refusal:
    def refuse(of: Kind, names: set[str]) -> str | None:
        return reason if of is kind and name in names else None

    return refuse


def test_a_refused_table_is_named_alone_and_reported_once(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        proxy = await live(
            server, refusing(Kind.ROUTE, "out/booksapp/webapp-1", "Only a single wildcard domain is permitted")
        )
        with pytest.raises(Rejected) as caught:
            await server.push(resources(WEBAPP, BOOKS))
        (rejection,) = caught.value.rejections
        assert str(rejection) == (
            "the proxy refuses route table 'out/booksapp/webapp-1': Only a single wildcard domain is permitted"
        )
        await server.push(resources(WEBAPP, BOOKS))
        taken = [names for kind, names in proxy.heard if kind is Kind.ROUTE and len(names) == 1]
        assert {"out/booksapp/books-1"} in taken

    run(test, tmp_path)


def test_a_refused_listener_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        bad = "in/booksapp/books-1/7000"
        reason = f"Error adding/updating listener(s) {bad}: cannot bind '127.77.64.2:7000': Address already in use\n"
        proxy = await live(server, refusing(Kind.LISTENER, bad, reason))
        with pytest.raises(Rejected) as caught:
            await server.push(resources(WEBAPP, BOOKS))
        (rejection,) = caught.value.rejections
        assert (rejection.name, rejection.reason) == (bad, "cannot bind '127.77.64.2:7000': Address already in use")
        await server.push(resources(WEBAPP, BOOKS, pod("more", "127.77.64.3")))
        assert bad not in proxy.heard[-2][1] | proxy.heard[-1][1]

    run(test, tmp_path)


def test_what_was_good_before_a_refusal_stays(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        refused: set[str] = set()
        proxy = await live(server, lambda kind, _names: "no" if kind.value in refused else None)
        parts = (WEBAPP, service("books", "127.77.64.2"))
        await server.push(resources(*parts))
        refused.add(Kind.ROUTE.value)
        with pytest.raises(Rejected, match=r"out/booksapp/webapp-1"):
            await server.push(resources(*parts, route("r", Rule())))
        refused.clear()
        proxy.close()
        again = Proxy(server)  # a new stream is told what is in force
        async with asyncio.timeout(1):
            while (Kind.ROUTE, {"out/booksapp/webapp-1", *WEBAPP_INBOUND}) not in again.heard:
                await asyncio.sleep(0)
        assert again.tables["out/booksapp/webapp-1"] == proxy.tables["out/booksapp/webapp-1"]

    run(test, tmp_path)


def test_a_proxy_that_reconnects_is_told_everything(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        first = await live(server)
        await server.push(resources(WEBAPP))
        first.close()
        second = Proxy(server)
        await server.push(resources(WEBAPP, BOOKS))
        assert (Kind.LISTENER, set(resources(WEBAPP, BOOKS).listeners)) in second.heard

    run(test, tmp_path)


def test_a_proxy_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        with pytest.raises(DataplaneError, match=r"did not take its configuration within 0\.05 s"):
            await server.push(resources(WEBAPP))

    run(test, tmp_path, patience=0.05)


def test_the_death_of_the_proxy_reaches_everyone_who_waits(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        pushes = [asyncio.create_task(server.push(resources(WEBAPP))) for _ in range(2)]
        await asyncio.sleep(0)
        server.fail(DataplaneError("Envoy was killed"))
        assert [str(error) for error in await asyncio.gather(*pushes, return_exceptions=True)] == [
            "Envoy was killed"
        ] * 2
        with pytest.raises(DataplaneError, match="Envoy was killed"):
            await server.push(resources(WEBAPP))

    run(test, tmp_path)


def test_an_invalid_message_names_resource_and_field(tmp_path: Path) -> None:
    async def test(server: AdsServer) -> None:
        bad = resources(WEBAPP)
        wrong = Resources(bad.clusters, bad.assignments, bad.routes, {"x": {"name": "x", "no_such_field": 1}})
        Proxy(server)
        with pytest.raises(DataplaneError, match=r"listener 'x' is not a valid message.*no_such_field"):
            await server.push(wrong)

    run(test, tmp_path)
