"""Routing through a real proxy: the words of sections 1A to 1F on real traffic."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from harness.dialect import LINKERD_2_14, Dialect
from harness.embedded.dataplane.snapshot import Pod, ServiceState
from harness.resources.filters import (
    Header,
    PathRewrite,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
)
from harness.resources.matches import HeaderMatch, Match, PathMatch, QueryParamMatch
from harness.resources.routes import Rule, Timeouts
from harness.tests.dataplane.builders import route, service, to
from harness.tests.dataplane.live import LiveMesh, live_mesh

pytestmark = pytest.mark.cluster


def run(test: Callable[[LiveMesh], Awaitable[None]], dialect: Dialect = LINKERD_2_14) -> None:
    async def main() -> None:
        async with live_mesh(dialect) as mesh:
            await test(mesh)

    asyncio.run(main())


async def bookstore(mesh: LiveMesh) -> tuple[Pod, Pod, ServiceState]:
    """A client, an application, and the Service before it."""
    webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
    return webapp, books, service("books", books.endpoint.pod_ip, cluster_ip=mesh.network.service_address())


def test_a_service_is_reached_by_all_its_names() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service)
        names = ("books", "BOOKS.booksapp.svc.cluster.local", books_service.service.cluster_ip)
        assert [(await mesh.get(webapp, f"http://{name}:7000/")).by for name in names] == ["books"] * 3
        answer = await mesh.get(webapp, "http://books:7000/a%2Fb//?q=%41")
        assert answer.seen["path"] == "/a%2Fb//?q=%41"
        assert answer.seen["headers"]["host"] == "books:7000"

    run(test)


def test_unknown_names_are_answered_in_words() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service)
        for authority in ("nobody:1234", f"{books_service.service.cluster_ip}:9"):
            answer = await mesh.get(webapp, f"http://{authority}/")
            assert answer.status == 502
            assert authority in answer.body
            assert answer.error is not None
            assert authority in answer.error

    run(test)


def test_weights_are_shares_of_requests() -> None:
    """§1.30: 1000 draws at 10 % stay within five standard deviations."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        injector = await mesh.app("injector")
        split = route("split", Rule(backend_refs=(to("books", 90), to("injector", 10))), port=7000)
        await mesh.push(webapp, books, injector, books_service, service("injector", injector.endpoint.pod_ip), split)

        async def some() -> Counter[str]:
            return Counter([(await mesh.get(webapp, "http://books:7000/")).by for _ in range(100)])

        seen = sum(await asyncio.gather(*(some() for _ in range(10))), Counter[str]())
        assert sum(seen.values()) == 1000
        assert abs(seen["injector"] - 100) < 5 * 9.5

    run(test)


def test_no_match_is_404_and_keeps_the_connection() -> None:
    """§1.18."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        only = route("only", Rule(matches=(Match(PathMatch("PathPrefix", "/authors")),)))
        await mesh.push(webapp, books, books_service, only)
        for path, status in (("/authors/", 200), ("/authors.json", 404), ("/", 404)):
            answer = await mesh.get(webapp, f"http://books:7000{path}")
            assert answer.status == status
        assert answer.error is not None
        assert answer.error.endswith("no route")
        assert (answer.body, answer.headers["content-length"]) == ("", "0")
        assert answer.headers.get("connection") is None

    run(test)


def test_a_missing_backend_is_500_for_its_share_only() -> None:
    """§1.23."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        half = route("half", Rule(backend_refs=(to("books"), to("nope"))))
        await mesh.push(webapp, books, books_service, half)
        answers = [await mesh.get(webapp, "http://books:7000/") for _ in range(60)]
        bad = [answer for answer in answers if answer.status == 500]
        assert 10 <= len(bad) <= 50
        assert {(answer.body, answer.error) for answer in bad} == {("", "Service not found nope")}
        await mesh.push(webapp, books, books_service, route("half", Rule(backend_refs=(to("nope", port=None),))))
        answer = await mesh.get(webapp, "http://books:7000/")
        assert (answer.status, answer.error) == (500, "missing port for backend Service nope")

    run(test)


def test_no_endpoint_is_504_until_one_is_ready() -> None:
    """§1.28; readiness is in force when the push returns."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, _ = await bookstore(mesh)
        for ips, status in (((), 504), ((books.endpoint.pod_ip,), 200), ((), 504)):
            await mesh.push(webapp, books, service("books", *ips))
            answer = await mesh.get(webapp, "http://books:7000/")
            assert answer.status == status
        assert (answer.error, answer.body) == ("service in fail-fast", "")

    run(test)


def test_an_unready_backend_loses_its_share() -> None:
    """§1.31."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        split = route("split", Rule(backend_refs=(to("books"), to("empty", 9))))
        await mesh.push(webapp, books, books_service, service("empty"), split)
        assert {(await mesh.get(webapp, "http://books:7000/")).status for _ in range(20)} == {200}

    run(test)


