"""What a container wrote: a bounded ring of lines with their times, and readers that may follow it."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

RING_BYTES = 1 << 20
_LINE_BYTES = 1 << 16  # a longer line is broken, or a program that never ends one would fill the memory
_LINE_COST = 120  # what keeping a line costs besides its text
_READ = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which part of a log is wanted; the fields are those of `pods/log`."""

    follow: bool = False
    tail_lines: int | None = None
    since_seconds: float | None = None
    timestamps: bool = False
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line end, and when it came (nanoseconds since 1970)."""

    number: int
    time_ns: int
    text: bytes


class ContainerLog:
    """The newest lines of one run of a container; the oldest go once `limit` bytes are exceeded."""

    def __init__(self, limit: int = RING_BYTES, clock: Callable[[], int] = time.time_ns) -> None:
        self._lines: deque[Line] = deque()
        self._limit = limit
        self._clock = clock
        self._size = 0
        self._count = 0
        self._rest = b""
        self._waiting: set[asyncio.Future[None]] = set()
        self.closed = False

    def feed(self, data: bytes) -> None:
        """Take output as it comes; a line counts once its end has been seen."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._append(line + b"\n")
        while len(self._rest) > _LINE_BYTES:
            self._append(self._rest[:_LINE_BYTES] + b"\n")
            self._rest = self._rest[_LINE_BYTES:]
        self._wake()

    def close(self) -> None:
        """No more will come: an unfinished line counts now, and followers end."""
        if self._rest:
            self._append(self._rest)
            self._rest = b""
        self.closed = True
        self._wake()

    def tail(self, size: int) -> str:
        """At most `size` characters of the end, as text."""
        return b"".join(line.text for line in self._lines).decode(errors="replace")[-size:]

    async def read(self, query: LogQuery) -> AsyncIterator[bytes]:
        """Lines as `kubectl logs` prints them; with `follow` it goes on until the container has ended."""
        left = query.limit_bytes
        async for line in self._select(query):
            text = f"{rfc3339_nano(line.time_ns)} ".encode() + line.text if query.timestamps else line.text
            if left is not None:
                text = text[:left]
                left -= len(text)
            if text:
                yield text
            if left == 0:
                return

    async def _select(self, query: LogQuery) -> AsyncIterator[Line]:
        since = 0 if query.since_seconds is None else self._clock() - int(query.since_seconds * 1e9)
        next_number = 0 if query.tail_lines is None else max(0, self._count - query.tail_lines)
        while True:
            for line in self._from(next_number):
                next_number = line.number + 1
                if line.time_ns >= since:
                    yield line
            if not query.follow or (self.closed and next_number >= self._count):
                return
            if next_number >= self._count:
                await self._more()

    def _from(self, number: int) -> list[Line]:
        first = self._lines[0].number if self._lines else number
        return list(islice(self._lines, max(0, number - first), None))

    async def _more(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    def _append(self, text: bytes) -> None:
        self._lines.append(Line(self._count, self._clock(), text))
        self._count += 1
        self._size += len(text) + _LINE_COST
        while self._size > self._limit:
            self._size -= len(self._lines.popleft().text) + _LINE_COST

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


class LogPipe:
    """A pipe from a process into a log; `write_end` is for the process, the caller closes it once that has started."""

    def __init__(self, log: ContainerLog) -> None:
        self.log = log
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        asyncio.get_running_loop().add_reader(self._read_end, self._read)

    def finish(self) -> None:
        """The process has ended: take what is still in the pipe and close the log."""
        if not self.log.closed:
            while self._read():
                pass
        if not self.log.closed:
            self._close()

    def _read(self) -> bool:
        try:
            data = os.read(self._read_end, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._close()
            return False
        self.log.feed(data)
        return True

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._read_end)
        os.close(self._read_end)
        self.log.close()


def rfc3339_nano(time_ns: int) -> str:
    """A time as the kubelet writes it before a line: 2026-01-31T12:00:00.000000001Z."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
