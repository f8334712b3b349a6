"""The API server: authentication, dispatch by path, and the socket."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable
from ctypes import CDLL
from dataclasses import dataclass
from urllib.parse import unquote

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.discovery import discovery_answer, version_answer
from harness.embedded.apiserver.errors import ApiError, bad_request, method_not_allowed, no_such_resource, unauthorized
from harness.embedded.apiserver.httpd import Answer, Connection, Request, Response
from harness.embedded.apiserver.messages import error_answer, refusal
from harness.embedded.apiserver.openapi import openapi_answer
from harness.embedded.apiserver.podlogs import serve_log
from harness.embedded.apiserver.portforward import serve_port_forward
from harness.embedded.apiserver.proxy import serve_proxy
from harness.embedded.apiserver.refusals import not_offered
from harness.embedded.apiserver.reviews import serve_review
from harness.embedded.apiserver.streams import NodeStreams
from harness.embedded.apiserver.subresources import serve_eviction, serve_scale, serve_token
from harness.embedded.apiserver.targets import Target, parse_target
from harness.embedded.apiserver.terminals import serve_terminal
from harness.embedded.apiserver.tokens import ServiceAccountTokens
from harness.embedded.apiserver.verbs import serve_object

_BACKLOG = 512
_CROWD = 500
_TRIM_SECONDS = 1.0
# What asyncio sets aside for every TLS connection, by default 256 KB: ten thousand watchers would hold gigabytes. A
# record of TLS has 16 KB.
SSLProtocol.max_size = 16 * 1024
MESH_GROUPS = frozenset({"policy.linkerd.io", "gateway.networking.k8s.io"})
InForce = Callable[[], Awaitable[None]]


async def _at_once() -> None:
    return


_HEALTH = ("healthz", "livez", "readyz")


@dataclass(frozen=True, slots=True)
class Frontend:
    """Answers the requests of authenticated clients; every refusal is a Status.

    tokens    prove clients without a certificate
    in_force  waits until the data plane has taken every change so far
    """

    api: Api
    node: NodeStreams
    tokens: ServiceAccountTokens
    in_force: InForce = _at_once

    async def answer(self, request: Request) -> Answer:
        """The answer to any request; only our own bugs raise."""
        try:
            request.user = request.user or self.tokens.user(request.headers.get("authorization", ""))
            if not request.user:
                raise unauthorized()
            return await self._dispatch(request)
        except ApiError as error:
            return error_answer(error)
        except RecursionError:
            return error_answer(bad_request("the body is nested too deeply"))

    async def _dispatch(self, request: Request) -> Answer:
        segments = request.raw_path.strip("/").split("/")
        match segments[0]:
            case "api" if len(segments) > 2:
                return await self._serve(parse_target(self.api.kinds, segments), request)
            case "apis" if len(segments) > 3:
                return await self._serve(parse_target(self.api.kinds, segments), request)
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        if segments[0] in ("api", "apis"):
            return discovery_answer(self.api.kinds, [unquote(part) for part in segments], request)
        if segments[0] == "openapi":
            return openapi_answer(self.api.kinds, self.api.schemas, [unquote(part) for part in segments[1:]])
        if segments == ["version"]:
            return version_answer()
        if segments[0] in _HEALTH:
            return Response(b"ok", content_type="text/plain")
        raise no_such_resource()

    async def _serve(self, target: Target, request: Request) -> Answer:
        if not target.kind.stored:
            return serve_review(target, request)
        match target.subresource:
            case "log":
                return await serve_log(self.api, self.node, target, request)
            case "exec" | "attach":
                return await serve_terminal(self.api, self.node, target, request)
            case "portforward":
                return serve_port_forward(self.api, self.node, target, request)
            case "proxy":
                return await serve_proxy(self.api, target, request)
            case "scale":
                return serve_scale(self.api, target, request)
            case "eviction":
                return serve_eviction(self.api, target, request)
            case "token":
                return serve_token(self.api, self.tokens, target, request)
            case "ephemeralcontainers":
                raise not_offered("ephemeral containers", "spec.ephemeralContainers")
        answer = serve_object(self.api, target, request)
        if target.kind.group in MESH_GROUPS:
            # What a client has been told of a route or a policy holds for its next request.
            await self.in_force()
        return answer


class Clients(set[Connection]):
    """The connections there are. What a crowd of them held goes back to the system once it has left.

    trim  hands back what the C library keeps for later
    """

    def __init__(self, trim: Callable[[], object]) -> None:
        super().__init__()
        self._trim = trim
        self._most = 0

    def add(self, client: Connection) -> None:
        super().add(client)
        self._most = max(self._most, len(self))

    def discard(self, client: object) -> None:
        super().discard(client)
        if self._most - len(self) >= _CROWD:
            self._most = len(self)
            self._trim()


def _trim_later() -> None:
    trim = getattr(CDLL(None), "malloc_trim", None)  # other C libraries have none, and keep less
    if trim is not None:
        asyncio.get_running_loop().call_later(_TRIM_SECONDS, trim, 0)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A listening API server.

    port  the one it was given by the system, or asked for
    """

    port: int
    _server: asyncio.Server
    _connections: set[Connection]

    async def close(self) -> None:
        """Stop listening and drop every client."""
        self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        await self._server.wait_closed()


async def serve(
    api: Api,
    ssl_context: ssl.SSLContext,
    node: NodeStreams,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    in_force: InForce = _at_once,
    tokens: ServiceAccountTokens | None = None,
) -> RunningServer:
    """Serve `api` over HTTPS until `close`.

    ssl_context  as `certs.server_context` makes it: client certificates are asked for and verified
    node         answers pods/log, exec, attach and portforward
    in_force     waits until the data plane has taken every change so far; asked before mesh resources are answered
    tokens       prove clients that show no certificate; by default those that clients ask this server for
    """
    frontend = Frontend(api, node, tokens or ServiceAccountTokens(api), in_force)
    connections = Clients(_trim_later)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(frontend.answer, refusal, connections), host, port, ssl=ssl_context, backlog=_BACKLOG
    )
    return RunningServer(server.sockets[0].getsockname()[1], server, connections)
