"""What every stand-in that serves HTTP needs: where to listen, how to reach others, when to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from collections.abc import Mapping
from typing import Protocol, TypeAlias

import aiohttp
from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE
from yarl import URL

# A pod is stopped within a second: half of it for requests under way, the rest for the interpreter to end.
DRAIN_SECONDS = 0.5
# Ruby's Net::HTTP gives up after 60 s of silence, when connecting and when reading (§8.1.4).
SILENCE_SECONDS = 60.0


def bind_address(port: int, environ: Mapping[str, str]) -> str:
    """The address to listen on for `port`.

    Ordinary ports are behind the pod's inbound proxy; a port the mesh skips is dialled directly, at the pod's address.
    """
    if port in _ports(environ.get("SIGNALBOX_SKIP_PORTS", "")):
        return environ["SIGNALBOX_SKIP_BIND"]
    return environ.get("SIGNALBOX_BIND", "127.0.0.1")


def _ports(text: str) -> set[int]:
    """`"25,4190-4192"` as a set."""
    ports: set[int] = set()
    for item in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = item.partition("-")
        ports.update(range(int(first), int(last or first) + 1))
    return ports


def proxy_for(url: str) -> URL | None:
    """The proxy that `http_proxy` and `no_proxy` name for a URL, as every client that honours them finds it.

    Asked once for each site: aiohttp's own `trust_env` asks again for every request, in another thread, which takes
    six times as long as the request itself.
    """
    target = URL(url)
    proxy = urllib.request.getproxies().get(target.scheme)
    if not proxy or target.host is None or urllib.request.proxy_bypass(target.host):
        return None
    return URL(proxy)


def client_session() -> aiohttp.ClientSession:
    """A session for a running loop that keeps its connections; give each request its `proxy_for`."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS),
    )


async def _hide_library(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """The programs that are stood in for do not name our HTTP library; one that names itself keeps its name."""
    if response.headers.get("Server") == SERVER_SOFTWARE:
        del response.headers["Server"]


class OtherServer(Protocol):
    """What speaks something else than HTTP/1.1."""

    async def start(self, host: str, port: int) -> None:
        """Listen; raises OSError."""

    async def stop(self) -> None:
        """Let what is under way finish for DRAIN_SECONDS at most; called also if it did not start."""


PortServer: TypeAlias = web.BaseRunner | OtherServer


async def serve_until_stopped(servers: Mapping[int, PortServer]) -> None:
    """Serve each server on its port until SIGTERM or SIGINT, then let requests under way finish.

    raises  OSError if a port cannot be bound
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        for port, server in servers.items():
            await _listen(server, bind_address(port, os.environ), port)
            print(f"listening on port {port}", flush=True)
        await stopped.wait()
    finally:
        for server in servers.values():
            await (server.cleanup() if isinstance(server, web.BaseRunner) else server.stop())


async def _listen(server: PortServer, host: str, port: int) -> None:
    if not isinstance(server, web.BaseRunner):
        await server.start(host, port)
        return
    if isinstance(server, web.AppRunner):
        server.app.on_response_prepare.append(_hide_library)
    await server.setup()
    await web.TCPSite(server, host, port).start()
