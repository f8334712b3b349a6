"""pods/proxy and services/proxy: the API server as a client of a pod, for clients outside the cluster network."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httptools

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.errors import bad_request, not_found, unavailable
from harness.embedded.apiserver.httpd import Headers, Request, Stream
from harness.embedded.apiserver.objects import Obj, dig
from harness.embedded.apiserver.targets import Target

_CONNECT_SECONDS = 10.0
_CHUNK = 64 * 1024
_MAX_HEAD = 64 * 1024
# Hop-by-hop headers (RFC 9110, 7.6.1), and what only concerns the way between the client and the API server.
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade")
_THIS_WAY = ("host", "content-length", "authorization", "proxy-authorization", "cookie", "expect")
_NOT_PASSED = frozenset((*_HOP_BY_HOP, *_THIS_WAY))


async def serve_proxy(api: Api, target: Target, request: Request) -> Stream:
    """Pass a request to a pod, or to any ready endpoint of a service, and stream its answer back.

    raises  ApiError 400, 404, 503 (nothing answers there)
    """
    address, port = _pod_address(api, target) if target.kind.key == "pods" else _service_address(api, target)
    return await _forward(address, port, _node_address(api), target, request)


def _node_address(api: Api) -> str | None:
    """Where connections come from: policies of pods take the API server for the node (§3.20), never for localhost."""
    for node in api.store.list("nodes"):
        for address in dig(node, "status", "addresses") or ():
            if address.get("type") == "InternalIP":
                return str(address["address"])
    return None


def _split_name(name: str) -> tuple[str, str]:
    """Name and port of `[scheme:]name[:port]`."""
    parts = name.split(":")
    if len(parts) == 3:
        scheme, name, port = parts
    else:
        scheme, name, port = "http", parts[0], parts[1] if len(parts) == 2 else ""
    if scheme not in ("", "http") or len(parts) > 3:
        raise bad_request(f"cannot proxy to {':'.join(parts)!r}: only [http:]name[:port] is served here")
    return name, port


def _pod_address(api: Api, target: Target) -> tuple[str, int]:
    name, asked = _split_name(target.name)
    pod = api.get("pods", target.namespace, name)
    address = dig(pod, "status", "podIP")
    if not address:
        raise unavailable(f'pod "{name}" has no address yet')
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports") or ()]
    if asked.isdigit():
        return str(address), int(asked)
    found = next((port for port in ports if not asked or port.get("name") == asked), None)
    if found is None:
        raise bad_request(f'pod "{name}" has no port {asked!r}' if asked else f'pod "{name}" declares no port')
    return str(address), int(found["containerPort"])


def _service_address(api: Api, target: Target) -> tuple[str, int]:
    name, asked = _split_name(target.name)
    service = api.get("services", target.namespace, name)
    ports: list[Obj] = service["spec"].get("ports") or []
    port = next((entry for entry in ports if asked in ("", str(entry["port"]), entry.get("name"))), None)
    if port is None:
        raise not_found(target.kind, f"{name}:{asked}")
    endpoints = api.store.get("endpoints", target.namespace, name) or {}
    ready = [
        (str(address["ip"]), int(entry["port"]))
        for subset in endpoints.get("subsets") or ()
        for entry in subset.get("ports") or ()
        if entry.get("name", "") == port.get("name", "")
        for address in subset.get("addresses") or ()
    ]
    if not ready:
        raise unavailable(f'no endpoints available for service "{name}"')
    return random.choice(ready)


async def _forward(address: str, port: int, source: str | None, target: Target, request: Request) -> Stream:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(address, port, local_addr=source and (source, 0))
    except (OSError, TimeoutError) as error:
        why = str(error) or "timed out"
        raise unavailable(f"error trying to reach service: dial tcp {address}:{port}: {why}") from None
    answer = _Backend(reader, writer, is_head=request.method == "HEAD")
    try:
        writer.write(_request_bytes(address, port, target, request))
        await writer.drain()
        await answer.read_head()
    except (OSError, httptools.HttpParserError, asyncio.IncompleteReadError) as error:
        writer.close()
        raise unavailable(f"error trying to reach service: {address}:{port}: {error}") from None
    except BaseException:
        writer.close()
        raise
    return Stream(answer, answer.status, "", answer.headers)


def _request_bytes(address: str, port: int, target: Target, request: Request) -> bytes:
    path = "/" + target.rest + (f"?{request.raw_query}" if request.raw_query else "")
    passed = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED}
    lines = [f"{request.method} {path} HTTP/1.1", f"Host: {address}:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in passed.items()]
    lines.append(f"X-Forwarded-Uri: {unquote(request.raw_path)}")
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + request.body


class _Backend:
    """The answer of a pod, parsed as it arrives; iterates over its body, and must be closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_head: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._is_head = is_head
        self._parser = httptools.HttpResponseParser(self)
        self._head_size = 0
        self._has_head = False
        self._is_complete = False
        self._chunks: list[bytes] = []
        self._headers: list[tuple[str, str]] = []
        self.status = 0

    @property
    def headers(self) -> Headers:
        """What the client is passed of the answer's headers."""
        return tuple((name, value) for name, value in self._headers if name.lower() not in _NOT_PASSED)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._has_head = True
        else:
            self._headers.clear()  # 100 Continue and its like come before the answer

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._is_complete = self._has_head

    async def read_head(self) -> None:
        """Return once status and headers are known; asyncio.IncompleteReadError if they never come."""
        while not self._has_head:
            data = await self._reader.read(_CHUNK)
            self._head_size += len(data)
            if not data or self._head_size > _MAX_HEAD + _CHUNK:
                raise asyncio.IncompleteReadError(b"", None)
            self._parser.feed_data(data)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._is_complete or self._is_head:
                raise StopAsyncIteration
            if data := await self._reader.read(_CHUNK):
                self._parser.feed_data(data)
            else:
                self._end_of_stream()
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)

    async def aclose(self) -> None:
        """Close the connection to the pod, which is how it learns that nobody reads any more."""
        self._writer.close()

    def _end_of_stream(self) -> None:
        names = {name.lower() for name, _ in self._headers}
        if names & {"content-length", "transfer-encoding"}:
            raise ConnectionError("the pod closed the connection in the middle of its answer")
        self._is_complete = True
