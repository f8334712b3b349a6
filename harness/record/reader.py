"""Reads a recorded run: everything its events said, typed as they were."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import Finding, InputError
from harness.record.lines import FORMAT, VERSION, event_of
from harness.run import events as ev

_GZIP = 31
"""What zlib calls a gzip header and trailer around a window of the usual size."""
_PIECE_BYTES = 4096
EventOf = TypeVar("EventOf")


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event and when it was told, in seconds since the recording began."""

    at: float
    event: ev.Event


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded run.

    unix_time  when it began
    program    the version of Signalbox that recorded it
    cut_off    whether the file ends before the run did, because it was killed
    """

    unix_time: float
    program: str
    events: tuple[Stamped, ...]
    cut_off: bool = False

    def requests(self, scenario: str, expectation: str) -> tuple[ev.RequestsMade, ...]:
        """What an expectation sent, its table's rows in order."""
        return tuple(
            made for made in self.of(ev.RequestsMade) if (made.scenario, made.expectation) == (scenario, expectation)
        )

    def results(self) -> tuple[ev.ExpectationResult, ...]:
        """Everything that was judged, in that order, also if the run ended early."""
        return tuple(judged.result for judged in self.of(ev.ExpectationJudged))

    def of(self, kind: type[EventOf]) -> Iterator[EventOf]:
        """The events of one kind in order."""
        return (stamped.event for stamped in self.events if isinstance(stamped.event, kind))


def read_record(path: Path) -> Record:
    """The run in a file written by `Recorder`, gzipped or plain.

    raises  InputError if the file is not a record of this version, with the line
    """
    lines, cut_off = _lines(path)
    if not lines:
        raise InputError([Finding(str(path), 0, "this is no record: it is empty")])
    head, events = _head(path, lines[0]), []
    for number, text in enumerate(lines[1:], 2):
        try:
            document = json.loads(text)
            events.append(Stamped(float(document["at"]), event_of(document)))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            if number == len(lines) and not text.endswith(b"\n"):
                cut_off = True  # the last line of a run that was killed while it wrote
                break
            raise InputError([Finding(str(path), number, f"this line of the record makes no sense: {error}")]) from None
    ended = bool(events) and isinstance(events[-1].event, ev.RunFinished | ev.RunAborted)
    return Record(float(head["unix_time"]), str(head["signalbox"]), tuple(events), cut_off or not ended)


def _head(path: Path, text: bytes) -> dict[str, Any]:
    try:
        head = json.loads(text)
        wrong = head.get("format") != FORMAT
    except (ValueError, AttributeError):
        wrong = True
    if wrong:
        raise InputError([Finding(str(path), 1, "this is no record of a run: its first line does not say so")])
    if head.get("version") != VERSION:
        message = f"the record has version {head.get('version')}; this Signalbox reads version {VERSION}"
        raise InputError([Finding(str(path), 1, message)])
    assert isinstance(head, dict)
    return head


def _lines(path: Path) -> tuple[list[bytes], bool]:
    """The lines with their breaks, as many as can be read, and whether something is missing behind them."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError([Finding(str(path), 0, f"the record cannot be read: {error.strerror}")]) from None
    if not raw.startswith(b"\x1f\x8b"):
        return raw.splitlines(keepends=True), False
    unzip, text, damaged = zlib.decompressobj(wbits=_GZIP), b"", False
    try:
        for begin in range(0, len(raw), _PIECE_BYTES):
            text += unzip.decompress(raw[begin : begin + _PIECE_BYTES])
    except zlib.error:
        damaged = True
    return text.splitlines(keepends=True), damaged or not unzip.eof
