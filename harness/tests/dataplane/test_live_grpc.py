"""HTTP/2 without TLS and gRPC through real proxies: applications are spoken to as their clients speak (§4.13)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import grpc
import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.dataplane.compile import compile_snapshot
from harness.embedded.dataplane.ingresses import Ingress, ingress_paths
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.pods import OUTBOUND_PORT
from harness.resources.circuit_breaking import CONSECUTIVE, MODE
from harness.resources.filters import Header, RequestHeaderModifier
from harness.resources.matches import HeaderMatch, Match, PathMatch, RpcMatch
from harness.resources.routes import GATEWAY_GROUP, Rule
from harness.run.bursts import plan_for_send
from harness.run.criteria import satisfies
from harness.run.looked_at import LookedAt
from harness.scenario.claims import Every
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Send
from harness.tests.dataplane.builders import route, service, snapshot, to
from harness.tests.dataplane.live import LiveMesh, live_mesh
from harness.tests.dataplane_inbound.live import Guarded
from harness.tests.resources_policy.documents import (
    authorization_policy,
    mesh_tls,
    rate_limit,
    requires,
    server,
    server_route,
    target,
)
from harness.traffic.exchange import Answer, exchange_for
from harness.traffic.outcome import Outcome

pytestmark = pytest.mark.cluster


class _Echo(grpc.GenericRpcHandler):  # type: ignore[misc]  # untyped package
    """Answers every unary call with its name, the method, the metadata that the mesh sets, and the message."""

    def __init__(self, name: str) -> None:
        self._name = name

    def service(self, details: Any) -> Any:
        client = dict(details.invocation_metadata).get("l5d-client-id", "nobody")

        async def answer(message: bytes, context: Any) -> bytes:
            if details.method.endswith("/Fail"):
                await context.abort(grpc.StatusCode.DATA_LOSS, "as asked")
            return b" ".join((self._name.encode(), details.method.encode(), client.encode(), message))

        return grpc.unary_unary_rpc_method_handler(answer)


class _Failing(grpc.GenericRpcHandler):  # type: ignore[misc]  # untyped package
    """Fails so many calls with a status before it answers; `asked` counts all."""

    def begin(self, status: str, times: int) -> None:
        self.asked, self._status, self._times = 0, status, times

    def service(self, _details: Any) -> Any:
        async def answer(_message: bytes, context: Any) -> bytes:
            self.asked += 1
            if self.asked <= self._times:
                await context.abort(grpc.StatusCode[self._status], "not yet")
            return b"at last"

        return grpc.unary_unary_rpc_method_handler(answer)


async def grpc_app(mesh: LiveMesh, stack: AsyncExitStack, name: str, handler: Any = None, **changes: Any) -> Pod:
    made = await mesh.app(name, listening=False, **changes)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler or _Echo(name),))
    server.add_insecure_port(f"{made.endpoint.app_ip}:7000")
    await server.start()
    stack.push_async_callback(server.stop, None)
    return made


async def call(client: Pod, authority: str, method: str, **metadata: str) -> str:
    """What a unary call of a pod gets: its message, or the name of its status."""
    return await call_at(f"{client.endpoint.pod_ip}:{OUTBOUND_PORT}", authority, method, **metadata)


async def call_at(address: str, authority: str, method: str, **metadata: str) -> str:
    options = (("grpc.default_authority", authority), ("grpc.enable_http_proxy", 0))
    lines = tuple((name.replace("_", "-"), value) for name, value in metadata.items())
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        try:
            return str((await channel.unary_unary(method)(b"hello", metadata=lines, timeout=60)).decode())
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()}"


def run(test: Callable[[LiveMesh, AsyncExitStack], Awaitable[None]]) -> None:
    async def main() -> None:
        async with live_mesh(LINKERD_EDGE) as mesh, AsyncExitStack() as stack:
            await test(mesh, stack)

    asyncio.run(main())


SERVERS_SCHEME = "traefik.ingress.kubernetes.io/service.serversscheme"
WEBAPP = "webapp.booksapp.serviceaccount.identity.linkerd.cluster.local"


def test_calls_pass_with_their_identity_status_and_version() -> None:
    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        books = await grpc_app(mesh, stack, "books")
        await mesh.push(webapp, books, service("books", books.endpoint.pod_ip))
        seen = await call(webapp, "books:7000", "/shop.Books/Get", l5d_client_id="admin", l5d_orig_proto="HTTP/1.1")
        assert seen == f"books /shop.Books/Get {WEBAPP} hello"
        assert await call(webapp, "books:7000", "/shop.Books/Fail") == "DATA_LOSS as asked"
        direct = await call(webapp, f"{books.endpoint.pod_ip}:7000", "/shop.Books/Get")
        assert direct == f"books /shop.Books/Get {WEBAPP} hello"

    run(test)


def test_each_application_is_spoken_to_as_its_client_speaks() -> None:
    """Two versions at once over the same connection of the mesh, and to plain-text endpoints."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        outsider = await mesh.app("outsider", listening=False, meshed=False)
        old = await mesh.app("old")
        books, plain = await grpc_app(mesh, stack, "books"), await grpc_app(mesh, stack, "plain", meshed=False)
        await mesh.push(
            *(webapp, outsider, old, books, plain),
            service("books", books.endpoint.pod_ip),
            service("old", old.endpoint.pod_ip),
            service("plain", plain.endpoint.pod_ip),
        )
        for client, known in ((webapp, WEBAPP), (outsider, "nobody")):
            assert await call(client, "books:7000", "/shop.Books/Get") == f"books /shop.Books/Get {known} hello"
            assert await call(client, "plain:7000", "/shop.Books/Get") == "plain /shop.Books/Get nobody hello"
            answer = await mesh.get(client, "http://old:7000/", l5d_orig_proto="HTTP/2")
            assert (answer.status, answer.seen["version"]) == (200, "1.1")
            assert not {"l5d-orig-proto", "signalbox-app"} & set(answer.seen["headers"])
            assert (await mesh.get(client, "http://books:7000/")).status in (502, 503)
            assert (await call(client, "old:7000", "/shop.Books/Get")).startswith("UNAVAILABLE")

    run(test)


