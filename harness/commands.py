"""Programs of others that we run: found on PATH, given a time, their last words kept, ended when we are interrupted."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import EnvironmentFailed

GOODBYE_SECONDS = 10.0
"""Given to a program to end in order, as k3d and kind take back what they began."""
_LAST_LINES = 12


class CommandFailed(EnvironmentFailed):
    """A program is missing, failed, or took too long; the message has its command line and last words."""


def found(name: str) -> str | None:
    """Where a program is; None if it is not installed."""
    return shutil.which(name)


def run(
    argv: Sequence[str],
    *,
    within: float,
    kubeconfig: Path | None = None,
    cwd: Path | None = None,
    remedy: str = "",
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a program writes to its standard output.

    within       seconds
    kubeconfig   the only one the program may know; without it none, so that nothing of the user's is written
    environment  variables on top of ours
    raises       CommandFailed
    """
    env = {**os.environ, **(environment or {}), "KUBECONFIG": str(kubeconfig or os.devnull)}
    if found(argv[0]) is None:
        raise CommandFailed(f"{argv[0]} is not installed", remedy or f"install {argv[0]} and see that it is on PATH")
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=env,
        cwd=cwd,
        # Ctrl-C reaches us alone, and we end the program and all that it started.
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            out, err = _end(process)
            raise CommandFailed(_story(argv, f"did not end within {within:g} s", out, err), remedy) from None
        except BaseException:
            _end(process)
            raise
    if process.returncode != 0:
        raise CommandFailed(_story(argv, f"failed (exit code {process.returncode})", out, err), remedy)
    return out


def version_of(argv: Sequence[str], *, within: float = 20.0) -> tuple[int, ...]:
    """The first thing like a version that a program says about itself; () if it says none or is not there."""
    try:
        said = run(argv, within=within)
    except CommandFailed:
        return ()
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part) for part in match.groups(default="0")) if match else ()


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Ask the program to end, then kill it and whatever it started; what it said until then."""
    _signal_group(process, signal.SIGTERM)
    try:
        return process.communicate(timeout=GOODBYE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        return process.communicate()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _story(argv: Sequence[str], what: str, out: str, err: str) -> str:
    words = (err.strip() or out.strip()).splitlines()[-_LAST_LINES:]
    return "\n".join([f"`{shlex.join(argv)}` {what}", *(f"  {line}" for line in words)])
