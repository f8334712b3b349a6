"""File locks between the processes of one user: who may use a cluster, and whose turn it is."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import EnvironmentFailed


@dataclass(slots=True)
class Turn:
    """A lock that is held; it ends with `end` or with the process."""

    _file: IO[bytes] | None

    def end(self) -> None:
        """Let the next one in; ending twice is fine."""
        if self._file is not None:
            self._file.close()
            self._file = None


def take_turn(subject: str, *, on_wait: Callable[[], None] = lambda: None) -> Turn:
    """The turn on something, such as an API server's address; waits while another process has it.

    on_wait  called once if there is somebody to wait for
    """
    digest = hashlib.sha256(subject.encode()).hexdigest()[:16]
    file = (state_folder() / f"turn-{digest}").open("wb")
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
    except BaseException:
        file.close()
        raise
    return Turn(file)


def state_folder() -> Path:
    """Where this user's locks and records of clusters are, made if it is not there."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    folder = Path(base) / "signalbox"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailed(
            f"no place for locks and records of clusters: {folder}: {error.strerror}",
            "set XDG_STATE_HOME to a folder that you may write to",
        ) from None
    return folder