def test_routes_choose_by_method_and_metadata() -> None:
    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        books, canary = await grpc_app(mesh, stack, "books"), await grpc_app(mesh, stack, "canary")
        get = PathMatch("Exact", "/shop.Books/Get")
        rules = (
            Rule(matches=(Match(get, headers=(HeaderMatch("x-canary", "yes"),)),), backend_refs=(to("canary"),)),
            Rule(matches=(Match(get),)),
            Rule(matches=(Match(PathMatch("Exact", "/shop.Books/Gone")),), backend_refs=(to("gone"),)),
        )
        services = (service(name, item.endpoint.pod_ip) for name, item in (("books", books), ("canary", canary)))
        await mesh.push(webapp, books, canary, *services, route("r", *rules))
        assert (await call(webapp, "books:7000", "/shop.Books/Get")).startswith("books ")
        assert (await call(webapp, "books:7000", "/shop.Books/Get", x_canary="yes")).startswith("canary ")
        assert await call(webapp, "books:7000", "/shop.Books/Other") == "NOT_FOUND "
        assert await call(webapp, "books:7000", "/shop.Books/Gone") == "FAILED_PRECONDITION "

    run(test)


def test_grpc_routes_choose_by_service_method_and_metadata() -> None:
    """§1.60: they hide HTTPRoutes; a missing backend is told in words of its own."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        books, canary = await grpc_app(mesh, stack, "books"), await grpc_app(mesh, stack, "canary")
        get = RpcMatch("shop.Books", "Get")
        adds = RequestHeaderModifier(set=(Header("x-told", "by the route"),))
        rules = (
            Rule((Match(method="POST", rpc=get, headers=(HeaderMatch("x-canary", "yes"),)),), (), (to("canary"),)),
            Rule((Match(method="POST", rpc=get),), (adds,)),
            Rule((Match(method="POST", rpc=RpcMatch(method="Gone")),), (), (to("gone"),)),
            Rule((Match(method="POST", rpc=RpcMatch("shop.Cats")),), (), (to("canary"),)),
        )
        hidden = route("all", Rule(backend_refs=(to("canary"),)))
        services = (service(name, item.endpoint.pod_ip) for name, item in (("books", books), ("canary", canary)))
        own = route("r", *rules, group=GATEWAY_GROUP, kind="GRPCRoute")
        await mesh.push(webapp, books, canary, *services, hidden, own)
        assert (await call(webapp, "books:7000", "/shop.Books/Get")).startswith("books ")
        assert (await call(webapp, "books:7000", "/shop.Books/Get", x_canary="yes")).startswith("canary ")
        assert (await call(webapp, "books:7000", "/shop.Cats/Feed")).startswith("canary ")
        assert await call(webapp, "books:7000", "/shop.Books/Put") == "NOT_FOUND "
        assert await call(webapp, "books:7000", "/shop.Books/Gone") == "UNKNOWN Service not found gone"

    run(test)


def test_grpc_routes_of_a_server_say_who_may_call_what() -> None:
    """§3.12, §3.14: other calls find no route."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        authors = await grpc_app(mesh, stack, "authors")
        guarded = Guarded(mesh, authors, service("authors", authors.endpoint.pod_ip), {})
        webapp, other = await guarded.client("webapp"), await guarded.client("other")
        await guarded.enforce(
            server(proxyProtocol="gRPC"),
            server_route(
                *("reads", {"matches": [{"method": {"service": "shop.Authors", "method": "Get"}}]}),
                group=GATEWAY_GROUP,
                kind="GRPCRoute",
            ),
            mesh_tls("only-webapp", WEBAPP),
            authorization_policy(
                *("webapp-reads", target("GRPCRoute", "reads", GATEWAY_GROUP)),
                requires("MeshTLSAuthentication", "only-webapp"),
            ),
        )
        assert (await call(webapp, "authors:7000", "/shop.Authors/Get")).startswith("authors ")
        assert (await call(other, "authors:7000", "/shop.Authors/Get")).startswith("PERMISSION_DENIED client ")
        assert (await call(webapp, "authors:7000", "/shop.Authors/Put")).startswith("NOT_FOUND client ")

    run(test)


