"""pods/portforward: connections made inside the pod, past its inbound policy (§3.5a), carried over one WebSocket.

Two ways to carry them. `SPDY/3.1+portforward.k8s.io` (kubectl since 1.31): SPDY frames inside binary messages, for
each connection an error and a data stream. `v4.channel.k8s.io`, or no subprotocol at all (Python clients): port
number i of the query has channels 2i for data and 2i+1 for errors, and each starts with the port, little-endian.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.errors import ApiError, bad_request
from harness.embedded.apiserver.httpd import Request, Upgrade
from harness.embedded.apiserver.objects import dig
from harness.embedded.apiserver.spdy import SpdyConnection, SpdyStream
from harness.embedded.apiserver.streams import NodeStreams
from harness.embedded.apiserver.targets import Target
from harness.embedded.apiserver.websocket import WebSocket, accept_websocket

TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = ("v4.channel.k8s.io", "v5.channel.k8s.io")
_CHUNK = 32 * 1024
_PORTS = 64
"""As many ports as one channel connection may name; a channel is one byte."""

Send = Callable[[bytes], Awaitable[None]]
Dial = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def serve_port_forward(api: Api, node: NodeStreams, target: Target, request: Request) -> Upgrade:
    """Carry connections to a running pod.

    raises  ApiError 400, 404
    """
    pod = api.get(target.kind.key, target.namespace, target.name)
    if (phase := dig(pod, "status", "phase")) != "Running":
        raise bad_request(f"unable to forward port because pod is not running. Current status={phase}")
    forwarder = _Forwarder(lambda port: node.connect(target.namespace, target.name, port), target)
    ports = _ports(parse_qs(request.raw_query).get("ports", []))

    async def run(websocket: WebSocket) -> None:
        if websocket.protocol == TUNNEL:
            await forwarder.tunnel(websocket)
        else:
            await forwarder.channels(websocket, ports)

    return accept_websocket(request, (TUNNEL, *CHANNELS), run)


def _ports(texts: Sequence[str]) -> list[int]:
    parts = [part for text in texts for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part[:6]) < 65536 for part in parts):
        raise bad_request(f"ports: Invalid value: {parts}: must be port numbers")
    if len(parts) > _PORTS:
        raise bad_request(f"at most {_PORTS} ports can be forwarded over one connection")
    return [int(part) for part in parts]


@dataclass(frozen=True, slots=True)
class _Forwarder:
    """The connections of one client to one pod."""

    dial: Dial
    target: Target

    async def tunnel(self, websocket: WebSocket) -> None:
        """SPDY streams: those of one connection share a request id."""
        errors: dict[str, SpdyStream] = {}
        tasks: set[asyncio.Task[None]] = set()

        def opened(stream: SpdyStream) -> None:
            request_id = stream.headers.get("requestid", "")
            if stream.headers.get("streamtype") == "error":
                errors[request_id] = stream
                return
            task = asyncio.create_task(self._carry_stream(stream, errors.pop(request_id, None), connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        connection = SpdyConnection(websocket.send, opened)
        try:
            with contextlib.suppress(ApiError):  # no SPDY: the connection ends, nobody could read why
                async for message in websocket.messages():
                    if not await connection.receive(message):
                        break
        finally:
            await _give_up(tasks)

    async def _carry_stream(self, data: SpdyStream, error: SpdyStream | None, connection: SpdyConnection) -> None:
        if error is not None:
            error.discard()
        try:
            port = data.headers.get("port", "")
            why = await self._carry(int(port) if port.isdigit() else 0, data.chunks(), data.send)
            if why and error is not None:
                await error.send(why.encode())
        finally:
            for stream in filter(None, (data, error)):
                await stream.close()
                connection.forget(stream)

    async def channels(self, websocket: WebSocket, ports: Sequence[int]) -> None:
        """One connection for each port, opened when the client comes; ends when all of them have ended."""
        queues: list[asyncio.Queue[bytes]] = [asyncio.Queue(8) for _ in ports]

        async def carry(index: int, port: int) -> None:
            data, error = bytes([2 * index]), bytes([2 * index + 1])
            for channel in (data, error):
                await websocket.send(channel + struct.pack("<H", port))
            why = await self._carry(port, _queued(queues[index]), lambda chunk: websocket.send(data + chunk))
            if why:
                await websocket.send(error + why.encode())

        async def listen() -> None:
            async for message in websocket.messages():
                index, is_error = divmod(message[0], 2) if message else (0, 1)
                if not is_error and index < len(queues) and len(message) > 1 and not carrying[index].done():
                    await queues[index].put(message[1:])

        carrying = [asyncio.create_task(carry(index, port)) for index, port in enumerate(ports)]
        listening = asyncio.create_task(listen())
        ends: list[asyncio.Future[Any]] = [listening, asyncio.gather(*carrying)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _give_up([listening, *carrying])

    async def _carry(self, port: int, incoming: AsyncIterator[bytes], send: Send) -> str:
        """One connection from dial to end; returns why it could not be made, "" if it was."""
        try:
            reader, writer = await self.dial(port)
        except OSError as error:
            where = f"pod {self.target.namespace}/{self.target.name}"
            return f"error forwarding port {port} to {where}: dial tcp: {error.strerror or error}"
        sending = asyncio.create_task(_feed(incoming, writer))
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(_CHUNK):
                    await send(data)
        finally:
            await _give_up([sending])
            writer.close()
        return ""


async def _feed(incoming: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        async for data in incoming:
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _queued(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while data := await queue.get():
        yield data


async def _give_up(tasks: Sequence[asyncio.Task[None]] | set[asyncio.Task[None]]) -> None:
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
