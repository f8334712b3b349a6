"""An HTTP/1.1 server for one handler function: keep-alive, streams with back-pressure, limits, no surprises.

The handler gets a complete `Request` and answers with a `Response`, a `Stream`, or an `Upgrade` (which takes over the
connection). A client that goes away cancels its handler. A client that sends nonsense gets 400 and is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import httptools

MAX_BODY = 3 * 1024 * 1024
"""What a real API server takes in one request."""
MAX_HEAD = 64 * 1024
_MAX_PIPELINED = 16
_IDLE_SECONDS = 120.0
"""How long a connection may sit without a request, or a request without its end."""
_LINGER_SECONDS = 10.0
"""How long a client may go on sending a body that has been refused."""

_ONE_LINE = {ord("\r"): " ", ord("\n"): " "}

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Request:
    """A complete request.

    path     percent-decoded
    raw_path as sent, for proxying
    headers  names in lower case; repeated ones joined by ", "
    user     common name of the client certificate that the TLS layer verified, or whom a token proved; "" for neither
    """

    method: str
    path: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    user: str
    _query: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; the last one wins."""
        if self._query is None:
            self._query = dict(parse_qsl(self.raw_query, keep_blank_values=True))
        return self._query


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer in chunks, sent as they come; closed when the client goes away.

    content_type  "" if `headers` have one
    """

    chunks: AsyncIterator[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Wire:
    """The bytes of an upgraded connection; reading ends when the client is gone."""

    reader: asyncio.StreamReader
    transport: asyncio.Transport
    writable: asyncio.Event

    async def send(self, data: bytes) -> None:
        """Write, and wait while the client is slow; what is written to a client that is gone goes nowhere."""
        self.transport.write(data)
        await self.writable.wait()


@dataclass(frozen=True, slots=True)
class Upgrade:
    """101 Switching Protocols: `take_over` owns the connection from then on and ends it by returning."""

    take_over: Callable[[Wire], Awaitable[None]]
    headers: Headers = ()


Answer = Response | Stream | Upgrade
Handler = Callable[[Request], Awaitable[Answer]]
Refusal = Callable[[int, str], Response]
"""Makes the answer to a request that never reaches the handler: (status, reason) -> Response."""


@dataclass(slots=True)
class _Incoming:
    """A request while its bytes arrive."""

    url: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    head_size: int = 0
    body: bytearray = field(default_factory=bytearray)


class Connection(asyncio.Protocol):
    """One client connection; requests are answered in order."""

    def __init__(self, handler: Handler, refuse: Refusal, connections: set[Connection]) -> None:
        self._handler = handler
        self._refuse = refuse
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._incoming = _Incoming()
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._upgraded: asyncio.StreamReader | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refused: tuple[int, str] | None = None
        self._user = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._writable.set()
        self._user = _common_name(self._transport.get_extra_info("peercert"))
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._stop_timer()
        self._writable.set()
        if self._upgraded is not None:
            self._upgraded.feed_eof()
        elif self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def close(self) -> None:
        """Drop the client, whatever it is doing."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._upgraded is not None:
            self._upgraded.feed_data(data)
            return
        if self._refused:
            return
        try:
            self._parse(data)
        except _Refused as refused:
            self._reject(refused.status, refused.reason)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, _Refused):
                self._reject(cause.status, cause.reason)
            else:
                _log.error("the HTTP parser failed", exc_info=error)
                self._reject(400, "the request cannot be parsed")
        except httptools.HttpParserError:
            self._reject(400, "the request cannot be parsed")

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._begin_upgrade(data[upgrade.args[0] :])

    # Callbacks of the parser, in the order of a message.

    def on_message_begin(self) -> None:
        self._incoming = _Incoming()

    def on_url(self, url: bytes) -> None:
        self._incoming.url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self._incoming.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        headers = self._incoming.headers
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY:
            raise _Refused(413, f"the body is larger than {MAX_BODY} bytes")
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if len(self._incoming.body) + len(body) > MAX_BODY:
            raise _Refused(413, f"the body is larger than {MAX_BODY} bytes")
        self._incoming.body += body

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade() and "upgrade" in self._incoming.headers:
            return  # comes back as HttpParserUpgrade, with the bytes that follow
        if len(self._waiting) >= _MAX_PIPELINED:
            raise _Refused(400, f"more than {_MAX_PIPELINED} requests in the pipeline")
        self._enqueue(keep_alive=self._parser.should_keep_alive())

    # From request to answer.

    def _count_head(self, size: int) -> None:
        self._incoming.head_size += size
        if self._incoming.head_size > MAX_HEAD:
            raise _Refused(431, f"the request line and headers are larger than {MAX_HEAD} bytes")

    def _begin_upgrade(self, rest: bytes) -> None:
        self._upgraded = asyncio.StreamReader()
        self._upgraded.set_transport(self._transport)  # it stops reading while nobody takes what came
        if rest:
            self._upgraded.feed_data(rest)
        self._enqueue(keep_alive=False)

    def _enqueue(self, *, keep_alive: bool) -> None:
        self._stop_timer()
        incoming = self._incoming
        try:
            url = httptools.parse_url(incoming.url)
            raw_path, query = url.path.decode("ascii"), (url.query or b"").decode("ascii")
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError):
            raise _Refused(400, "the request target is not a valid URL") from None
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            path=unquote(raw_path),
            raw_path=raw_path,
            raw_query=query,
            headers=incoming.headers,
            body=bytes(incoming.body),
            user=self._user,
        )
        self._waiting.append((request, keep_alive))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    async def _answer_all(self) -> None:
        while self._waiting:
            request, keep_alive = self._waiting.popleft()
            keep_alive = await self._answer(request, keep_alive=keep_alive)
            if not keep_alive:
                self._transport.close()
                return
        self._task = None
        if self._refused:
            self._answer_refused(*self._refused)
        else:
            self._await_request()

    async def _answer(self, request: Request, *, keep_alive: bool) -> bool:
        try:
            answer = await self._handler(request)
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            answer = self._refuse(500, "an error on the server; its log has the details")
        if isinstance(answer, Response):
            self._write_response(answer, request, keep_alive=keep_alive)
            await self._writable.wait()
            return keep_alive
        if isinstance(answer, Stream):
            return await self._write_stream(answer, request, keep_alive=keep_alive)
        await self._hand_over(answer)
        return False

    def _write_response(self, answer: Response, request: Request, *, keep_alive: bool) -> None:
        head = _head(answer.status, answer.content_type, answer.headers, keep_alive=keep_alive)
        length = f"Content-Length: {len(answer.body)}\r\n\r\n".encode()
        self._transport.write(head + length + (b"" if request.method == "HEAD" else answer.body))

    async def _write_stream(self, answer: Stream, request: Request, *, keep_alive: bool) -> bool:
        head = _head(answer.status, answer.content_type, answer.headers, keep_alive=keep_alive)
        self._transport.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            if request.method != "HEAD":
                async for chunk in answer.chunks:
                    if chunk:
                        self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    await self._writable.wait()
        except Exception:
            # Cutting the stream without its last chunk is how the client learns that it is not whole.
            _log.exception("the stream of %s %s failed", request.method, request.path)
            return False
        finally:
            if (close := getattr(answer.chunks, "aclose", None)) is not None:
                await close()
        self._transport.write(b"" if request.method == "HEAD" else b"0\r\n\r\n")
        return keep_alive

    async def _hand_over(self, answer: Upgrade) -> None:
        reader = self._upgraded
        if reader is None:
            return
        lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        self._transport.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1"))
        try:
            await answer.take_over(Wire(reader, self._transport, self._writable))
        except Exception:
            _log.exception("an upgraded connection failed")

    def _reject(self, status: int, reason: str) -> None:
        """Hear no more of this client; it is told why when the requests before have been answered."""
        self._refused = (status, reason)
        self._stop_timer()
        if self._task is None:
            self._answer_refused(status, reason)

    def _answer_refused(self, status: int, reason: str) -> None:
        request = Request("GET", "", "", "", {}, b"", "")
        self._write_response(self._refuse(status, reason), request, keep_alive=False)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            # A client that still sends would lose the answer with its connection; what it sends goes nowhere.
            self._timer = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)
        else:
            self._transport.close()

    def _await_request(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Refused(Exception):
    """A request that is refused before it is complete."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _head(status: int, content_type: str, headers: Headers, *, keep_alive: bool) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value.translate(_ONE_LINE)}" for name, value in headers]
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n").encode("latin-1", "replace")


def _common_name(certificate: Mapping[str, Any] | None) -> str:
    for names in (certificate or {}).get("subject", ()):
        for name, value in names:
            if name == "commonName":
                return str(value)
    return ""
