"""Which clusters this user has made, and who uses each: a folder and a lock per cluster.

    STATE/clusters/NAME/cluster.json   what it is; `ready` once it is whole
    STATE/clusters/NAME/kubeconfig     private
    STATE/clusters/NAME.lock           exclusive while it is made or deleted, shared while it is used

The kernel frees a lock however its process ends. A record that is not to be kept and whose lock is free is what a
killed run left.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

from harness.cluster.turns import lock, lock_at_once, state_folder
from harness.errors import EnvironmentFailed


@dataclass(frozen=True, slots=True)
class Record:
    """A cluster that was made, or begun."""

    name: str
    provider: str
    dialect: str
    node_image: str
    ingress: str = ""
    keep: bool = False
    ready: bool = False

    @property
    def stays(self) -> bool:
        """Whether it is whole and to outlive its users."""
        return self.keep and self.ready

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return _clusters() / self.name

    @property
    def kubeconfig(self) -> Path:
        """Its kubeconfig."""
        return self.folder / "kubeconfig"

    def write(self) -> None:
        """Remember it, in one step."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / "cluster.json.draft"
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.rename(self.folder / "cluster.json")

    def forget(self) -> None:
        """Remove all that is known of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read(name: str) -> Record | None:
    """What is known of a cluster."""
    try:
        return Record(**json.loads((_clusters() / name / "cluster.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def all_of(provider: str) -> list[Record]:
    """Every record of one provider."""
    try:
        folder = _clusters()
    except EnvironmentFailed:
        return []  # no place for records, so there are none; whoever makes a cluster is told
    found = [read(path.name) for path in sorted(folder.glob("*")) if path.is_dir()]
    return [record for record in found if record is not None and record.provider == provider]


@dataclass(slots=True)
class Lease:
    """The right to make, use or delete a cluster, while it is held."""

    name: str
    _file: IO[bytes] | None = field(repr=False)

    @classmethod
    def shared(cls, name: str, *, on_wait: Callable[[], None] = lambda: None) -> Self:
        """To use the cluster beside others; waits while somebody makes or deletes it.

        on_wait  called if that is so
        """
        while True:
            file = _open_lock(name)
            lock(file, fcntl.LOCK_SH, on_wait)
            if _is_current(file, name):
                return cls(name, file)
            file.close()

    @classmethod
    def at_once(cls, name: str) -> Self | None:
        """To make or delete the cluster, alone; None if somebody uses or makes it."""
        while True:
            file = _open_lock(name)
            if not lock_at_once(file, fcntl.LOCK_EX):
                file.close()
                return None
            if _is_current(file, name):
                return cls(name, file)
            file.close()

    def share(self) -> None:
        """Let others use the cluster too; for a moment nobody holds it, so look whether it is still there."""
        assert self._file is not None, "a lease that ended cannot be shared"
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def end(self, *, remove: bool = False) -> None:
        """Let go; ending twice is fine.

        remove  the lock's file goes too, because the cluster is gone
        """
        if self._file is None:
            return
        if remove:
            _lock_path(self.name).unlink(missing_ok=True)
        self._file.close()
        self._file = None


def _clusters() -> Path:
    folder = state_folder() / "clusters"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _lock_path(name: str) -> Path:
    return _clusters() / f"{name}.lock"


def _open_lock(name: str) -> IO[bytes]:
    return _lock_path(name).open("ab")


def _is_current(file: IO[bytes], name: str) -> bool:
    """Whether the locked file is still the one that others will find."""
    try:
        return os.fstat(file.fileno()).st_ino == _lock_path(name).stat().st_ino
    except FileNotFoundError:
        return False
