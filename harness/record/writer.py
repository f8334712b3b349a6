"""Writes a run as it happens, so that what was known is there even if the run is killed."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.record.lines import FORMAT, VERSION, document_of
from harness.run import events as ev

MOST_OUTCOMES_OF_A_BURST = 20_000
MOST_OUTCOMES = 500_000
"""Outcomes written one by one; beyond either limit they are counted together, by tenths of a second."""

_GZIP = 31
"""What zlib calls a gzip header and trailer around a window of the usual size."""


class Recorder:
    """A consumer of run events that writes them to a file; use it as a context manager so that the file ends well.

    path   ends in .gz; its folder is made
    clock  monotonic seconds
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._clock = clock
        self._zero = clock()
        self._left = MOST_OUTCOMES
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._zip = zlib.compressobj(wbits=_GZIP)
        self._write(
            {
                "at": 0.0,
                "format": FORMAT,
                "version": VERSION,
                "signalbox": version("signalbox"),
                "unix_time": unix_time(),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the file; may be called more than once."""
        if not self._file.closed:
            self._file.write(self._zip.flush())
            self._file.close()

    def __call__(self, event: ev.Event) -> None:
        """Write one event; it is on disk when this returns, unless it only says how far something is."""
        individually = min(self._left, MOST_OUTCOMES_OF_A_BURST)
        if isinstance(event, ev.RequestsMade):
            self._left -= min(individually, len(event.outcomes))
        at = {"at": round(self._clock() - self._zero, 6)}
        self._write(at | document_of(event, self._zero, individually), flush=not isinstance(event, ev.Progress))

    def _write(self, document: dict[str, object], *, flush: bool = True) -> None:
        line = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self._file.write(self._zip.compress(line) + (self._zip.flush(zlib.Z_SYNC_FLUSH) if flush else b""))
        if flush:
            self._file.flush()
