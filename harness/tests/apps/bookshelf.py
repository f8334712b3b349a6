"""booksapp's three programs in one event loop, on free ports, each with its calls recorded and its faults settable."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from harness.embedded.apps.booksapp import PROGRAMS
from harness.embedded.apps.serving import client_session

SERVICES = ("authors", "books", "webapp")

Body = Callable[["Bookshelf"], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


@dataclass(slots=True)
class Bookshelf:
    """calls     (service, method, path with query) in order of arrival
    statuses  (service, status) in order of answers
    faults    what a service answers instead of doing its work
    """

    session: aiohttp.ClientSession
    sites: Mapping[str, str]
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)
    faults: dict[str, Callable[[web.Request], web.Response | None]] = field(default_factory=dict)

    async def ask(self, method: str, path: str, *, at: str = "webapp", **more: Any) -> Reply:
        """One request straight to a service, redirects not followed."""
        url = self.sites[at] + path
        async with self.session.request(method, url, allow_redirects=False, **more) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def page(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Reply:
        """One request to webapp; `calls` then holds what webapp made of it and nothing else."""
        self.calls.clear()
        reply = await self.ask(method, path, data=form)
        self.calls = [call for call in self.calls if call[0] != "webapp"]
        return reply

    def fail(self, service: str, status: int) -> None:
        """Let a service answer everything with a status and no body."""
        self.faults[service] = lambda _request: web.Response(status=status)

    def success(self, service: str) -> float:
        """Share of a service's answers below 500."""
        statuses = [status for name, status in self.statuses if name == service]
        return sum(status < 500 for status in statuses) / len(statuses)

    def counts(self) -> Counter[str]:
        return Counter(service for service, _, _ in self.calls)


def on_bookshelf(body: Body, environ: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """Run a test's body against a fresh bookshelf; `environ` adds variables to single services."""

    async def run() -> None:
        async with bookshelf(environ or {}) as shelf:
            await body(shelf)

    asyncio.run(run())


@asynccontextmanager
async def bookshelf(environ: Mapping[str, Mapping[str, str]]) -> AsyncIterator[Bookshelf]:
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(client_session())
        sockets = {service: stack.enter_context(_listening()) for service in SERVICES}
        sites = {service: f"http://127.0.0.1:{sock.getsockname()[1]}" for service, sock in sockets.items()}
        shelf = Bookshelf(session, sites)
        common = {"AUTHORS_SITE": sites["authors"], "BOOKS_SITE": sites["books"]}
        for service in SERVICES:
            app = PROGRAMS[f"prod:{service}"].build(session, {**common, **environ.get(service, {})})
            app.middlewares.insert(0, _observed(service, shelf))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, sockets[service]).start()
        yield shelf


def _observed(service: str, shelf: Bookshelf) -> Middleware:
    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        shelf.calls.append((service, request.method, request.path_qs))
        fault = shelf.faults.get(service)
        answer: web.StreamResponse | None = fault(request) if fault else None
        if answer is None:
            answer = await handler(request)
        shelf.statuses.append((service, answer.status))
        return answer

    return observe


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))
