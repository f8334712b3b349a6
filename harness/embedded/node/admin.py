"""The admin port of a meshed pod (4191): its metrics in Linkerd's names, and whether its proxy is up (§4.8).

It listens where the pod's applications do; others reach it through the pod's inbound policy, like those.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness.embedded.pods import ADMIN_PORT

Metrics = Callable[[str, str], Awaitable[str]]
"""Namespace and name of a pod -> its metrics in the Prometheus text format."""
_HEAD_BYTES = 1 << 16
_IDLE_SECONDS = 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GET of the admin port gets."""

    status: str
    body: str
    content_type: str = "text/plain"

    def encode(self, *, head_only: bool) -> bytes:
        body = self.body.encode()
        head = (
            f"HTTP/1.1 {self.status}\r\ncontent-type: {self.content_type}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + (b"" if head_only else body)


class AdminServer:
    """Serves one pod; `close` ends it."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server

    @classmethod
    async def start(cls, app_ip: str, namespace: str, name: str, metrics: Metrics) -> AdminServer:
        """Listen on the address of the pod's applications; raises OSError if it is taken."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # the client may go away, send something else or nothing at all (TimeoutError is an OSError)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(_IDLE_SECONDS):
                    await _serve(reader, writer, lambda: metrics(namespace, name))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        return cls(await asyncio.start_server(serve, app_ip, ADMIN_PORT, limit=_HEAD_BYTES))

    def close(self) -> None:
        """Stop listening; answers under way are still sent."""
        self._server.close()


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, metrics: Callable[[], Awaitable[str]]
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, _, rest = head.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    answer = await _answer(method, path, metrics)
    writer.write(answer.encode(head_only=method == "HEAD"))
    await writer.drain()


async def _answer(method: str, path: str, metrics: Callable[[], Awaitable[str]]) -> Answer:
    if path not in ("/metrics", "/ready", "/live"):
        return Answer("404 Not Found", "")
    if method not in ("GET", "HEAD"):
        return Answer("405 Method Not Allowed", "")
    if path != "/metrics":
        return Answer("200 OK", f"{path.removeprefix('/')}\n")
    try:
        return Answer("200 OK", await metrics(), "text/plain; version=0.0.4; charset=utf-8")
    except Exception as error:  # a bug of ours must reach the one who asks, not only a log
        _log.exception("metrics cannot be collected")
        return Answer("500 Internal Server Error", f"{type(error).__name__}: {error}\n")