def test_a_closed_application_port_is_502() -> None:
    """§2.8, §0.8: what the remote proxy says about it does not reach the application."""

    async def test(mesh: LiveMesh) -> None:
        webapp, closed = await mesh.app("webapp", listening=False), await mesh.app("closed", listening=False)
        plain = await mesh.app("plain", listening=False, meshed=False)
        services = [service(item.endpoint.deployment or "", item.endpoint.pod_ip) for item in (closed, plain)]
        await mesh.push(webapp, closed, plain, *services)
        meshed, unmeshed = [await mesh.get(webapp, f"http://{name}:7000/") for name in ("closed", "plain")]
        assert (meshed.status, meshed.error, meshed.body) == (502, None, "")
        assert (unmeshed.status, unmeshed.body) == (502, "")
        assert unmeshed.error is not None
        assert "Connection_refused" in unmeshed.error

    run(test)


def test_a_backend_port_that_nobody_declares_is_502_of_the_server_s_proxy() -> None:
    """§1.26, §2.8: the number is taken for a port of each pod, whose proxy is reached and its application is not."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service, route("r", Rule(backend_refs=(to("books", port=9),))))
        answer = await mesh.get(webapp, "http://books:7000/")
        assert (answer.status, answer.by, answer.error) == (502, "", None)

    run(test)


def test_a_backend_s_redirect_is_for_its_share_of_requests() -> None:
    """§1.36, §1.57: nobody behind it is asked, or needs to be there; the other backends are as without it."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        gone = service("gone", cluster_ip=mesh.network.service_address())
        moved = to("gone", 1, filters=(RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/new")),))
        rule = Rule(backend_refs=(moved, to("books", 3)))
        await mesh.push(webapp, books, books_service, gone, route("r", rule))
        answers = [await mesh.get(webapp, "http://books:7000/a?b") for _ in range(400)]
        locations = {answer.headers.get("location") for answer in answers if answer.status == 302}
        assert locations == {"http://books:7000/new/a?b"}
        assert 55 < sum(answer.status == 302 for answer in answers) < 145  # 100 expected; 5 standard deviations
        assert all(answer.by == "books" for answer in answers if answer.status == 200)
        impossible = Rule(matches=(Match(PathMatch("Exact", "/a")),), backend_refs=(moved,))
        await mesh.push(webapp, books, books_service, gone, route("r", impossible))
        assert (await mesh.get(webapp, "http://books:7000/a")).status == 500

    run(test)


def test_unmeshed_clients_bypass_routes() -> None:
    """§1.9."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        outsider = await mesh.app("outsider", meshed=False)
        nothing = route("nothing", Rule(matches=(Match(PathMatch("Exact", "/never")),)))
        await mesh.push(webapp, books, outsider, books_service, nothing)
        assert (await mesh.get(webapp, "http://books:7000/")).status == 404
        answer = await mesh.get(outsider, "http://books:7000/")
        assert (answer.status, answer.by) == (200, "books")
        assert "l5d-client-id" not in answer.seen["headers"]

    run(test)


def test_consumer_routes_hold_only_for_their_namespace() -> None:
    """§1.11."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        alien = await mesh.app("alien", listening=False, namespace="elsewhere")
        consumer = route("consumer", Rule(matches=(Match(PathMatch("Exact", "/x")),)), namespace="elsewhere")
        await mesh.push(webapp, alien, books, books_service, consumer)
        url = "http://books.booksapp:7000/"
        assert [(await mesh.get(client, url)).status for client in (webapp, alien)] == [200, 404]
        producer = route("producer", Rule())
        await mesh.push(webapp, alien, books, books_service, consumer, producer)
        assert [(await mesh.get(client, url)).status for client in (webapp, alien)] == [200, 200]

    run(test)


def test_a_route_on_the_wrong_port_is_unused() -> None:
    """§1.4."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        wrong = route("wrong", Rule(backend_refs=(to("nope"),)), port=7001)
        await mesh.push(webapp, books, books_service, wrong)
        assert (await mesh.get(webapp, "http://books:7000/")).status == 200

    run(test)


def test_a_change_holds_for_the_next_request() -> None:
    """The ACK is the moment: no request after it sees the old route."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        stale = []
        for turn in range(60):
            missing = route("flip", Rule(backend_refs=(to("nope" if turn % 2 else "books"),)))
            await mesh.push(webapp, books, books_service, missing)
            answer = await mesh.get(webapp, "http://books:7000/")
            stale += [turn] if answer.status != (500 if turn % 2 else 200) else []
        assert stale == []

    run(test)


def test_pods_are_dialled_directly_past_routes_and_with_identity() -> None:
    """§1.7."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        plain = await mesh.app("plain", meshed=False)
        await mesh.push(webapp, books, plain, books_service, route("nothing"))
        direct = await mesh.get(webapp, f"http://{books.endpoint.pod_ip}:7000/")
        assert (direct.status, direct.by) == (200, "books")
        assert direct.seen["headers"]["l5d-client-id"].startswith("webapp.booksapp.")
        assert (await mesh.get(webapp, f"http://{plain.endpoint.pod_ip}:7000/")).by == "plain"
        assert (await mesh.get(plain, f"http://{books.endpoint.pod_ip}:7000/")).by == "books"
        assert (await mesh.get(webapp, f"http://{books.endpoint.pod_ip}:7001/")).status == 504

    run(test)


@pytest.mark.parametrize(
    ("match", "fits", "misses"),
    [
        (Match(PathMatch("RegularExpression", "/a|/ab")), ["/a"], ["/ab"]),
        (Match(PathMatch("RegularExpression", r"(?i)/x{2,3}[^\d]*$")), ["/XX", "/xxx/y"], ["/x", "/xx1"]),
        (Match(PathMatch("RegularExpression", "/(?:[a-z0-9]{1,60}/){1,8}.*")), ["/a/", "/a/b/c"], ["/a"]),
        (Match(PathMatch("PathPrefix", "/foo/")), ["/foo", "/foo/", "/foo//", "/foo/x?y"], ["/foobar", "/fo"]),
        (Match(PathMatch("Exact", "/foo")), ["/foo?q=1"], ["/foo/", "/Foo"]),
        (Match(query_params=(QueryParamMatch("q", "a b"),)), ["/?q=a+b", "/?x=1&q=a%20b"], ["/", "/?q=a", "/?Q=a+b"]),
        (Match(query_params=(QueryParamMatch("q", ""),)), ["/?q", "/?q="], ["/?q=1"]),
        (Match(query_params=(QueryParamMatch("q", "[^x]+", "RegularExpression"),)), ["/?q=%C3%A9&r=x"], ["/?q=x"]),
    ],
)
def test_matches_as_the_proxy_reads_them(match: Match, fits: list[str], misses: list[str]) -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service, route("r", Rule(matches=(match,))))
        for targets, status in ((fits, 200), (misses, 404)):
            for target in targets:
                assert (await mesh.get(webapp, f"http://books:7000{target}")).status == status, target

    run(test)


def test_methods_and_headers_select_backends() -> None:
    """§1.43, §1.45, §7.3."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        other = await mesh.app("other")
        to_other = (to("other"),)
        rules = (
            Rule(matches=(Match(headers=(HeaderMatch("X-Request-Id", "alternative"),)),), backend_refs=to_other),
            Rule(matches=(Match(method="PUT"),), backend_refs=to_other),
            Rule(),
        )
        await mesh.push(
            webapp, books, other, books_service, service("other", other.endpoint.pod_ip), route("r", *rules)
        )
        url = "http://books:7000/"
        assert (await mesh.get(webapp, url, x_request_id="alternative")).by == "other"
        assert (await mesh.get(webapp, url, x_request_id="alternative2")).by == "books"
        assert (await mesh.get(webapp, url, method="PUT")).by == "other"
        assert (await mesh.get(webapp, url, method="HEAD")).headers["x-app"] == "books"

    run(test)


def test_header_filters_and_timeouts() -> None:
    """§1.36, §1.56, §2.2."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        on_rule = RequestHeaderModifier(add=(Header("x-a", "rule"),), set=(Header("x-s", "rule"),), remove=("x-r",))
        on_backend = RequestHeaderModifier(add=(Header("X-A", "backend"),), set=(Header("x-s", "100%"),))
        response = ResponseHeaderModifier(set=(Header("x-app", "rewritten"),))
        rule = Rule(
            filters=(on_rule, response),
            backend_refs=(to("books", filters=(on_backend,)),),
            timeouts=Timeouts(request=timedelta(milliseconds=100)),
        )
        await mesh.push(webapp, books, books_service, route("r", rule))
        answer = await mesh.get(webapp, "http://books:7000/", x_a="own", x_s="own", x_r="own")
        sent = [(name, value) for name, value in answer.seen["all"] if name.startswith("x-")]
        assert sorted(sent) == [("x-a", "backend"), ("x-a", "own"), ("x-a", "rule"), ("x-s", "100%")]
        assert [value for name, value in sent if name == "x-a"] == ["own", "rule", "backend"]
        assert answer.headers["x-app"] == "rewritten"
        late = await mesh.get(webapp, "http://books:7000/slow")
        assert (late.status, late.body) == (504, "")
        assert late.error is not None

    run(test)


def test_of_a_repeated_header_any_line_may_match() -> None:
    """§1.43: one line or another, and never two together."""
    one, letters = HeaderMatch("X-One", "1"), HeaderMatch("x-two", "[2-3]|23", "RegularExpression")

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        matched = Rule(matches=(Match(headers=(one, letters)),))
        await mesh.push(webapp, books, books_service, route("r", matched))

        async def status(*lines: tuple[str, str]) -> int:
            answer = await mesh.ask(webapp, "GET", "http://books:7000/", lines)
            told = [name for name in answer.seen.get("headers", {}) if name.startswith("signalbox")]
            assert not told
            return answer.status

        assert await status(("x-one", "0"), ("X-One", "1"), ("x-two", "x"), ("x-two", "3")) == 200
        assert await status(("x-one", "1"), ("x-two", "2")) == 200
        assert await status(("x-one", "1,0"), ("x-two", "2")) == 404
        assert await status(("x-one", "1"), ("x-two", "2,3")) == 404
        assert await status(("x-one", "1")) == 404
        assert await status(("signalbox-lines-x-one", "\t1\t"), ("signalbox-lines-x-two", "\t2\t")) == 404

    run(test)
