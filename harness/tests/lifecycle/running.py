"""A `signalbox run` as a user starts it, and what it leaves on the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
GONE_SECONDS = 20.0

# A shell that starts the tests in the background makes everything below it ignore Ctrl-C; commands under test must not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Running:
    """One command under way.

    scratch   the command's temporary directory, its own
    lines     what it printed so far
    family    every process seen below it, by pid, so that orphans are still known after a kill
    """

    process: subprocess.Popen[str]
    scratch: Path
    lines: list[str] = field(default_factory=list)
    family: dict[int, psutil.Process] = field(default_factory=dict)

    def await_line(self, text: str, seconds: float = 60.0) -> None:
        """Return when a printed line contains the text; fail if the command ends before."""
        deadline = time.monotonic() + seconds
        while not any(text in line for line in list(self.lines)):
            assert time.monotonic() < deadline, f"no line with '{text}' in {seconds} s:\n" + "".join(self.lines)
            assert self.process.poll() is None, f"ended before a line with '{text}':\n" + "".join(self.lines)
            self.look()
            time.sleep(0.02)

    def look(self) -> None:
        """Remember all processes below the command."""
        try:
            for process in psutil.Process(self.process.pid).children(recursive=True):
                self.family.setdefault(process.pid, process)
        except psutil.NoSuchProcess:
            return

    def find(self, word: str) -> psutil.Process:
        """The first process below the command whose command line has the word."""
        self.look()
        for process in self.family.values():
            if word in _shown(process):
                return process
        raise AssertionError(f"no process with '{word}' below the command")

    def wait(self, seconds: float = 90.0) -> int:
        """The exit code."""
        while True:
            self.look()
            try:
                return self.process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                seconds -= 0.1
                assert seconds > 0, "the command does not end:\n" + "".join(self.lines)

    def assert_nothing_left(self) -> None:
        """No process of the run, no port of theirs, nothing in its temporary directory, a moment later."""
        deadline = time.monotonic() + GONE_SECONDS
        while left := self._left():
            assert time.monotonic() < deadline, f"left after {GONE_SECONDS} s: {left}"
            time.sleep(0.05)

    def _left(self) -> list[str]:
        alive = [shown for process in self.family.values() if (shown := _shown(process))]
        return alive + [f"file {path}" for path in self.scratch.iterdir()]


@contextmanager
def signalbox(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """`signalbox ARGUMENTS` in the repository, with a temporary directory of its own."""
    scratch = Path(tempfile.mkdtemp(prefix="sb-"))
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Running(process, scratch)
    reader = threading.Thread(target=_read, args=(running,), daemon=True)
    reader.start()
    try:
        yield running
    finally:
        running.look()
        process.kill()
        process.wait()
        for left in running.family.values():
            if left.is_running():
                left.kill()
        reader.join()
        shutil.rmtree(scratch, ignore_errors=True)


def _shown(process: psutil.Process) -> str:
    """The process in words, or "" if it has ended."""
    try:
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return f"process {process.pid} {' '.join(process.cmdline())[:200]}"
    except psutil.NoSuchProcess:
        return ""
    return ""


def _read(running: Running) -> None:
    assert running.process.stdout is not None
    with running.process.stdout as out:
        for line in out:
            running.lines.append(line)
