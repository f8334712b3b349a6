"""`/echo` with backends: what is passed on, and that every failure is hidden in a 200 (§8.4.3, §7.3.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from multidict import CIMultiDict

from harness.embedded.apps.podinfo.options import REVISION, VERSION
from harness.tests.apps_podinfo.pods import Pod, Reply, pod, server

ALL_SENT = CIMultiDict(
    [
        ("X-Request-ID", "alternative"),
        ("X-Request-ID", "second"),
        ("x-b3-traceid", "t"),
        ("x-b3-spanid", "s"),
        ("x-b3-parentspanid", "p"),
        ("x-b3-sampled", "1"),
        ("x-b3-flags", "0"),
        ("x-ot-span-context", "o"),
        ("X-Api-Version", "mine"),
        ("x-other", "stays behind"),
        ("l5d-dst-override", "stays behind"),
        ("Authorization", "stays behind"),
        ("Content-Type", "application/json"),
    ]
)


class Backend:
    """Answers as told and notes what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b"fine", headers: Mapping[str, str] | None = None) -> None:
        self.answer = (status, body, headers)
        self.seen: list[tuple[str, str, CIMultiDict[str], bytes]] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.seen.append((request.method, request.path, CIMultiDict(request.headers), await request.read()))
        status, body, headers = self.answer
        return web.Response(status=status, body=body, headers=headers)


def echoed(
    *backends: Backend | str, flags: tuple[str, ...] = (), headers: CIMultiDict[str] | None = None
) -> tuple[Reply, list[str]]:
    """The frontend's reply to a POST, and the backends' URLs; a text stands for a URL where nobody listens."""

    async def run() -> tuple[Reply, list[str]]:
        async with AsyncExitStack() as stack:
            urls = [b if isinstance(b, str) else await stack.enter_async_context(server(b)) + "/env" for b in backends]
            frontend = await stack.enter_async_context(pod(*(f"--backend-url={url}" for url in urls), *flags))
            return await frontend.ask("PUT", "/api/echo/x", data=b"sent", headers=headers), urls

    return asyncio.run(run())


def test_the_body_is_posted_with_tracing_headers_only() -> None:
    backend = Backend()
    reply, (url,) = echoed(backend, headers=ALL_SENT)
    assert (reply.status, reply.json, reply.headers["X-Color"]) == (200, ["fine"], "#34577c")
    ((method, path, headers, body),) = backend.seen
    assert (method, path, body) == ("POST", "/env", b"sent")
    assert sorted((name.lower(), value) for name, value in headers.items()) == [
        ("accept-encoding", "gzip"),
        ("content-length", "4"),
        ("host", url.removeprefix("http://").removesuffix("/env")),
        ("user-agent", "Go-http-client/1.1"),
        ("x-api-revision", REVISION),
        ("x-api-version", VERSION),
        ("x-b3-flags", "0"),
        ("x-b3-parentspanid", "p"),
        ("x-b3-sampled", "1"),
        ("x-b3-spanid", "s"),
        ("x-b3-traceid", "t"),
        ("x-ot-span-context", "o"),
        ("x-request-id", "alternative"),
    ]


def test_an_empty_header_is_not_passed_on() -> None:
    backend = Backend()
    echoed(backend, headers=CIMultiDict({"x-request-id": ""}))
    assert "x-request-id" not in backend.seen[0][2]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, "body"),
        (202, "body"),
        (304, "body"),
        (399, "body"),
        (400, "backend {url} response status code 400"),
        (403, "backend {url} response status code 403"),
        (404, "backend {url} response status code 404"),
        (504, "backend {url} response status code 504"),
    ],
)
def test_a_failing_backend_shows_only_in_the_body(status: int, said: str) -> None:
    reply, (url,) = echoed(Backend(status, b"body"))
    expected = said.format(url=url) if status != 304 else ""  # has no body
    assert (reply.status, reply.json) == (200, [expected])


