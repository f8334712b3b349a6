"""A real proxy with hand-made snapshots, and tiny applications on loopback addresses of their own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
from aiohttp import web
from yarl import URL

from harness.dialect import LINKERD_2_14, Dialect
from harness.embedded.dataplane.ads import AdsServer
from harness.embedded.dataplane.compile import Resources, compile_snapshot
from harness.embedded.dataplane.envoy import Envoy, envoy_binary
from harness.embedded.dataplane.identity import Identities
from harness.embedded.dataplane.metrics import Metrics
from harness.embedded.dataplane.promtext import Sample, parse_samples
from harness.embedded.dataplane.snapshot import Pod, RouteInForce, ServiceState
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.pods import OUTBOUND_PORT, DataplaneError
from harness.tests.dataplane.builders import pod, snapshot

Lines: TypeAlias = tuple[tuple[str, str], ...]
"""Headers one by one; a name may come again."""
Answers: TypeAlias = Callable[[Mapping[str, str]], int]
"""An application's status for a request with these headers."""


@dataclass(frozen=True)
class Answer:
    """What a client got.

    seen   what the application saw, empty if it saw nothing
    lines  the headers again, with those that came more than once
    """

    status: int
    headers: Mapping[str, str]
    body: str
    seen: Mapping[str, Any]
    lines: Lines = ()

    @property
    def by(self) -> str:
        """Name of the application that answered."""
        return str(self.seen.get("name", ""))

    @property
    def error(self) -> str | None:
        return self.headers.get("l5d-proxy-error")


def _proxy_of(client: Pod) -> str:
    return f"http://{client.endpoint.pod_ip}:{OUTBOUND_PORT}"


class LiveMesh:
    """A proxy, the applications behind it, and clients in front of it."""

    def __init__(self, run_dir: Path, network: PodNetwork, stack: AsyncExitStack, dialect: Dialect) -> None:
        self.run_dir = run_dir
        self.network = network
        self.dialect = dialect
        self.deaths: list[str] = []
        self.identities = Identities(run_dir / "identity")
        self.ads = AdsServer(run_dir / "xds.sock")
        self.metrics = Metrics(run_dir / "admin.sock", dialect)
        self.envoy: Envoy
        self._stack = stack
        self._client: aiohttp.ClientSession

    async def start(self) -> None:
        await self.ads.start()
        self._stack.push_async_callback(self.ads.stop)
        self.envoy = await Envoy.start(envoy_binary(), self.run_dir, self._died)
        self._stack.push_async_callback(self.envoy.stop)
        self._stack.push_async_callback(self.metrics.close)
        self._client = aiohttp.ClientSession()
        self._stack.push_async_callback(lambda: self._client.close())
        await self.push()

    async def app(self, name: str, *, listening: bool = True, answers: Answers = lambda _: 200, **changes: Any) -> Pod:
        """A pod with an application on port 7000 that tells what it saw.

        answers  the status of each request that asks for none itself, by its headers
        """
        addresses = self.network.pod_addresses()
        meshed = changes.get("meshed", True)
        app_ip = addresses.app_ip if meshed else addresses.pod_ip
        made = pod(name, addresses.pod_ip, app_ip=app_ip, **changes)
        if listening:
            await serve_app(self._stack, name, app_ip, answers=answers)
        return made

    def compile(self, *parts: Pod | ServiceState | RouteInForce) -> Resources:
        for part in parts:
            if isinstance(part, Pod):
                self.identities.issue(part.identity)
                self.metrics.add_pod(part.endpoint)
        return compile_snapshot(snapshot(*parts, dialect=self.dialect), self.identities.directory)

    async def push(self, *parts: Pod | ServiceState | RouteInForce) -> None:
        """Make this the state of the mesh."""
        await self.ads.push(self.compile(*parts))

    async def end_connections(self) -> None:
        """Take everything out of the mesh, and let clients begin anew too.

        The listeners that are gone keep their connections for some seconds, and the client would send a request again
        that it loses on one of them: an application would be asked twice.
        """
        await self.push()
        await self._client.close()
        self._client = aiohttp.ClientSession()

    async def get(self, client: Pod, url: str, *, method: str = "GET", **headers: str) -> Answer:
        """What an application of this pod gets, asking as `http_proxy` makes it ask."""
        return await self.fetch(url, method=method, proxy=_proxy_of(client), **headers)

    async def fetch(self, url: str, *, method: str = "GET", proxy: str | None = None, **headers: str) -> Answer:
        lines = ((name.replace("_", "-"), value) for name, value in headers.items())
        return await self._send(url, method, proxy, tuple(lines))

    async def ask(self, client: Pod, method: str, url: str, lines: Lines) -> Answer:
        """Like `get`, with headers that may come more than once."""
        return await self._send(url, method, _proxy_of(client), lines)

    async def _send(self, url: str, method: str, proxy: str | None, lines: Lines) -> Answer:
        exact = URL(url, encoded=True)  # the client would else rewrite what it thinks needs no encoding
        async with self._client.request(method, exact, proxy=proxy, headers=lines, allow_redirects=False) as answer:
            body = await answer.text()
            back = tuple((key.lower(), value) for key, value in answer.headers.items())
            return Answer(answer.status, dict(back), body, json.loads(body) if body.startswith("{") else {}, back)

    async def counted(self, of: Pod) -> list[Sample]:
        """The pod's metrics now."""
        return list(parse_samples(await self.metrics.of_pod(of.endpoint.namespace, of.endpoint.name)))

    def _died(self, reason: str) -> None:
        self.deaths.append(reason)
        self.ads.fail(DataplaneError(reason))


async def serve_app(
    stack: AsyncExitStack, name: str, ip: str, port: int = 7000, answers: Answers = lambda _: 200
) -> None:
    """Answers everything with what it saw; /status/N with that status, /slow after half a second."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("upgrade", "").lower() == "websocket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(f"{name}: {message.data}")
            return socket
        status = (
            int(request.path.rpartition("/")[2]) if request.path.startswith("/status/") else answers(request.headers)
        )
        if request.path == "/slow":
            await asyncio.sleep(0.5)
        seen = {
            "name": name,
            "path": request.raw_path,
            "version": f"{request.version.major}.{request.version.minor}",
            "headers": {key.lower(): value for key, value in request.headers.items()},
            "all": [(key.lower(), value) for key, value in request.headers.items()],
        }
        return web.json_response(
            seen, status=status, headers={"x-app": name, "l5d-proxy-error": "from the application"}
        )

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, ip, port).start()


@asynccontextmanager
async def live_mesh(dialect: Dialect = LINKERD_2_14) -> AsyncIterator[LiveMesh]:
    """A running proxy that knows nothing yet; everything is gone afterwards."""
    async with AsyncExitStack() as stack:
        network = PodNetwork.claim()
        stack.callback(network.close)
        # not pytest's directory: paths of Unix sockets are short
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sb-test-", dir="/tmp")))
        mesh = LiveMesh(run_dir, network, stack, dialect)
        await mesh.start()
        yield mesh
