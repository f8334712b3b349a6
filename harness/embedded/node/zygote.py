"""The warmed-up parent of all pods: a process of its own that forks one process per request in milliseconds.

Run as `python -m harness.embedded.node.zygote SOCKET PARENT MODULE…`: a connected SOCK_SEQPACKET descriptor, the
pid that must be its parent, and modules to import before the first fork. One JSON object per packet:

    in   {"start": n}                          with two descriptors: the order (a memory file) and the output;
                                               or with four: the order, stdin, stdout, stderr
         {"signal": pid, "number": 15}         to the process alone, or with "tree": true to it and its descendants
    out  {"ready": true}                       the modules are loaded
         {"started": n, "pid": pid}            or {"refused": n, "error": "…"}
         {"exited": pid, "status": 256}        as waitpid gives it; its descendants are dead by then

The order is {"function": "module:name" or null, "argv": […], "env": {…}, "cwd": "…", "title": "…", "terminal": …}.
With a function the child calls `name(argv)`; without one it executes argv. With a terminal, its stdin is one and
becomes the controlling terminal.

Nothing survives: every child is killed when the zygote dies, and the zygote adopts and kills what a dead process
left behind. When its parent dies, or closes the socket, it kills all and ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import termios
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36  # linux/prctl.h
_PACKET = 1 << 16
_TEARDOWN_SECONDS = 3.0  # SIGKILL needs milliseconds; more means an uninterruptible process, which nobody can end
_CAUGHT = (signal.SIGCHLD, signal.SIGTERM)
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127  # as every shell reports them
_libc = ctypes.CDLL(None, use_errno=True)


def main(argv: list[str]) -> int:
    """Serve until the parent is gone."""
    connection, parent, modules = socket.socket(fileno=int(argv[1])), int(argv[2]), argv[3:]
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return 0
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    gc.disable()
    wakeup = _catch_signals()
    warm_up(modules)
    Zygote(connection, wakeup).serve()
    return 0


def warm_up(modules: Iterable[str]) -> None:
    """Import what pods will need, once, and put it where no child's garbage collector writes to it."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception:  # a stand-in that does not load is its own container's failure, not everybody's
            traceback.print_exc()
    gc.collect()
    gc.freeze()


class Zygote:
    """The serving loop; `children` are the processes asked for and not yet reported as ended."""

    def __init__(self, connection: socket.socket, wakeup: int) -> None:
        self._connection = connection
        self._wakeup = wakeup
        self._children: set[int] = set()

    def serve(self) -> None:
        """Answer requests until the other side is gone or SIGTERM; leaves no descendant."""
        self._tell({"ready": True})
        while True:
            readable, _, _ = select.select([self._connection.fileno(), self._wakeup], [], [])
            if self._wakeup in readable and signal.SIGTERM in os.read(self._wakeup, _PACKET):
                break
            self._reap()
            if self._connection.fileno() in readable and not self._answer():
                break
        self._tear_down()

    def _answer(self) -> bool:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._connection, _PACKET, 4)
        except ConnectionError:
            return False
        if not packet:
            return False
        request = json.loads(packet)
        if "start" in request:
            self._start(request["start"], descriptors)
        else:
            self._signal(request["signal"], request["number"], request.get("tree", False))
        return True

    def _start(self, number: int, descriptors: list[int]) -> None:
        order, *standard = descriptors
        zygote = os.getpid()
        # a signal for the child must not run the zygote's handlers in it: they share the wake-up pipe
        signal.pthread_sigmask(signal.SIG_BLOCK, _CAUGHT)
        try:
            pid = os.fork()
        except OSError as error:
            self._tell({"refused": number, "error": str(error)})
        else:
            if pid == 0:
                become(zygote, order, standard)
            self._children.add(pid)
            self._tell({"started": number, "pid": pid})
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _CAUGHT)
            for descriptor in descriptors:
                os.close(descriptor)

    def _signal(self, pid: int, number: int, tree: bool) -> None:
        if pid not in self._children:  # it ended meanwhile; its number may be somebody else's by now
            return
        os.kill(pid, number)
        if tree:
            with suppress(ProcessLookupError):  # forked, but not yet the leader of its own group
                os.killpg(pid, number)

    def _reap(self) -> None:
        """Report ended children after killing what they left behind; bury adopted ones in silence."""
        while (ended := _ended_child()) is not None:
            if ended in self._children:
                with suppress(ProcessLookupError):
                    os.killpg(ended, signal.SIGKILL)  # safe: as long as it is not reaped the number is its own
            _, status = os.waitpid(ended, 0)
            self._kill_adopted()
            if ended in self._children:
                self._children.discard(ended)
                self._tell({"exited": ended, "status": status})

    def _kill_adopted(self) -> None:
        for pid in children_of(os.getpid()):
            if pid not in self._children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _tear_down(self) -> None:
        """Kill generation after generation: the children of a killed process become ours."""
        deadline = time.monotonic() + _TEARDOWN_SECONDS
        while time.monotonic() < deadline and (alive := children_of(os.getpid())):
            for pid in alive:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            select.select([], [], [], 0.001)

    def _tell(self, message: dict[str, Any]) -> None:
        with suppress(ConnectionError):  # the parent is gone; the next read says so
            self._connection.send(json.dumps(message).encode())