def test_answers_stand_in_the_order_of_the_backends() -> None:
    reply, (_, broken, _, _) = echoed(Backend(body=b"1"), Backend(500), Backend(body=b"3"), "http://127.0.0.1:1/env")
    first, second, third, fourth = reply.json
    assert (first, second, third) == ("1", f"backend {broken} response status code 500", "3")
    assert fourth.startswith('backend http://127.0.0.1:1/env call failed Post "http://127.0.0.1:1/env": Cannot connect')


def test_backends_are_called_at_the_same_time() -> None:
    async def run() -> None:
        both = asyncio.Barrier(2)

        async def answer(_request: web.BaseRequest) -> web.Response:
            async with asyncio.timeout(1):
                await both.wait()
            return web.Response(body=b"met")

        async with server(answer) as url, pod(f"--backend-url={url},{url}") as frontend:
            assert (await frontend.ask("POST", "/echo")).json == ["met", "met"]

    asyncio.run(run())


def test_the_environment_of_a_backend_is_readable_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """§7.3.2: the article greps for this text."""
    monkeypatch.setenv("PODINFO_UI_MESSAGE", "A backend")

    async def run() -> None:
        async with pod() as backend, pod(f"--backend-url={backend.site}/env") as frontend:
            reply = await frontend.ask("POST", "/echo", data=b"{}")
            assert reply.status == 200
            assert "PODINFO_UI_MESSAGE=A backend" in reply.text
            assert '\\n  \\"PODINFO_UI_MESSAGE=A backend\\"' in reply.text

    asyncio.run(run())


def test_redirects_are_followed() -> None:
    async def run() -> None:
        async with pod("--ui-message=there") as backend:
            moved = Backend(307, b"", {"Location": f"{backend.site}/echo"})
            async with server(moved) as url, pod(f"--backend-url={url}") as frontend:
                assert (await frontend.ask("POST", "/echo", data=b"again")).json == ["again"]

    asyncio.run(run())


@pytest.mark.parametrize("url", ["backend-a-podinfo:9898/env", "http://[bad", "ftp://x/"])
def test_a_url_that_makes_no_sense_fails_every_call(url: str) -> None:
    reply, _ = echoed(url)
    assert reply.status == 200
    assert reply.json[0].startswith(f"backend {url} call failed ")


def test_a_backend_that_takes_too_long_failed() -> None:
    async def run() -> None:
        async def answer(_request: web.BaseRequest) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async with server(answer) as url, pod(f"--backend-url={url}", "--http-client-timeout=30ms") as frontend:
            (said,) = (await frontend.ask("POST", "/echo")).json
            assert said == f'backend {url} call failed Post "{url}": context deadline exceeded'

    asyncio.run(run())


def test_a_client_that_goes_away_takes_its_calls_with_it() -> None:
    async def run() -> None:
        called, given_up = asyncio.Event(), asyncio.Event()

        async def answer(_request: web.BaseRequest) -> web.Response:
            called.set()
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()
            raise AssertionError("unreachable")

        async with server(answer) as url, pod(f"--backend-url={url}") as frontend, asyncio.timeout(1.5):
            asking = asyncio.create_task(frontend.ask("POST", "/echo"))
            await called.wait()
            asking.cancel()
            await given_up.wait()

    asyncio.run(run())


def test_a_backend_that_is_no_text_is_readable_all_the_same() -> None:
    reply, _ = echoed(Backend(body=b"\xff<"))
    assert reply.body == '[\n  "\N{REPLACEMENT CHARACTER}\\u003c"\n]'.encode()


def test_calls_go_through_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        seen: list[str] = []

        async def proxy(request: web.BaseRequest) -> web.Response:
            seen.append(f"{request.method} {request.raw_path} {request.headers['Host']}")
            return web.Response(status=404)

        url = "http://backend-a-podinfo:9898/env"
        async with server(proxy) as site:
            monkeypatch.setenv("http_proxy", site)
            async with pod(f"--backend-url={url}") as frontend:
                assert (await ask(frontend)).json == [f"backend {url} response status code 404"]
        assert seen == [f"POST {url} backend-a-podinfo:9898"]

    async def ask(frontend: Pod) -> Reply:
        return await frontend.ask("POST", "/echo", data=b"x")

    asyncio.run(run())