def test_calls_are_tried_again_as_annotations_say() -> None:
    """§2.7: `retry.linkerd.io/grpc` of the route; what it does not name is not tried again."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        failing, seen = _Failing(), []
        for status in ("UNAVAILABLE", "INTERNAL"):
            failing.begin(status, times=2)
            made = route("r", Rule((Match(rpc=RpcMatch()),)), group=GATEWAY_GROUP, kind="GRPCRoute")
            annotations = {"retry.linkerd.io/grpc": "unavailable", "retry.linkerd.io/limit": "3"}
            retried = replace(made, route=replace(made.route, annotations=annotations))
            app = await grpc_app(mesh, stack, f"app-{status.lower()}", handler=failing)
            await mesh.push(webapp, app, service("books", app.endpoint.pod_ip), retried)
            seen.append((await call(webapp, "books:7000", "/shop.Books/Get"), failing.asked))
        assert seen == [("at last", 3), ("INTERNAL not yet", 1)]

    run(test)


def test_policies_answer_with_statuses_of_grpc() -> None:
    """§3.8, §3.29: denied is 7, a rate limit 8; who may, is served."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        authors = await grpc_app(mesh, stack, "authors")
        guarded = Guarded(mesh, authors, service("authors", authors.endpoint.pod_ip), {})
        webapp, other = await guarded.client("webapp"), await guarded.client("other")
        plain = await guarded.client("plain", meshed=False)
        await guarded.enforce(
            server(),
            mesh_tls("only-webapp", WEBAPP),
            authorization_policy(
                "webapp-may", target("Server", "authors-server"), requires("MeshTLSAuthentication", "only-webapp")
            ),
        )
        assert (await call(webapp, "authors:7000", "/shop.Authors/Get")).startswith("authors ")
        denied = await call(other, "authors:7000", "/shop.Authors/Get")
        assert denied.startswith("PERMISSION_DENIED client ")
        assert denied.endswith("unauthorized request on route")
        assert await call(plain, "authors:7000", "/shop.Authors/Get") == "PERMISSION_DENIED "  # §3.24: not told why
        await guarded.enforce(
            server(accessPolicy="all-unauthenticated"), rate_limit("few", total={"requestsPerSecond": 1})
        )
        at_once = await asyncio.gather(*(call(webapp, "authors:7000", "/shop.Authors/Get") for _ in range(20)))
        statuses = {answer.split()[0] for answer in at_once}
        assert statuses == {"authors", "RESOURCE_EXHAUSTED"}

    run(test)


