"""A folder with everything that is kept of a run; all of it is made from the record, which is written first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import Finding, InputError
from harness.record import Recorder
from harness.run import events as ev

RECORD = "run.ndjson.gz"


@contextmanager
def reports(folder: Path | None) -> Iterator[ev.Emit]:
    """A consumer of run events that fills the folder; without a folder one that does nothing.

    raises  InputError if the folder cannot be written to, before anything runs
    """
    if folder is None:
        yield _nothing
        return
    with _recorder(folder / RECORD) as record:
        yield record


def to_all(*consumers: ev.Emit) -> ev.Emit:
    """One consumer that passes every event on to each of these in turn."""

    def tell(event: ev.Event) -> None:
        for consumer in consumers:
            consumer(event)

    return tell


def _recorder(path: Path) -> Recorder:
    try:
        return Recorder(path)
    except OSError as error:
        raise InputError([Finding(str(path), 0, f"the report cannot be written: {error.strerror}")]) from None


def _nothing(event: ev.Event) -> None:
    """Take no notice."""
