"""Temporary folders of ours: the process that owns one holds its lock, and once nobody does it is an orphan."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.cluster.turns import Turn

OWNER_LOCK = "owner.lock"
_BORN_SECONDS = 60.0
"""How long a folder may be without a lock that its owner is about to take."""


def own(folder: Path) -> Turn:
    """Make this process the owner of a folder until the turn, or the process, ends."""
    # The lock is held before anybody can find it: who looks in between would take it, and the folder for an orphan.
    draft = folder / f"{OWNER_LOCK}.draft"
    file = draft.open("wb")
    fcntl.flock(file, fcntl.LOCK_EX)
    draft.rename(folder / OWNER_LOCK)
    return Turn(file)


def orphans(prefix: str) -> Iterator[Path]:
    """The folders of this user whose names begin so and that nobody owns."""
    for folder in folders(prefix):
        if is_orphan(folder):
            yield folder


def folders(prefix: str) -> Iterator[Path]:
    """The temporary folders of this user whose names begin so, owned or not."""
    for folder in Path(tempfile.gettempdir()).glob(prefix + "*"):
        with contextlib.suppress(FileNotFoundError):
            if folder.stat().st_uid == os.getuid():
                yield folder


def is_orphan(folder: Path) -> bool:
    """Whether nobody owns the folder: its lock is free, or it never came to be in a minute."""
    try:
        with (folder / OWNER_LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - folder.stat().st_mtime > _BORN_SECONDS
        return False  # its owner has just removed it