def become(zygote: int, order: int, standard: Sequence[int]) -> NoReturn:
    """Turn a fresh fork into the process that was ordered; never returns."""
    code = 1
    try:
        _leave_zygote(zygote, standard)
        wanted = json.loads(os.pread(order, os.fstat(order).st_size, 0))
        _close_all_but_standard()
        _settle(wanted)
        code = _run(wanted["function"], wanted["argv"])
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code & 0xFF)


def _leave_zygote(zygote: int, standard: Sequence[int]) -> None:
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:  # it died before the line above
        os._exit(0)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # like a container's first process: daemons stay below it and die with it
    signal.set_wakeup_fd(-1)
    for number in _CAUGHT:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if len(standard) == 1:
        standard = (os.open(os.devnull, os.O_RDONLY), standard[0], standard[0])
    for target, source in enumerate(standard):
        os.dup2(source, target, inheritable=True)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = _text_output(1)
    sys.stderr = _text_output(2)


def _text_output(descriptor: int) -> TextIO:
    """Line by line, so that a log shows a line when it was written."""
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def _settle(wanted: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    _libc.prctl(_PR_SET_NAME, wanted["title"].encode()[:15])
    sys.argv = list(wanted["argv"])
    if "TZ" in os.environ:
        time.tzset()
    if wanted.get("terminal"):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    gc.enable()


def _run(function: str | None, argv: list[str]) -> int:
    return _execute(argv) if function is None else _call(function, argv)


def _call(target: str, argv: list[str]) -> int:
    module, _, name = target.partition(":")
    try:
        function: Callable[[list[str]], int | None] = getattr(importlib.import_module(module), name)
        return function(argv) or 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1


def _execute(argv: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python changed them; a foreign program expects the usual
    try:
        os.execvpe(argv[0], argv, os.environ)
    except FileNotFoundError:
        print(f"exec: {argv[0]}: not found", file=sys.stderr)
        return _NOT_FOUND
    except OSError as error:
        print(f"exec: {argv[0]}: {error.strerror}", file=sys.stderr)
        return _NOT_EXECUTABLE


def _close_all_but_standard() -> None:
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with suppress(OSError):  # the one that listed the directory is closed already
                os.close(descriptor)


def _ended_child() -> int | None:
    """The pid of an ended child that is still to be reaped, None if there is none."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return ended.si_pid if ended else None


def children_of(pid: int) -> list[int]:
    """Direct children, adopted ones included."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return [child for child in _all_pids() if _parent_of(child) == pid]


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _parent_of(pid: int) -> int:
    with suppress(OSError):
        # the second field is the program's name in brackets and may hold anything, even brackets
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _catch_signals() -> int:
    """A descriptor from which the numbers of caught signals are read."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the supervisor's business
    for number in _CAUGHT:
        signal.signal(number, lambda *_: None)
    return readable


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value)) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
