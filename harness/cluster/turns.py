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

    @property
    def is_held(self) -> bool:
        """Whether it has not ended."""
        return self._file is not None

    @property
    def is_left(self) -> bool:
        """Whether whoever had it before has left things as they are, so that nobody may follow."""
        return self._file is not None and os.fstat(self._file.fileno()).st_size > 0

    def leave(self) -> None:
        """Have everybody know who has it later that things are left as they are."""
        assert self._file is not None, "a turn that ended cannot be left"
        self._file.write(b"left\n")
        self._file.flush()

    def end(self) -> None:
        """Let the next one in; ending twice is fine."""
        if self._file is not None:
            self._file.close()
            self._file = None


def take_turn(subject: str, *, on_wait: Callable[[], None] = lambda: None) -> Turn:
    """The turn on something, such as an API server's address; waits while another process has it.

    on_wait  called once if there is somebody to wait for
    """
    file = _turn_file(subject)
    lock(file, fcntl.LOCK_EX, on_wait)
    return Turn(file)


def turn_at_once(subject: str) -> Turn | None:
    """The turn on something if no process has it."""
    file = _turn_file(subject)
    if lock_at_once(file, fcntl.LOCK_EX):
        return Turn(file)
    file.close()
    return None


def forget_turns(subject: str) -> None:
    """The thing is no more, so nobody takes turns on it."""
    _turn_path(subject).unlink(missing_ok=True)


def _turn_file(subject: str) -> IO[bytes]:
    return _turn_path(subject).open("ab")


def _turn_path(subject: str) -> Path:
    return state_folder() / f"turn-{hashlib.sha256(subject.encode()).hexdigest()[:16]}"


def lock(file: IO[bytes], how: int, on_wait: Callable[[], None]) -> None:
    """Hold an open file's lock, which the kernel frees however the process ends; closes the file if interrupted.

    how      fcntl.LOCK_EX or LOCK_SH
    on_wait  called once if there is somebody to wait for
    """
    try:
        if not lock_at_once(file, how):
            on_wait()
            fcntl.flock(file, how)
    except BaseException:
        file.close()
        raise


def lock_at_once(file: IO[bytes], how: int) -> bool:
    """Whether the lock was free, and is held now."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
