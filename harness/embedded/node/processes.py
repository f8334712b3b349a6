"""The supervisor's side of the zygote: order a process, signal it, learn how it ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import EnvironmentFailed

RUN_DIR_VARIABLE = "SIGNALBOX_RUN_DIR"
"""Set for every process of a cluster, so that leftovers can be told from other people's processes."""
LIBRARIES = ("aiohttp", "aiohttp.web", "asyncio", "jinja2", "json", "logging", "sqlite3", "ssl", "urllib.request")
"""What stand-ins are made of: loaded once, before the first of them starts."""
_PACKET = 1 << 16
_CLOSE_SECONDS = 5.0
_GONE = "the parent process of all pods is gone, and every pod with it"


@dataclass(frozen=True, slots=True)
class Order:
    """What to run.

    function  "module:name", called with argv in a fork of the warmed-up parent; None executes argv
    env       the whole environment, nothing is inherited
    title     what `ps` shows, 15 bytes of it
    terminal  its stdin is a terminal that it shall control
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    title: str
    function: str | None = None
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `code` as a shell and a container runtime report it (128 + signal), signal 0 if none."""

    code: int
    signal: int = 0

    @classmethod
    def of_status(cls, status: int) -> Ended:
        code = os.waitstatus_to_exitcode(status)
        return cls(code) if code >= 0 else cls(128 - code, -code)


class Process:
    """A running or ended process."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self.pid = pid
        self._zygote = zygote
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    @property
    def running(self) -> bool:
        return not self._ended.done()

    async def wait(self) -> Ended:
        """Return when it has ended and what it left behind is killed; may be awaited by many."""
        return await asyncio.shield(self._ended)

    async def wait_for(self, seconds: float) -> bool:
        """True if it ends within this time."""
        await asyncio.wait([self._ended], timeout=seconds)
        return self._ended.done()

    def signal(self, number: int) -> None:
        """To the process alone, as a container runtime does; an ended one is left in peace."""
        self._zygote.send_signal(self, number, tree=False)

    def kill(self) -> None:
        """SIGKILL to the process and all its descendants."""
        self._zygote.send_signal(self, signal.SIGKILL, tree=True)

    def mark_ended(self, ended: Ended) -> None:
        """For the zygote's messages only."""
        if not self._ended.done():
            self._ended.set_result(ended)


class Zygote:
    """The connection to the warmed-up parent of all pods.

    lost  done once the parent is gone without having been closed: all processes are dead then
    """

    def __init__(self, parent: subprocess.Popen[bytes], connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        self._parent = parent
        self._connection = connection
        self._orders: dict[int, asyncio.Future[Process]] = {}
        self._processes: dict[int, Process] = {}
        self._count = 0
        self._closing = False
        self._outgoing: deque[tuple[bytes, tuple[int, ...]]] = deque()
        loop.add_reader(connection, self._read)

    @classmethod
    async def start(cls, run_dir: Path, modules: Sequence[str] = ()) -> Zygote:
        """Start it; returns at once, orders wait until `modules` are loaded.

        Call it in the thread that lives longest: the zygote ends when that thread does.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        command = [sys.executable, "-m", "harness.embedded.node.zygote", str(theirs.fileno()), str(os.getpid())]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            RUN_DIR_VARIABLE: str(run_dir),
        }
        with theirs:
            parent = subprocess.Popen(
                [*command, *modules],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # who kills our group must leave it alive: it clears away its descendants
            )
        return cls(parent, ours)

    @property
    def pid(self) -> int:
        return self._parent.pid

    async def run(self, order: Order, *standard: int) -> Process:
        """Start a process; the descriptors stay the caller's to close.

        standard  one descriptor for stdout and stderr (stdin is empty then), or three: stdin, stdout, stderr

        raises  EnvironmentFailed if the zygote is gone or cannot fork
        """
        self._count += 1
        number = self._count
        started: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._orders[number] = started
        self._send({"start": number}, (_memory_file(order), *map(os.dup, standard)))
        return await started

    def send_signal(self, process: Process, number: int, *, tree: bool) -> None:
        """Pass a signal on; one for an ended process goes nowhere."""
        if process.running:
            self._send({"signal": process.pid, "number": int(number), "tree": tree})

    async def close(self) -> None:
        """Kill all processes and the zygote itself; returns when they are gone."""
        if self._closing:
            return
        self._closing = True
        self._disconnect()
        try:
            await asyncio.to_thread(self._parent.wait, _CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._parent.kill()
            await asyncio.to_thread(self._parent.wait)

    def _send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Queue a packet; its descriptors are closed once they are on their way."""
        self._outgoing.append((json.dumps(message).encode(), descriptors))
        if self.lost.done() or self._closing:
            self._drop_outgoing()
            raise EnvironmentFailed(_GONE)
        self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._outgoing:
            packet, descriptors = self._outgoing[0]
            try:
                socket.send_fds(self._connection, [packet], descriptors)
            except BlockingIOError:
                loop.add_writer(self._connection, self._flush)
                return
            except ConnectionError:
                self._lose()
                return
            self._outgoing.popleft()
            _close_all(descriptors)
        loop.remove_writer(self._connection)

    def _drop_outgoing(self) -> None:
        for _, descriptors in self._outgoing:
            _close_all(descriptors)
        self._outgoing.clear()

    def _read(self) -> None:
        while True:
            try:
                packet = self._connection.recv(_PACKET)
            except BlockingIOError:
                return
            except ConnectionError:
                packet = b""
            if not packet:
                self._lose()
                return
            self._take(json.loads(packet))

    def _take(self, message: dict[str, Any]) -> None:
        if "started" in message:
            process = Process(self, message["pid"])
            self._processes[process.pid] = process
            self._settle(message["started"], process)
        elif "exited" in message:
            self._processes.pop(message["exited"]).mark_ended(Ended.of_status(message["status"]))
        elif "refused" in message:
            self._settle(message["refused"], EnvironmentFailed(f"cannot start a process: {message['error']}"))
        elif not self.ready.done():
            self.ready.set_result(None)

    def _settle(self, number: int, outcome: Process | EnvironmentFailed) -> None:
        started = self._orders.pop(number)
        if started.cancelled():  # nobody waits for it any more, so nobody would stop it either
            if isinstance(outcome, Process):
                outcome.kill()
        elif isinstance(outcome, Process):
            started.set_result(outcome)
        else:
            started.set_exception(outcome)

    def _lose(self) -> None:
        self._disconnect()
        if not self.lost.done():
            self.lost.set_result(None)

    def _disconnect(self) -> None:
        """Everything that waits for a process learns that all are dead: they die with the zygote."""
        if self._connection.fileno() < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._connection)
        loop.remove_writer(self._connection)
        self._connection.close()
        self._drop_outgoing()
        for started in self._orders.values():
            if not started.done():
                started.set_exception(EnvironmentFailed(_GONE))
        self._orders.clear()
        for process in self._processes.values():
            process.mark_ended(Ended(128 + signal.SIGKILL, signal.SIGKILL))
        self._processes.clear()


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _memory_file(order: Order) -> int:
    descriptor = os.memfd_create("order")
    wanted = {
        "function": order.function,
        "argv": list(order.argv),
        "env": dict(order.env),
        "cwd": str(order.cwd),
        "title": order.title,
        "terminal": order.terminal,
    }
    with open(descriptor, "wb", closefd=False) as file:
        file.write(json.dumps(wanted).encode())
    return descriptor
