"""A command that runs in a container beside its own process: pipes or a terminal around a forked process."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from harness.embedded.node.processes import Order, Process, Zygote

_TERM = "xterm"


class ProcessExecution:
    """Implements Execution; `start` makes one.

    stdout  with a terminal everything the command writes, stderr too
    """

    def __init__(self) -> None:
        self.stdout = asyncio.StreamReader()
        self.stderr = asyncio.StreamReader()
        self._process: Process | None = None
        self._input: asyncio.WriteTransport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._terminal: int | None = None
        self._transports: list[asyncio.BaseTransport] = []

    @classmethod
    async def start(cls, zygote: Zygote, order: Order, *, stdin: bool, terminal: bool) -> ProcessExecution:
        """Start the ordered command; raises EnvironmentFailed if there is no parent to fork it."""
        made = cls()
        standard = await (made._open_terminal() if terminal else made._open_pipes(stdin=stdin))
        if terminal:
            order = replace(order, terminal=True, env={**order.env, "TERM": _TERM})
        try:
            made._process = await zygote.run(order, *standard)
        except BaseException:
            made.close()
            raise
        finally:
            for descriptor in set(standard):
                os.close(descriptor)
        return made

    async def feed(self, data: bytes) -> None:
        """Write to its stdin; waits while it does not read. Nothing if it has none or it is closed."""
        if self._input is not None and data and not self._input.is_closing():
            self._input.write(data)
            await self._writable.wait()

    def end_input(self) -> None:
        """Its stdin has ended; a terminal's never does."""
        if self._input is not None and self._terminal is None:
            self._input.close()
            self._input = None

    def resize(self, columns: int, rows: int) -> None:
        """Its terminal has another size now; nothing without one."""
        if self._terminal is not None:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def wait(self) -> int:
        """Its exit code, once it and what it started have ended."""
        if self._process is None:
            raise RuntimeError("not started")
        return (await self._process.wait()).code

    def close(self) -> None:
        """Kill it if it still runs, and close every descriptor."""
        if self._process is not None:
            self._process.kill()
        for transport in self._transports:
            transport.close()
        self._terminal = self._input = None
        self._writable.set()

    async def _open_pipes(self, *, stdin: bool) -> Sequence[int]:
        """The ends for the command: stdin, stdout, stderr."""
        ours_out, out = os.pipe()
        ours_err, err = os.pipe()
        await self._read(ours_out, self.stdout)
        await self._read(ours_err, self.stderr)
        if not stdin:
            return os.open(os.devnull, os.O_RDONLY), out, err
        given, ours_in = os.pipe()
        await self._write(ours_in)
        return given, out, err

    async def _open_terminal(self) -> Sequence[int]:
        ours, given = pty.openpty()
        self._terminal = os.dup(ours)
        await self._read(ours, self.stdout)
        await self._write(self._terminal)
        self.stderr.feed_eof()
        return given, given, given

    async def _read(self, descriptor: int, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), _file(descriptor))
        self._transports.append(transport)

    async def _write(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_write_pipe(lambda: _Writing(self._writable), _file(descriptor, "wb"))
        self._transports.append(transport)
        self._input = transport


class _Writing(asyncio.BaseProtocol):
    """Sets and clears an event as the other side reads, or does not."""

    def __init__(self, writable: asyncio.Event) -> None:
        self._writable = writable

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()


def _file(descriptor: int, mode: str = "rb") -> BinaryIO:
    return os.fdopen(descriptor, mode, buffering=0)  # type: ignore[return-value]  # FileIO where the stubs say IO
