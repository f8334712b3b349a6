"""Processes of a cluster that outlived it, told by the run dir in their environment; nobody else's are touched.

Needed only where even the zygote was killed: a daemon that a local command had started is nobody's child then.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from harness.embedded.node.processes import RUN_DIR_VARIABLE

_PATIENCE_SECONDS = 3.0
_GLANCE_SECONDS = 0.005


def find_leftovers(run_dir: Path) -> list[int]:
    """Pids of all living processes that were started for the cluster with this run dir."""
    mark = f"{RUN_DIR_VARIABLE}={run_dir}".encode()
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in pids if pid != os.getpid() and mark in _environment(pid)]


def kill_leftovers(run_dir: Path) -> list[int]:
    """Kill them all; returns the pids that are still there after some seconds, normally none."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (alive := find_leftovers(run_dir)) and time.monotonic() < deadline:
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_GLANCE_SECONDS)
    return alive


def _environment(pid: int) -> list[bytes]:
    # It cannot be read of a process that belongs to somebody else; that of a zombie is empty.
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
