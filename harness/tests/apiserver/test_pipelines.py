"""Requests behind a request that is still running: each is answered in its turn, refusals as well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest

from harness.embedded.apiserver.httpd import MAX_BODY, Answer, Connection, Request, Response
from harness.embedded.apiserver.messages import refusal

SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
TOO_LARGE = b"POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1)
CHUNKED = b"POST /big HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Event], Awaitable[bytes]]


def told(talk: Client) -> list[bytes]:
    """The first lines of the answers that a client hears from a server whose `/slow` waits for the event."""

    async def run() -> bytes:
        go_on = asyncio.Event()

        async def handle(request: Request) -> Answer:
            if request.path == "/slow":
                await go_on.wait()
            return Response(b"ok")

        connections: set[Connection] = set()
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(handle, refusal, connections), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                return await asyncio.wait_for(talk(reader, writer, go_on), 5)
            finally:
                writer.close()
                for connection in tuple(connections):
                    connection.close()

    answers = asyncio.run(run()).split(b"HTTP/1.1 ")[1:]
    return [answer.partition(b"\r\n")[0] for answer in answers]


TOO_LARGE_STATUS = f"413 {HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase}".encode()
"""Python 3.13 has RFC 9110's words for it."""


@pytest.mark.parametrize(
    ("behind", "status"),
    [
        (TOO_LARGE, TOO_LARGE_STATUS),
        (CHUNKED + b"%x\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1), TOO_LARGE_STATUS),
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", b"400 Bad Request"),
        (b"GET /version HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"431 Request Header Fields Too Large"),
    ],
)
def test_what_is_refused_behind_a_running_request_is_told_after_its_answer(behind: bytes, status: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, go_on: asyncio.Event) -> bytes:
        writer.write(SLOW + behind)
        await writer.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)  # nothing is said before its turn
        go_on.set()
        return await reader.readuntil(b"HTTP/1.1 200 ") + await reader.readuntil(b"}")

    assert told(talk) == [b"200 OK", status]


def test_too_many_requests_are_answered_up_to_the_one_that_is_too_many() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, go_on: asyncio.Event) -> bytes:
        writer.write(SLOW + b"GET /fast HTTP/1.1\r\nHost: x\r\n\r\n" * 30)
        await writer.drain()
        go_on.set()
        return await reader.read(-1)

    answers = told(talk)
    assert answers[:-1] == [b"200 OK"] * (len(answers) - 1)
    assert answers[-1] == b"400 Bad Request"
    assert len(answers) in (17, 18)  # the first one may have left the queue by then


def test_a_target_that_is_none_is_refused_where_it_wants_to_upgrade() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event) -> bytes:
        writer.write(b"GET http://[::1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        return await reader.read(-1)

    assert told(talk) == [b"400 Bad Request"]


def test_one_who_says_that_it_ends_there_hears_nothing_of_what_follows() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, go_on: asyncio.Event) -> bytes:
        writer.write(SLOW.replace(b"Host", b"Connection: close\r\nHost") + TOO_LARGE)
        go_on.set()
        return await reader.read(-1)

    assert told(talk) == [b"200 OK"]
