"""A WebSocket client that can also misbehave, and SPDY frames over it."""

from __future__ import annotations

import socket
import ssl
import struct
import zlib
from collections import defaultdict
from contextlib import suppress
from types import TracebackType
from typing import Self

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection

from harness.embedded.apiserver.spdy import DICTIONARY
from harness.tests.apiserver.support import Answer, Box

SECONDS = 60


HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def refused(box: Box, path: str, headers: dict[str, str] = HANDSHAKE) -> Answer:
    """What a request to upgrade gets that is not granted."""
    return box.request("GET", path, anonymous=False, **headers)


class RawWebSocket:
    """Connected and upgraded; messages are bytes, the first of which is a channel's number."""

    def __init__(self, box: Box, path: str, protocol: str = "") -> None:
        plain = socket.create_connection(("127.0.0.1", box.server.port), timeout=SECONDS)
        self._socket = box.ssl_context().wrap_socket(plain, server_hostname="127.0.0.1")
        headers = {"Host": "x", **{name.replace("_", "-"): text for name, text in HANDSHAKE.items()}}
        if protocol:
            headers["Sec-WebSocket-Protocol"] = protocol
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.head, rest = self._read_head()
        self._frames = Connection(ConnectionType.CLIENT)
        self._waiting: list[bytes] = []
        self._partial = b""
        self.closed = False
        self._take(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, channel: int, data: bytes) -> None:
        self.message(bytes([channel]) + data)

    def message(self, data: bytes) -> None:
        self._socket.sendall(self._frames.send(BytesMessage(data=data)))

    def raw(self, data: bytes) -> None:
        """Bytes that are no frame."""
        self._socket.sendall(data)

    def half_close(self) -> None:
        """Say that nothing more will come, as far as TCP is concerned."""
        self._socket.shutdown(socket.SHUT_WR)

    def drain(self) -> None:
        """Read on until the server has closed; TimeoutError if it does not."""
        with suppress(ConnectionError, ssl.SSLError):
            while self._socket.recv(65536):
                pass

    def receive(self) -> bytes | None:
        """The next message, None once the server has closed."""
        while not self._waiting and not self.closed:
            data = self._socket.recv(65536)
            if data:
                self._take(data)
            else:
                self.closed = True
        return self._waiting.pop(0) if self._waiting else None

    def until_status(self) -> tuple[dict[int, bytes], bytes]:
        """All output by channel, and what came on the error channel."""
        output: dict[int, bytes] = defaultdict(bytes)
        while (message := self.receive()) is not None:
            output[message[0]] += message[1:]
        return output, output[3]

    def _read_head(self) -> tuple[str, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            data = self._socket.recv(65536)
            if not data:
                break
            received += data
        head, _, rest = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), received
        return head.decode(), rest

    def _take(self, data: bytes) -> None:
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, BytesMessage):
                self._partial += bytes(event.data)
                if event.message_finished:
                    self._waiting.append(self._partial)
                    self._partial = b""
            elif isinstance(event, CloseConnection):
                self.closed = True


class SpdyClient:
    """Streams over a RawWebSocket, as kubectl's port-forward opens them."""

    def __init__(self, websocket: RawWebSocket) -> None:
        self._websocket = websocket
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._buffer = b""
        self.data: dict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.replied: set[int] = set()
        self.refused: set[int] = set()
        self.pings: list[bytes] = []

    def open(self, number: int, headers: dict[str, str], *, last: bool = False) -> None:
        plain = struct.pack(">I", len(headers))
        for name, text in headers.items():
            plain += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(text)) + text.encode()
        block = self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", number, 0, 0) + block
        self._websocket.message(struct.pack(">HHI", 0x8003, 1, last << 24 | len(body)) + body)

    def control(self, kind: int, body: bytes) -> None:
        self._websocket.message(struct.pack(">HHI", 0x8003, kind, len(body)) + body)

    def send(self, number: int, data: bytes, *, last: bool = False) -> None:
        self._websocket.message(struct.pack(">II", number, last << 24 | len(data)) + data)

    def forward(self, first: int, port: int) -> None:
        """The two streams of one connection: `first` for errors, the next for data."""
        headers = {"port": str(port), "requestid": str(first)}
        self.open(first, {"streamtype": "error", **headers}, last=True)
        self.open(first + 2, {"streamtype": "data", **headers})

    def until_ended(self, *numbers: int) -> None:
        while not set(numbers) <= self.ended:
            message = self._websocket.receive()
            assert message is not None, "the server closed"
            self._take(message)

    def until_ping(self) -> None:
        while not self.pings:
            message = self._websocket.receive()
            assert message is not None, "the server closed"
            self._take(message)

    def _take(self, message: bytes) -> None:
        self._buffer += message
        while len(self._buffer) >= 8:
            first, second = struct.unpack(">II", self._buffer[:8])
            size = second & 0xFFFFFF
            if len(self._buffer) < 8 + size:
                return
            body, self._buffer = self._buffer[8 : 8 + size], self._buffer[8 + size :]
            if first & 0x80000000:
                self._control(first & 0xFFFF, body)
                continue
            self.data[first] += body
            if second >> 24 & 1:
                self.ended.add(first)

    def _control(self, kind: int, body: bytes) -> None:
        if kind == 6:
            self.pings.append(body)
            return
        found = {2: self.replied, 3: self.refused}.get(kind)
        if found is not None:
            found.add(struct.unpack(">I", body[:4])[0])
