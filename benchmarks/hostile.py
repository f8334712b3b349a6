"""Clients that mean harm, in numbers that are too large for the tests: what the API server holds then and afterwards.

Watchers that open and drop, uploads that never end, bodies of 100 MB, random bytes. After each kind of them the server
must answer, and must not keep the memory: the same again costs nothing more.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import random
import resource
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from harness.tests.apiserver.support import Box, running_box

_AT_ONCE = 64
_PATH = b"/api/v1/namespaces/default/configmaps"
_WATCH = b"GET %b?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n" % _PATH
_UPLOAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{" % _PATH
_CHUNK = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main() -> None:
    """Print a line for each kind of clients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=10_000)
    arguments = parser.parse_args()
    wanted = arguments.watchers + 1000
    for_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(min(wanted, for_files[1]), for_files[0]), for_files[1]))
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with tempfile.TemporaryDirectory() as directory:
        server = spawn.Process(target=serve, args=(directory, theirs))
        server.start()
        port = ours.recv()
        asyncio.run(attack(Attack(Path(directory), port, psutil.Process(server.pid), ours), arguments.watchers))
        ours.send("end")
        server.join()


def serve(directory: str, pipe: Connection) -> None:
    """In the server's process: an API server, and the collector at the other side's wish."""
    with running_box(Path(directory)) as box:
        pipe.send(box.server.port)
        while pipe.recv() != "end":
            pipe.send(box.run(partial(_collected, box), seconds=600))


async def _collected(box: Box) -> int:
    gc.collect()
    await asyncio.sleep(2)  # the server hands back what a crowd held a second after it has left
    gc.collect()
    return box.api.store.subscribers


@dataclass(frozen=True, slots=True)
class Attack:
    """Where the server is, and how to look at it."""

    directory: Path
    port: int
    process: psutil.Process
    pipe: Connection

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        context.load_cert_chain(self.directory / "client.pem")
        return context

    async def tell(self, what: str, begun: float) -> None:
        """One line: the server's memory and descriptors once it has collected."""
        self.pipe.send("collect")
        subscriptions, held = self.pipe.recv(), self.process.memory_info().rss / 1e6
        counted = f"{self.process.num_fds():6} descriptors  {subscriptions:6} subscriptions"
        print(f"{what:44} {held:7.1f} MB  {counted}  {time.monotonic() - begun:6.1f} s", flush=True)

    async def open(self, context: ssl.SSLContext, first: bytes) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        writer.write(first)
        return reader, writer


async def attack(server: Attack, watchers: int) -> None:
    """All kinds of clients, one after the other."""
    context, begun = server.context(), time.monotonic()
    await server.tell("at first", begun)
    for number in (1, 2):
        opened = await _many(watchers, lambda: _watch(server, context))
        await server.tell(f"{watchers} watchers, time {number}", begun)
        await _drop(opened)
        await _until_gone(server)
        await server.tell("  dropped", begun)
    opened = await _many(1000, lambda: server.open(context, _UPLOAD))
    await server.tell("1000 uploads that do not end", begun)
    await _drop(opened)
    await _until_gone(server)
    await server.tell("  dropped", begun)
    refused = [await _flood(server, context) for _ in range(5)]
    await server.tell(f"5 bodies of 100 MB: {sorted(set(refused))}", begun)
    chance = random.Random(1)
    await _many(2000, lambda: _noise(server, context, chance.randbytes(chance.randrange(1, 400))))
    await _until_gone(server)
    await server.tell("2000 times random bytes", begun)
    reader, writer = await server.open(context, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
    print((await reader.readline()).decode().strip())
    writer.close()


async def _many(count: int, make: Callable[[], Awaitable[Streams]]) -> Sequence[Streams]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> Streams:
        async with gate:
            return await make()

    return await asyncio.gather(*(one() for _ in range(count)))


async def _watch(server: Attack, context: ssl.SSLContext) -> Streams:
    reader, writer = await server.open(context, _WATCH)
    await reader.readuntil(b'"ADDED"')
    return reader, writer


async def _flood(server: Attack, context: ssl.SSLContext) -> str:
    """What is said to a client that sends 100 MB without announcing them."""
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % _PATH
    reader, writer = await server.open(context, head)
    for _ in range(100):
        writer.write(_CHUNK)
        await writer.drain()
    said = (await reader.readline()).decode().strip()
    await _drop([(reader, writer)])
    return said


async def _noise(server: Attack, context: ssl.SSLContext, data: bytes) -> Streams:
    reader, writer = await server.open(context, data + b"\r\n\r\n")
    with suppress(TimeoutError, ConnectionError):  # what may still become a request is met with silence
        async with asyncio.timeout(2):
            await reader.read()
    await _drop([(reader, writer)])
    return reader, writer


async def _drop(opened: Sequence[Streams]) -> None:
    for _, writer in opened:
        writer.transport.abort()
    await asyncio.sleep(0)


async def _until_gone(server: Attack) -> None:
    while server.process.num_fds() > 60:
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
