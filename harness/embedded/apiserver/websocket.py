"""The server's end of a WebSocket (RFC 6455) on an upgraded connection; frames by wsproto."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha1

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from harness.embedded.apiserver.errors import bad_request
from harness.embedded.apiserver.httpd import Request, Upgrade, Wire

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CHUNK = 64 * 1024
MAX_MESSAGE = 4 * 1024 * 1024
_OLD_CLIENT = "the embedded cluster streams over WebSocket, which kubectl speaks since 1.31"


class WebSocket:
    """Messages in both directions; a text message counts as its UTF-8 bytes.

    protocol  the subprotocol that was agreed upon, "" if the client offered none
    """

    def __init__(self, wire: Wire, protocol: str) -> None:
        self.protocol = protocol
        self._wire = wire
        self._frames = Connection(ConnectionType.SERVER)
        self._closed = False

    async def messages(self) -> AsyncIterator[bytes]:
        """What the client sends, until it closes, is gone, or breaks the protocol."""
        message = bytearray()
        while not self._closed and (data := await self._wire.reader.read(_CHUNK)):
            try:
                self._frames.receive_data(data)
                for event in self._frames.events():
                    if isinstance(event, Ping):
                        await self._write(self._frames.send(event.response()))
                    elif isinstance(event, CloseConnection):
                        await self._answer_close(event)
                        return
                    elif isinstance(event, BytesMessage | TextMessage):
                        message += event.data.encode() if isinstance(event, TextMessage) else event.data
                        if len(message) > MAX_MESSAGE:
                            await self.close(CloseReason.MESSAGE_TOO_BIG)
                            return
                        if event.message_finished:
                            yield bytes(message)
                            message.clear()
            except RemoteProtocolError:
                await self.close(CloseReason.PROTOCOL_ERROR)

    async def send(self, data: bytes) -> None:
        """One binary message; nothing if the WebSocket is closed."""
        if not self._closed:
            await self._write(self._frames.send(BytesMessage(data=data)))

    async def close(self, code: int = CloseReason.NORMAL_CLOSURE) -> None:
        """Say goodbye; again does nothing."""
        if not self._closed:
            self._closed = True
            await self._write(self._frames.send(CloseConnection(code=code)))

    async def _answer_close(self, event: CloseConnection) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._write(self._frames.send(event.response()))
        except LocalProtocolError:  # a code that may be received but not sent
            return

    async def _write(self, data: bytes) -> None:
        await self._wire.send(data)


def accept_websocket(
    request: Request, protocols: Sequence[str], serve: Callable[[WebSocket], Awaitable[None]]
) -> Upgrade:
    """The answer that turns a request into a WebSocket, which `serve` owns until it returns.

    protocols  those spoken here, best first; a client that offers none at all is taken too

    raises  ApiError 400 for a request that is no WebSocket handshake, or offers only other protocols
    """
    headers = request.headers
    key = headers.get("sec-websocket-key", "")
    if headers.get("upgrade", "").lower() != "websocket" or not key or request.method != "GET":
        raise bad_request(f"Upgrade request required: {_OLD_CLIENT}")
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
    protocol = next((name for name in protocols if name in offered), "")
    if offered and not protocol:
        raise bad_request(f"none of the offered subprotocols {offered} is spoken here; these are: {list(protocols)}")
    accept = b64encode(sha1(key.encode() + _GUID).digest()).decode()
    answer = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
    if protocol:
        answer.append(("Sec-WebSocket-Protocol", protocol))

    async def take_over(wire: Wire) -> None:
        websocket = WebSocket(wire, protocol)
        try:
            await serve(websocket)
        finally:
            await websocket.close()

    return Upgrade(take_over, tuple(answer))