@pytest.mark.parametrize(
    ("status", "given_up"), [("UNAVAILABLE", True), ("INTERNAL", True), ("RESOURCE_EXHAUSTED", False)]
)
def test_an_endpoint_is_given_up_for_failures_of_grpc(status: str, given_up: bool) -> None:
    """§4.3."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        failing = _Failing()
        failing.begin(status, times=1000)
        app = await grpc_app(mesh, stack, "books", handler=failing)
        breaks = {MODE: "consecutive", f"{CONSECUTIVE}max-failures": "3", f"{CONSECUTIVE}min-penalty": "1m"}
        await mesh.push(webapp, app, service("books", app.endpoint.pod_ip, annotations=breaks))
        seen: list[str] = []
        while len(seen) < 23 and "DEADLINE_EXCEEDED" not in seen:  # Envoy decides in another thread
            seen.append((await call(webapp, "books:7000", "/shop.Books/Get")).split()[0])
        assert seen[:3] == [status] * 3
        assert ("DEADLINE_EXCEEDED" in seen) is given_up

    run(test)


def test_calls_come_in_from_outside_where_the_service_takes_them() -> None:
    """Traefik's annotation of the Service says that HTTP/2 is spoken to it."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        books = await grpc_app(mesh, stack, "books")
        behind = {"service": {"name": "books", "port": {"number": 7000}}}
        paths = [{"path": "/", "pathType": "Prefix", "backend": behind}]
        rules = [{"host": "books.local", "http": {"paths": paths}}]
        metadata = {"namespace": "booksapp", "name": "books", "creationTimestamp": "2026-01-01T00:00:00Z"}
        way_in = Ingress(0, "127.0.0.2", ingress_paths([{"metadata": metadata, "spec": {"rules": rules}}]))

        async def told(**annotations: str) -> str:
            named = service("books", books.endpoint.pod_ip, annotations=annotations)
            moment = replace(snapshot(books, named, dialect=LINKERD_EDGE), ingress=way_in)
            mesh.compile(books, named)  # certificates of new pods
            await mesh.ads.push(compile_snapshot(moment, mesh.identities.directory))
            address = await mesh.metrics.listener_address("ingress")
            return await call_at(str(address), "books.local", "/shop.Books/Get")

        assert await told(**{SERVERS_SCHEME: "h2c"}) == "books /shop.Books/Get nobody hello"
        assert (await told()).startswith("UNAVAILABLE ")

    run(test)


def test_nobody_there_is_told_in_statuses_of_grpc() -> None:
    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        silent = await mesh.app("silent", listening=False)
        await mesh.push(webapp, silent, service("silent", silent.endpoint.pod_ip), service("empty"))
        assert await call(webapp, "empty:7000", "/shop.Books/Get") == "DEADLINE_EXCEEDED service in fail-fast"
        assert (await call(webapp, "silent:7000", "/shop.Books/Get")).startswith("UNAVAILABLE ")

    run(test)


def test_the_sender_tells_what_became_of_calls_and_who_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios judge by `grpc-status` and `by`: each claim holds where it should, and its opposite does not."""

    async def test(mesh: LiveMesh, stack: AsyncExitStack) -> None:
        webapp = await mesh.app("webapp", listening=False)
        books, canary = await grpc_app(mesh, stack, "books"), await grpc_app(mesh, stack, "canary")
        get = PathMatch("Exact", "/shop.Books/Get")
        rules = (
            Rule(matches=(Match(get, headers=(HeaderMatch("x-canary", "yes"),)),), backend_refs=(to("canary"),)),
            Rule(matches=(Match(get), Match(PathMatch("Exact", "/shop.Books/Fail")))),
        )
        services = (service(name, item.endpoint.pod_ip) for name, item in (("books", books), ("canary", canary)))
        await mesh.push(webapp, books, canary, *services, route("r", *rules))
        monkeypatch.setenv("http_proxy", f"http://{webapp.endpoint.pod_ip}:{OUTBOUND_PORT}")

        async def holds(method: str, wanted: dict[str, object], **headers: str) -> bool:
            every = Every.model_validate(wanted)
            asked = f"POST http://books:7000/shop.Books/{method}"
            written = {"from": "x", "request": asked, "protocol": "grpc", "message": "aGk=", "headers": headers}
            plan = plan_for_send(Send.model_validate(written), LookedAt.by(every), Pace(), 3)
            async with exchange_for(plan) as exchange:
                answers = [await exchange.send() for _ in range(3)]
            assert {answer.connection for answer in answers} == {0}
            return all(satisfies(_outcome(answer), every) for answer in answers)

        assert await holds("Get", {"grpc-status": "OK", "by": "app", "body-has": "books /shop.Books/Get"})
        assert not await holds("Get", {"grpc-status": "NOT_FOUND"})
        assert await holds("Get", {"grpc-status": 0, "body-has": "canary /shop.Books/Get"}, **{"X-Canary": "yes"})
        assert not await holds("Get", {"body-has": "canary"}, **{"X-Canary": "no"})
        assert await holds("Fail", {"grpc-status": "DATA_LOSS", "by": "app"})
        assert not await holds("Fail", {"by": "proxy"})
        assert await holds("Other", {"grpc-status": "NOT_FOUND", "by": "proxy"})
        assert not await holds("Other", {"by": "app"})

    run(test)


def _outcome(answer: Answer) -> Outcome:
    return Outcome(
        index=0,
        scheduled=0,
        lag=0,
        latency=0,
        service_time=0,
        status=answer.status,
        error=answer.error,
        headers=answer.headers,
        body_start=answer.body_start,
    )
