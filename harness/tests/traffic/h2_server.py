"""A small HTTP/2 server without TLS on loopback; the path of a request says what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, WindowUpdated
from h2.settings import SettingCodes, Settings

LONG = 16 * 1024 * 1024


@dataclass(slots=True)
class Seen:
    """What the server has seen.

    most_open  streams that were open at once on one connection
    """

    port: int = 0
    connections: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    most_open: int = 0
    waiting: list[tuple[_Connection, int]] = field(default_factory=list)
    open: set[_Connection] = field(default_factory=set)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Connection(asyncio.Protocol):
    """
    /           200 with body «hello»
    /together   answered once `together` requests wait
    /silent     never answered
    /reset      the stream is reset; /cut after its headers
    /close      the connection is closed
    /leave      refused by a GOAWAY that names the stream before it, once; /never whenever it is asked
    /long       200 with a body of `LONG` bytes
    /last       GOAWAY that names this stream, then its answer; /last-angry with an error in the GOAWAY
    /misspoken  a GOAWAY that is too short
    """

    def __init__(self, seen: Seen, together: int, most: int) -> None:
        self._seen, self._together, self._most = seen, together, most
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._open: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, bytes] = {}
        self._left: dict[int, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._seen.connections += 1
        self._seen.open.add(self)
        self._seen.idle.clear()
        limit = {SettingCodes.MAX_CONCURRENT_STREAMS: self._most}
        self._http.local_settings = Settings(client=False, initial_values=limit)
        self._http.initiate_connection()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._seen.open.discard(self)
        if not self._seen.open:
            self._seen.idle.set()

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            if isinstance(event, RequestReceived):
                self._open[event.stream_id] = {str(name): str(value) for name, value in event.headers or ()}
                self._bodies[event.stream_id] = b""
                self._seen.most_open = max(self._seen.most_open, len(self._open))
            elif isinstance(event, DataReceived):
                self._bodies[event.stream_id] += event.data or b""
                self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            elif isinstance(event, StreamEnded):
                self._request(event.stream_id)
            elif isinstance(event, WindowUpdated):
                for stream in self._left:
                    self._go_on(stream)
        self._flush()

    def _request(self, stream: int) -> None:
        headers = self._open[stream]
        self._seen.requests.append(headers)
        self._seen.bodies.append(self._bodies[stream])
        path = headers[":path"].partition("?")[0]
        if path == "/together":
            self._seen.waiting.append((self, stream))
            if len(self._seen.waiting) == self._together:
                for connection, waiting in self._seen.waiting:
                    connection.answer(waiting)
        elif path == "/reset":
            self._http.reset_stream(stream, 2)
        elif path == "/cut":
            self._http.send_headers(stream, [(":status", "200")])
            self._http.reset_stream(stream, 2)
        elif path == "/close":
            self._transport.close()
        elif path == "/never" or (path == "/leave" and self._seen.connections == 1):
            self._http.close_connection(last_stream_id=max(0, stream - 2))
        elif path == "/misspoken":
            self._transport.write(b"\0\0\4\7" + bytes(9))
        elif path.startswith("/last"):
            self._say_goodbye(stream, ErrorCodes.ENHANCE_YOUR_CALM if path == "/last-angry" else ErrorCodes.NO_ERROR)
            self.answer(stream)
        elif path == "/long":
            self._http.send_headers(stream, [(":status", "200")])
            self._left[stream] = LONG
            self._go_on(stream)
        elif path != "/silent":
            self.answer(stream)

    def _go_on(self, stream: int) -> None:
        """Send as much of a long body as the other end takes."""
        while self._left[stream] and (room := self._http.local_flow_control_window(stream)):
            part = min(room, self._left[stream], self._http.max_outbound_frame_size)
            self._left[stream] -= part
            self._http.send_data(stream, bytes(part), end_stream=not self._left[stream])

    def _say_goodbye(self, last: int, error: ErrorCodes) -> None:
        """A GOAWAY by another connection: after one of its own the library takes no answer."""
        ahead = H2Connection(H2Configuration(client_side=False))
        ahead.initiate_connection()
        ahead.data_to_send()
        ahead.close_connection(error, last_stream_id=last)
        self._transport.write(ahead.data_to_send())

    def answer(self, stream: int) -> None:
        lines = [(":status", "200"), ("server", "small"), ("x-twice", "a"), ("x-twice", "b"), ("x-name", "café")]
        self._http.send_headers(stream, lines)
        self._http.send_data(stream, b"hello", end_stream=True)
        self._open.pop(stream, None)
        self._flush()

    def _flush(self) -> None:
        self._transport.write(self._http.data_to_send())


@asynccontextmanager
async def serving_h2(*, together: int = 1, most: int = 100) -> AsyncIterator[Seen]:
    """A server that takes `most` streams at once on a connection."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(seen, together, most), "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        await server.wait_closed()
        if seen.open:
            seen.idle.clear()
            async with asyncio.timeout(20):
                await seen.idle.wait()
