"""podinfo in the test's own event loop, on a free port, with its random choices and pauses in the test's hands."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from harness.embedded.apps.podinfo import runner
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.metrics import Metrics
from harness.embedded.apps.podinfo.options import parse_options
from harness.embedded.apps.podinfo.server import podinfo_app
from harness.embedded.apps.serving import client_session

Body = Callable[["Pod"], Coroutine[Any, Any, None]]


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
        return json.loads(self.body)


@dataclass(slots=True)
class Pod:
    """pauses  seconds that the server was asked to wait, in order"""

    session: aiohttp.ClientSession
    site: str
    metrics: Metrics
    pauses: list[float] = field(default_factory=list)

    async def ask(self, method: str, path: str, **more: Any) -> Reply:
        """One request, its path sent as it is written, redirects not followed."""
        url = URL(self.site + path, encoded=True)
        async with self.session.request(method, url, allow_redirects=False, **more) as answer:
            return Reply(answer.status, answer.headers, await answer.read())


@asynccontextmanager
async def pod(
    *argv: str,
    environ: Mapping[str, str] | None = None,
    draw: random.Random | None = None,
    pause: Callable[[float], Coroutine[Any, Any, None]] | None = None,
) -> AsyncIterator[Pod]:
    """A running podinfo. Without `pause` it waits for nothing and only notes how long it would have."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(client_session())
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        found = Pod(session, f"http://127.0.0.1:{listening.getsockname()[1]}", Metrics())

        async def note(seconds: float) -> None:
            found.pauses.append(seconds)

        options = parse_options(argv, environ or {})
        app = podinfo_app(session, options, found.metrics, Log(options.level), pause=pause or note, draw=draw)
        await stack.enter_async_context(serving(runner(app, options), listening))
        yield found


@asynccontextmanager
async def serving(served: web.BaseRunner, listening: socket.socket) -> AsyncIterator[None]:
    """The runner, serving on a socket as long as it is wanted."""
    await served.setup()
    try:
        await web.SockSite(served, listening).start()
        yield
    finally:
        await served.cleanup()


@asynccontextmanager
async def server(answer: Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]) -> AsyncIterator[str]:
    """A server made of one handler; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        handlers = web.Server(answer, access_log=None, handler_cancellation=True)
        async with serving(web.ServerRunner(handlers, shutdown_timeout=0.1), listening):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def on_pod(body: Body, *argv: str, **more: Any) -> None:
    """Run a test's body against a fresh podinfo."""

    async def run() -> None:
        async with pod(*argv, **more) as found:
            await body(found)

    asyncio.run(run())
