"""A small HTTP server on loopback whose behaviour a test writes as one function, and a plan carried out to its end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.traffic.dispatch import Dispatch
from harness.traffic.exchange import exchange_for
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Plan, Request
from harness.traffic.stream import Batch, Line, Start, Summary


@dataclass(slots=True)
class Server:
    """What a server has seen.

    heads   request heads as they came
    open    connections that are open now; `idle` is set whenever there is none
    """

    port: int = 0
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(slots=True)
class Call:
    """One request at a server: its number overall and on its connection, both from 0."""

    number: int
    on_connection: int
    head: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def answer(self, status: int = 200, body: str = "{}", **headers: str) -> None:
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        text = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{named}\r\n{body}"
        self.writer.write(text.encode())

    async def left(self) -> None:
        """Return when the client has closed its end; what it sends until then is passed over."""
        await self.reader.read()

    def hang_up(self) -> None:
        """Close in order: the other end reads an end of stream."""
        self.writer.close()

    def reset(self) -> None:
        """Close so that the other end is reset, as the kernel does for data nobody will read."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.close()


Behaviour = Callable[[Call], Awaitable[None]]


@asynccontextmanager
async def serving(behave: Behaviour, *, of_http: bool = True) -> AsyncIterator[Server]:
    """A server whose every request is given to `behave`; or the first bytes of each connection, whatever they are."""
    seen = Server()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        seen.open += 1
        seen.idle.clear()
        try:
            on_connection = 0
            while not writer.is_closing():
                head = (await (reader.readuntil(b"\r\n\r\n") if of_http else reader.read(65536))).decode("latin-1")
                call = Call(len(seen.heads), on_connection, head, reader, writer)
                seen.heads.append(head)
                on_connection += 1
                await behave(call)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, as it may
        finally:
            writer.close()
            seen.open -= 1
            if not seen.open:
                seen.idle.set()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        await server.wait_closed()
        if seen.connections:
            async with asyncio.timeout(20):
                await seen.idle.wait()


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def plan(url: str, **changes: object) -> Plan:
    """A quick plan: GET, a thousand a second, twenty times, with more patience than a busy machine needs."""
    defaults: dict[str, object] = {"rate_per_second": 1000, "limit": 20, "timeout_seconds": 20}
    return Plan(request=Request(url=url), **(defaults | changes))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Sent:
    """All a plan gave."""

    outcomes: tuple[Outcome, ...]
    summary: Summary
    lines: tuple[Line, ...]

    def results(self) -> set[str]:
        """The different statuses and errors, as text."""
        return {str(outcome.error or outcome.status) for outcome in self.outcomes}


async def carry_out(wanted: Plan) -> Sent:
    """Send a plan over HTTP from this process until it is done."""
    lines: list[Line] = []

    async def write(line: Line) -> None:
        lines.append(line)

    async with exchange_for(wanted) as exchange:
        await Dispatch(wanted, exchange).run(write)
    return collected(lines)


def collected(lines: list[Line]) -> Sent:
    """Lines of a whole stream, checked for their order."""
    start, *batches, summary = lines
    assert isinstance(start, Start)
    assert isinstance(summary, Summary)
    outcomes: list[Outcome] = []
    for batch in batches:
        assert isinstance(batch, Batch)
        assert batch.first == len(outcomes)
        outcomes += batch.outcomes
    assert [outcome.index for outcome in outcomes] == list(range(len(outcomes)))
    return Sent(tuple(outcomes), summary, tuple(lines))


def sent_to(behave: Behaviour, path: str = "/", **changes: object) -> tuple[Sent, Server]:
    """A plan carried out against a new server with this behaviour, and what the server has seen."""

    async def run() -> tuple[Sent, Server]:
        async with serving(behave) as server:
            return await carry_out(plan(server.url + path, **changes)), server

    return asyncio.run(run())


async def answers(call: Call) -> None:
    """The behaviour of a server that does what it should."""
    call.answer()
