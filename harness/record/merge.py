"""Records of one run that several processes made, each of its own scenarios, as one record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.errors import Exit, worst
from harness.record.reader import Record, Stamped
from harness.record.writer import Recorder
from harness.run import events as ev


def merge(records: Mapping[str, Record], false_alarm: str, aborted: ev.RunAborted | None = None) -> Record:
    """The whole run: who began first gives the time, the worst end is the end.

    records      by the name of the process, at least one
    false_alarm  the sentence about bad luck, over all of them
    aborted      what ended the run as a whole, if something did
    """
    zero = min(record.unix_time for record in records.values())
    events = [stamped for record in records.values() for stamped in _told(record, record.unix_time - zero)]
    started = next((s for s in events if isinstance(s.event, ev.RunStarted)), None)
    story = [stamped for stamped in events if not isinstance(stamped.event, ev.RunStarted)]
    last = max((stamped.at for stamped in events), default=0.0)
    first = next(iter(records.values()))
    whole = (*([started] if started else []), *story, Stamped(last, _end(records, last, false_alarm, aborted)))
    return Record(zero, first.program, whole)


def write_record(record: Record, path: Path) -> None:
    """Write a record as a run would have."""
    now = 0.0
    with Recorder(path, clock=lambda: now, unix_time=lambda: record.unix_time) as recorder:
        for stamped in record.events:
            now = stamped.at
            recorder(stamped.event)


def _told(record: Record, later: float) -> Iterator[Stamped]:
    """What happened, by the clock of the whole; how it ended is said once for all."""
    for stamped in record.events:
        event = stamped.event
        if isinstance(event, ev.RunFinished | ev.RunAborted):
            continue
        if isinstance(event, ev.RequestsMade):
            event = replace(event, began=event.began + later)
        yield Stamped(stamped.at + later, event)


def _end(
    records: Mapping[str, Record], seconds: float, false_alarm: str, whole: ev.RunAborted | None
) -> ev.RunFinished | ev.RunAborted:
    aborted = [] if whole is None else [whole]
    aborted += [
        replace(event, message=f"{name}: {event.message}" if event.message else name)
        for name, record in records.items()
        for event in record.of(ev.RunAborted)
    ]
    aborted += [
        ev.RunAborted(Exit.INTERRUPTED, "interrupted", f"{name}: its record breaks off")
        for name, record in records.items()
        if record.cut_off
    ]
    if aborted:
        code = worst(event.exit_code for event in aborted)
        return next(event for event in aborted if event.exit_code == code)
    ends = {name: end for name, record in records.items() for end in record.of(ev.RunFinished)}
    code = worst(end.exit_code for end in ends.values())
    phases = tuple((f"{name} {phase}", took) for name, end in ends.items() for phase, took in end.phases)
    return ev.RunFinished(code, seconds, false_alarm, phases)
