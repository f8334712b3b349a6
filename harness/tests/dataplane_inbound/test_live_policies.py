"""Who is let in by a real proxy, and what applications and counters are told about it (3A to 3E, 4.9, 5.6)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import aiohttp
import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.dataplane.snapshot import Pod
from harness.tests.dataplane_inbound.live import Guarded, guarded
from harness.tests.resources_policy.documents import (
    GROUP,
    Obj,
    authorization_policy,
    identity,
    mesh_tls,
    networks,
    rate_limit,
    requires,
    server,
    server_authorization,
    server_route,
    target,
)

pytestmark = pytest.mark.cluster

SERVER = target("Server", "authors-server")
OPEN, CLOSED = server(accessPolicy="all-unauthenticated"), server()
ROUTE = server_route("elsewhere", {"matches": [{"path": {"value": "/elsewhere"}}]})


def test_applications_are_told_who_calls_and_clients_cannot_lie() -> None:
    """§4.9."""

    async def test(world: Guarded) -> None:
        webapp, outsider = await world.client("webapp"), await world.client("outsider", meshed=False)
        await world.enforce()
        senders: list[tuple[Pod | None, str | None]] = [(webapp, identity("webapp")), (outsider, None), (None, None)]
        for sender, expected in senders:
            answer = await world.ask(sender, "/", l5d_client_id=identity("admin"), signalbox_client="id/admin")
            assert answer.seen["headers"].get("l5d-client-id") == expected
            assert not [name for name in answer.seen["headers"] if name.startswith(("signalbox", "x-envoy"))]

    guarded(test)


def test_networks_mean_the_address_of_the_calling_pod() -> None:
    """§3.20: meshed, unmeshed and of the same account; forwarded headers say nothing."""

    async def test(world: Guarded) -> None:
        webapp, twin = await world.client("webapp"), await world.client("twin", account="webapp")
        outsider, barred = await world.client("outsider", meshed=False), await world.client("barred", meshed=False)
        allowed = networks(
            "some",
            f"{webapp.endpoint.pod_ip}/32",
            {"cidr": "127.0.0.0/8", "except": [f"{pod.endpoint.pod_ip}/32" for pod in (webapp, twin, barred)]},
        )
        await world.enforce(
            server(), allowed, authorization_policy("p", SERVER, requires("NetworkAuthentication", "some"))
        )
        for sender, status in [(webapp, 200), (twin, 403), (outsider, 200), (barred, 403), (None, 200)]:
            assert (await world.ask(sender, "/", x_forwarded_for="127.0.0.9")).status == status, sender
        assert (await world.ask(twin, "/", x_forwarded_for=webapp.endpoint.pod_ip)).status == 403

    guarded(test)


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        ([identity("webapp")], {"webapp"}),
        (["*"], {"webapp", "books", "alien"}),
        ([identity("*")], {"webapp", "books"}),
        ([f"*.{identity('').lstrip('.')}"], {"webapp", "books"}),
        (["*app.booksapp"], set()),
        ([identity("books"), identity("alien", "tools")], {"books", "alien"}),
    ],
)
def test_identities_are_exact_or_suffixes(patterns: list[str], allowed: set[str]) -> None:
    """§3.19, §3.23."""

    async def test(world: Guarded) -> None:
        senders = {name: await world.client(name) for name in ("webapp", "books")}
        senders["alien"] = await world.client("alien", namespace="tools")
        senders["outsider"] = await world.client("outsider", meshed=False)
        policy = authorization_policy("p", SERVER, requires("MeshTLSAuthentication", "m"))
        await world.enforce(server(), mesh_tls("m", *patterns), policy)
        seen = {name for name, sender in senders.items() if (await world.ask(sender, "/")).status == 200}
        assert seen == allowed

    guarded(test)


def test_an_edit_counts_for_open_connections() -> None:
    """§3.25: from the next request on the same connection."""

    async def test(world: Guarded) -> None:
        await world.enforce()
        reader, writer = await asyncio.open_connection(world.authors.endpoint.pod_ip, 7000)
        for policies, expected in [([OPEN], 200), ([CLOSED, ROUTE], 404), ([OPEN], 200), ([CLOSED], 200)] * 3:
            await world.enforce(*policies)
            writer.write(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
            status = (await reader.readuntil(b"\r\n\r\n")).split()[1]
            assert int(status) == expected  # this client is localhost, which every Server lets in (§3.5)
        writer.close()
        await writer.wait_closed()

    guarded(test)


def test_edits_under_load_lose_no_request() -> None:
    """§3.25: between meshed pods, while a Server comes and goes."""

    async def test(world: Guarded) -> None:
        webapp = await world.client("webapp")
        await world.enforce()
        done, seen = asyncio.Event(), Counter[int]()

        async def ask() -> None:
            while not done.is_set():
                seen[(await world.ask(webapp, "/")).status] += 1

        tasks = [asyncio.create_task(ask()) for _ in range(4)]
        for policies in ([CLOSED], [OPEN], [CLOSED, ROUTE], []) * 5:
            await world.enforce(*policies)
        done.set()
        await asyncio.gather(*tasks)
        assert set(seen) <= {200, 403, 404}, seen
        assert seen[200] > 0

    guarded(test)


def test_a_redirect_comes_after_the_authorization_and_costs_no_token() -> None:
    """§3.15."""
    redirect = {"type": "RequestRedirect", "requestRedirect": {"hostname": "example.org", "port": 8080}}
    route = server_route("r", {"matches": [{"path": {"value": "/old"}}], "filters": [redirect]}, {})
    policy = authorization_policy("p", target("HTTPRoute", "r"), requires("ServiceAccount", "webapp"))
    limit = rate_limit("l", total={"requestsPerSecond": 1})

    async def test(world: Guarded) -> None:
        webapp, books = await world.client("webapp"), await world.client("books")
        await world.enforce(server(), route, policy, limit)
        assert (await world.ask(books, "/old")).status == 403
        for _ in range(3):
            answer = await world.ask(webapp, "/old/x")
            assert (answer.status, answer.headers["location"]) == (302, "http://example.org:8080/old/x")
        assert [(await world.ask(webapp, "/")).status for _ in range(2)] == [200, 429]
        assert await world.counted("response_total", direction="inbound") == 1
        assert await world.counted("inbound_http_authz_allow_total", authz_name="p") == 5

    guarded(test)


def test_request_headers_are_changed_and_response_headers_are_not() -> None:
    """§1.58."""
    written = [{"name": "x-route", "value": "100% yes"}]
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": written, "remove": ["x-old"]}},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": written}},
    ]

    async def test(world: Guarded) -> None:
        webapp = await world.client("webapp")
        await world.enforce(OPEN, server_route("r", {"filters": filters}, group="gateway.networking.k8s.io"))
        answer = await world.ask(webapp, "/", x_old="1", x_route="0")
        assert answer.seen["headers"]["x-route"] == "100% yes"
        assert "x-old" not in answer.seen["headers"]
        assert "x-route" not in answer.headers

    guarded(test)


def test_hostnames_of_inbound_routes_fit_whatever_clients_write() -> None:
    """§1.47, §1.48 by §3.16."""

    def named(name: str, *hostnames: str) -> Obj:
        mark = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "by", "value": name}]}}
        route = server_route(name, {"filters": [mark]})
        return {**route, "spec": {**route["spec"], "hostnames": list(hostnames)}}

    async def test(world: Guarded) -> None:
        await world.enforce(OPEN, named("exact", "a.example.org", "plain"), named("wild", "*.example.org"))
        expected = {
            "a.example.org": "exact", "A.Example.Org:7000": "exact", "a.example.org.": "exact", "plain:1": "exact",
            "b.example.org:7000": "wild", "x.y.example.org": "wild", "example.org": None, "axexample.org": None,
        }  # fmt: skip
        for host, route in expected.items():
            answer = await world.probe("/", Host=host)
            assert (answer.seen["headers"]["by"] if answer.seen else None) == route, host
            assert answer.status == (200 if route else 404)

    guarded(test)


def test_every_decision_has_its_counters() -> None:
    """§5.5, §5.6, §0.7."""
    reads = server_route("reads", {"matches": [{"path": {"value": "/a"}, "method": "GET"}]})
    policy = authorization_policy("p", target("HTTPRoute", "reads"), requires("ServiceAccount", "webapp"))
    legacy = server_authorization(
        "old", {"name": "authors-server"}, meshTLS={"serviceAccounts": [{"name": "books"}]},
        networks=[{"cidr": "127.0.0.0/8"}],
    )  # fmt: skip

    async def test(world: Guarded) -> None:
        webapp, books, outsider = await world.client("webapp"), await world.client("books"), await world.client("x")
        limit = rate_limit("l", identity={"requestsPerSecond": 2})
        await world.enforce(server(), reads, policy, legacy, limit)
        seen = [
            [(await world.ask(client, path)).status for path in ("/a", "/a/b", "/a/c", "/nowhere")]
            for client in (webapp, books, outsider)
        ]
        assert seen == [[200, 200, 429, 404], [200, 200, 429, 404], [403, 403, 403, 404]]
        srv = {"srv_group": GROUP, "srv_kind": "server", "srv_name": "authors-server", "srv_port": "7000"}
        route = {**srv, "route_group": GROUP, "route_kind": "HTTPRoute", "route_name": "reads"}
        by_policy = {**route, "authz_group": GROUP, "authz_kind": "authorizationpolicy", "authz_name": "p"}
        by_legacy = {**route, "authz_kind": "serverauthorization", "authz_name": "old"}
        assert await world.counted("inbound_http_authz_allow_total", **by_policy) == 3
        assert await world.counted("inbound_http_authz_allow_total", **by_legacy, client_id=identity("books")) == 3
        assert await world.counted("inbound_http_authz_deny_total", **route, client_id=identity("x")) == 3
        assert await world.counted("inbound_http_route_not_found_total", **srv) == 3
        by_client = {"ratelimit_kind": "HTTPLocalRateLimitPolicy", "ratelimit_name": "l", "ratelimit_scope": "identity"}
        assert await world.counted("inbound_http_local_ratelimit_total", **srv, **by_client) == 2
        assert await world.counted("response_total", direction="inbound", **by_policy) == 2
        assert await world.counted("response_total", direction="inbound") == 4
        assert await world.counted("request_total", direction="inbound") == 4

    guarded(test)


def test_audit_lets_in_and_is_counted_by_name() -> None:
    """§3.26."""

    async def test(world: Guarded) -> None:
        outsider = await world.client("outsider", meshed=False)
        await world.enforce(server(accessPolicy="audit"))
        assert (await world.ask(outsider, "/")).status == 200
        counted = await world.counted("inbound_http_authz_allow_total", authz_kind="default", authz_name="audit")
        assert counted == 1

    guarded(test)


@pytest.mark.parametrize("protocol", ["opaque", "TLS"])
def test_connections_that_are_not_looked_into_are_let_in_or_closed(protocol: str) -> None:
    """§3.7: no HTTP answer to those who are not allowed; clients hear a 502 from their own side."""
    policy = authorization_policy("p", SERVER, requires("ServiceAccount", "webapp"))

    async def test(world: Guarded) -> None:
        webapp, books, outsider = (
            await world.client("webapp"), await world.client("books"), await world.client("outsider", meshed=False)
        )  # fmt: skip
        await world.enforce(server(proxyProtocol=protocol), policy)
        assert (await world.ask(webapp, "/x")).seen["path"] == "/x"
        assert (await world.ask(books, "/x")).status == 502
        assert (await world.ask(outsider, "/x")).status == 502
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await world.ask(None, "/x")

    guarded(test)


async def let_in(world: Guarded, client: Pod, rate: float, count: int) -> int:
    """How many of the requests that a client sends at a steady rate get 200; all others get 429."""
    start, found = time.monotonic(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        found.append(asyncio.create_task(world.ask(client, "/")))
    seen = Counter([(await task).status for task in found])
    assert set(seen) <= {200, 429}
    return seen[200]


def test_rate_limits_by_client_override_and_total() -> None:
    """§3.28 to §3.30: a bucket holds one second's worth and fills steadily."""
    override = {"requestsPerSecond": 10, "clientRefs": [{"kind": "ServiceAccount", "name": "fast"}]}
    shared = {"requestsPerSecond": 6, "clientRefs": [{"kind": "ServiceAccount", "name": n} for n in ("one", "two")]}

    async def test(world: Guarded) -> None:
        names = ("slow", "other", "fast", "one", "two")
        pods = {name: await world.client(name) for name in names}
        plain = [await world.client(name, meshed=False) for name in ("p1", "p2")]
        limit = rate_limit("l", identity={"requestsPerSecond": 5}, overrides=[override, shared])
        await world.enforce(OPEN, limit)
        clients, begin = [*pods.values(), *plain], time.monotonic()
        found = await asyncio.gather(*(let_in(world, client, 20, 40) for client in clients))
        took = time.monotonic() - begin
        ok = {client.endpoint.name: number for client, number in zip(clients, found, strict=True)}

        def filled(per_second: int) -> range:
            """What one bucket may have let in: twice its size at least, and no more than has flowed into it."""
            return range(2 * per_second, int(per_second * (1 + took)) + 2)

        assert ok["slow-1"] in filled(5)
        assert ok["other-1"] in filled(5)
        assert ok["fast-1"] in filled(10)
        assert ok["one-1"] + ok["two-1"] in filled(6)  # §3.29: they share a bucket
        assert ok["p1-1"] + ok["p2-1"] in filled(5)  # §3.28: so do all without identity

    guarded(test, LINKERD_EDGE)


def test_the_total_limit_is_asked_first_and_denials_cost_nothing() -> None:
    """§3.15, §3.28."""
    policy = authorization_policy("p", SERVER, requires("MeshTLSAuthentication", "m"))

    async def test(world: Guarded) -> None:
        webapp, outsider = await world.client("webapp"), await world.client("outsider", meshed=False)
        limit = rate_limit("l", total={"requestsPerSecond": 4}, identity={"requestsPerSecond": 2})
        await world.enforce(server(), mesh_tls("m", "*"), policy, limit)
        assert {(await world.ask(outsider, "/")).status for _ in range(6)} == {403}
        answers = [await world.ask(webapp, "/") for _ in range(7)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429, 429, 429, 429]
        refused = answers[-1]
        assert (refused.body, refused.headers["content-length"], refused.error) == ("", "0", None)
        assert not {"retry-after", "x-envoy-ratelimited", "connection"} & set(refused.headers)
        scopes = [
            await world.counted("inbound_http_local_ratelimit_total", ratelimit_scope=scope)
            for scope in ("identity", "total")
        ]
        assert scopes == [2, 3]

    guarded(test)
