"""Requests over HTTP/2 without TLS, many at a time on one connection; calls of gRPC among them.

As over HTTP/1.1, nothing is kind to what is measured. A request goes out again, once and on a newer connection, only if
the other end has said that it did not look at it: it lies beyond what a GOAWAY names.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from socket import gaierror
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from harness.traffic.dialling import Dialler
from harness.traffic.exchange import USER_AGENT, Answer, header_text
from harness.traffic.outcome import ALWAYS_KEPT, GRPC_STATUS_HEADER, Failure
from harness.traffic.plan import ALL_HEADERS, GRPC, Plan

GRPC_KEPT: Final = (GRPC_STATUS_HEADER, "grpc-message")
"""What became of a call; reported whatever the plan asks for."""
_FRAME_HEAD: Final = 9
_GOAWAY: Final = 7
"""RFC 9113 §6.8; after its head the last stream and an error, four bytes each."""
_PREFIX: Final = struct.Struct("!?I")
"""Before each message of gRPC: whether it is compressed, and its length."""


class Http2Exchange:
    """HTTP/2 with prior knowledge, to the environment's `http_proxy` if there is one.

    plan  its request, timeout, connections and what to keep of responses
    Use it as an asynchronous context manager; leaving it closes all connections.
    """

    def __init__(self, plan: Plan) -> None:
        self.resent = 0
        self._plan = plan
        self._dialler = Dialler(plan.request.url)
        self._headers = tuple(_headers(plan))
        self._body = _message(plan.request.body) if plan.protocol == GRPC else plan.request.body
        self._kept_bytes = plan.body_start_bytes + (_PREFIX.size if plan.protocol == GRPC else 0)
        self._links: list[_Link] = []
        self._made = 0
        self._dialling = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self._links:
            await link.shut()
        await self._dialler.close()

    async def send(self) -> Answer:
        """Send the request once and wait for the whole response."""
        stream = _Stream(self._kept_bytes)
        try:
            async with asyncio.timeout(self._plan.timeout_seconds):
                link = await self._exchange(stream)
                if stream.unread:
                    self.resent += 1
                    stream = _Stream(self._kept_bytes)
                    await self._exchange(stream, newer_than=link)
        except TimeoutError:
            stream.abandon()
            return Answer(error=Failure.TIMEOUT, connection=stream.connection)
        except asyncio.CancelledError:
            stream.abandon()
            raise
        except ProtocolError:  # what is to be sent cannot be written so
            return Answer(error=Failure.PROTOCOL, connection=stream.connection)
        except gaierror:
            return Answer(error=Failure.DNS)
        except OSError:
            return Answer(error=Failure.CONNECT)
        return self._answer(stream)

    async def _exchange(self, stream: _Stream, newer_than: _Link | None = None) -> _Link:
        """The connection that the request went out on."""
        link = await self._link(-1 if newer_than is None else newer_than.number)
        try:
            await link.request(stream, self._headers, self._body)
            await stream.done.wait()
        finally:
            if self._plan.fresh_connections:
                await link.shut()
        return link

    async def _link(self, newer_than: int) -> _Link:
        """A connection with room; one at a time is opened, as those who wait may find room on it."""
        if self._plan.fresh_connections:
            return await self._dial()
        if (link := self._roomy(newer_than)) is not None:
            return link
        await self._dialler.resolved()  # together: one after the other, each would ask again for a name without address
        async with self._dialling:
            if (link := self._roomy(newer_than)) is not None:
                return link
            self._links = [link for link in self._links if not link.ended.is_set()]
            self._links.append(await self._dial())
            return self._links[-1]

    def _roomy(self, newer_than: int) -> _Link | None:
        return next((link for link in self._links if link.has_room and link.number > newer_than), None)

    async def _dial(self) -> _Link:
        number, self._made = self._made, self._made + 1
        link = await self._dialler.open(lambda: _Link(number))
        try:
            await link.settled.wait()
        except asyncio.CancelledError:  # nobody else knows of it
            await link.shut()
            raise
        return link

    def _answer(self, stream: _Stream) -> Answer:
        if stream.unread:
            return Answer(error=Failure.RESET, connection=stream.connection)
        if stream.error is not None or stream.status is None:
            return Answer(error=stream.error or Failure.PROTOCOL, connection=stream.connection)
        plan, body = self._plan, bytes(stream.body_start)
        wanted = (*ALWAYS_KEPT, *plan.keep_headers, *(GRPC_KEPT if plan.protocol == GRPC else ()))
        kept = {
            name: value for name, value in stream.headers.items() if ALL_HEADERS in plan.keep_headers or name in wanted
        }
        start = body[_PREFIX.size :] if plan.protocol == GRPC else body
        return Answer(stream.status, None, kept, start.decode(errors="replace"), stream.connection)


class _Stream:
    """One request under way.

    body_start  as much as is kept of the body of the response
    unread      the other end has said that it did not look at it
    """

    def __init__(self, kept_bytes: int) -> None:
        self.done = asyncio.Event()
        self.connection: int | None = None
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body_start = bytearray()
        self.error: Failure | None = None
        self.unread = False
        self.link: _Link | None = None
        self.number = 0
        self._kept_bytes = kept_bytes

    def add_headers(self, lines: list[tuple[bytes, bytes]]) -> None:
        for name, value in ((raw.decode("latin-1"), header_text(text)) for raw, text in lines):
            if name == ":status":
                self.status = int(value)
            else:
                self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value

    def add_data(self, data: bytes) -> None:
        self.body_start += data[: self._kept_bytes - len(self.body_start)]

    def break_off(self, failure: Failure) -> None:
        """No more will come; it is another failure once there was a status."""
        if not self.done.is_set():
            self.error = failure if self.status is None else Failure.TRUNCATED
            self.done.set()

    def abandon(self) -> None:
        """Tell the other end that nobody waits any more."""
        if self.link is not None:
            self.link.cancel(self)


class _Link(asyncio.Protocol):
    """One connection; it ends by itself once it takes no new streams and has none open.

    number   its place among all connections of an exchange
    streams  those that are open on it by number
    settled  the other end has said how many it takes, or the connection has ended
    ended    nothing of it is left
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.streams: dict[int, _Stream] = {}
        self.settled = asyncio.Event()
        self.ended = asyncio.Event()
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._transport: asyncio.Transport | None = None
        self._open = False
        self._failure = Failure.RESET
        self._unread = bytearray()
        self._room = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Whether another stream may be opened."""
        return self._open and len(self.streams) < self._http.remote_settings.max_concurrent_streams

    async def request(self, stream: _Stream, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        """Send a request; the stream is told what becomes of it."""
        stream.connection, stream.link = self.number, self
        if not self._open:
            stream.break_off(self._failure)
            return
        stream.number = self._http.get_next_available_stream_id()
        self._http.send_headers(stream.number, headers, end_stream=not body)
        self.streams[stream.number] = stream
        self._flush()
        rest = memoryview(body)
        while rest and not stream.done.is_set():
            fits = min(self._http.local_flow_control_window(stream.number), self._http.max_outbound_frame_size)
            if fits <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            self._http.send_data(stream.number, bytes(rest[:fits]), end_stream=len(rest) <= fits)
            self._flush()
            rest = rest[fits:]

    def cancel(self, stream: _Stream) -> None:
        """Reset a stream that nobody waits for."""
        if self.streams.pop(stream.number, None) is not None:
            self._http.reset_stream(stream.number, ErrorCodes.CANCEL)
            self._flush()
            self._close_if_done()

    async def shut(self) -> None:
        """End the connection at once; returns when nothing is left of it."""
        self._abort()
        await self.ended.wait()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._open = transport, True
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        try:
            for frame in self._frames():
                if (last := _last_stream(frame)) is not None:
                    self._go_away(last)
                    continue
                for event in self._http.receive_data(frame):
                    self._on_event(event)
        except ProtocolError:
            self._failure = Failure.PROTOCOL
            self._end()
            self._abort()
            return
        self._flush()
        self._room.set()
        self._close_if_done()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        self.ended.set()

    def _frames(self) -> Iterator[bytes]:
        """Whole frames, as a GOAWAY is not for the library."""
        while len(self._unread) >= _FRAME_HEAD:
            if self._unread.startswith(b"HTTP/1"):
                raise ProtocolError
            length = _FRAME_HEAD + int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < length:
                return
            frame = bytes(self._unread[:length])
            del self._unread[:length]
            yield frame

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self.settled.set()
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            if stream is not None:
                stream.add_data(event.data or b"")
        elif stream is None:
            return
        elif isinstance(event, ResponseReceived | TrailersReceived):
            stream.add_headers([(bytes(name), bytes(value)) for name, value in event.headers or ()])
        elif isinstance(event, StreamReset):
            del self.streams[stream.number]
            stream.break_off(Failure.RESET)
        elif isinstance(event, StreamEnded):
            del self.streams[stream.number]
            stream.done.set()

    def _go_away(self, last: int) -> None:
        """No new streams; those up to the last that the other end has seen may still be answered, whatever its reason.

        The library is not told: it would take no frame of them any more.
        """
        self._open = False
        for number in [number for number in self.streams if number > last]:
            stream = self.streams.pop(number)
            stream.unread = True
            stream.done.set()

    def _end(self) -> None:
        self._open = False
        for stream in self.streams.values():
            stream.break_off(self._failure)
        self.streams.clear()
        self._room.set()
        self.settled.set()

    def _close_if_done(self) -> None:
        if not self._open and not self.streams and self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport is not None and (data := self._http.data_to_send()):
            self._transport.write(data)


def _last_stream(frame: bytes) -> int | None:
    """What a GOAWAY names; None for any other frame, and for a wrong one, which the library refuses."""
    if frame[3] != _GOAWAY or any(frame[5:_FRAME_HEAD]) or len(frame) < _FRAME_HEAD + 8:
        return None
    return int.from_bytes(frame[_FRAME_HEAD : _FRAME_HEAD + 4], "big") & 0x7FFF_FFFF


def _headers(plan: Plan) -> Iterator[tuple[str, str]]:
    parts = urlsplit(plan.request.url)
    own = [(name.lower(), value) for name, value in plan.request.headers]
    named = next((value for name, value in own if name == "host"), "")
    yield ":method", plan.request.method
    yield ":scheme", "http"
    yield ":authority", named or parts.netloc.removesuffix(":80")
    yield ":path", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    yield from ((name, value) for name, value in own if name != "host")
    if not any(name == "user-agent" for name, _ in own):
        yield "user-agent", USER_AGENT
    if plan.protocol == GRPC:
        yield "te", "trailers"
        if not any(name == "content-type" for name, _ in own):
            yield "content-type", "application/grpc"


def _message(message: bytes) -> bytes:
    return _PREFIX.pack(False, len(message)) + message
