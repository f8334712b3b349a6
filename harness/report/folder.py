"""A folder with everything that is kept of a run; all of it is made from the record, which is written first."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import Exit, Finding, InputError
from harness.record import Recorder, merge, read_record, write_record
from harness.report.html import page
from harness.report.junit import junit_xml
from harness.report.markdown import markdown
from harness.report.story import Story, tell
from harness.report.text import explained_text
from harness.report.tutorial import ArticleTold, compare, find_article, tutorial_markdown
from harness.run import events as ev

RECORD = "run.ndjson.gz"
FORMS: tuple[tuple[str, Callable[[Story, ArticleTold | None], str | None]], ...] = (
    ("report.html", page),
    ("summary.md", lambda story, article: markdown(story)),
    ("junit.xml", lambda story, article: junit_xml(story)),
    ("tutorial.md", lambda story, article: tutorial_markdown(article) if article else None),
)
"""Every report by its file name, and how it is made; None if there is nothing to say."""
FAILURES = "failures"
PARTS = ".workers"
"""Has a folder with a record for each of several processes, until those are one; nothing else is ever in it."""
DRAFT = ".draft"
"""Ends the name of a file that is being written; a killed run may leave one."""
_UNMERGED = ev.RunAborted(Exit.INTERRUPTED, "interrupted", "the run was killed: its workers' records were never one")
"""Whatever each of them tells of its end: nobody was left to give them the rest of the work."""
_STOPS = (signal.SIGINT, signal.SIGTERM)
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]")
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""GitHub names the file whose Markdown it shows beside a job in this variable."""


@contextmanager
def reports(folder: Path | None) -> Iterator[ev.Emit]:
    """A consumer of run events; when its block is left, however it is left, the folder has all reports.

    folder  None for no reports but the summary that GitHub may ask for
    raises  InputError if the folder cannot be written to, before anything runs
    """
    summary = os.environ.get(STEP_SUMMARY)
    if folder is None and not summary:
        yield _nothing
        return
    with ExitStack() as stack:
        kept = folder or Path(stack.enter_context(TemporaryDirectory(prefix="sb-report-")))
        with _recorder(kept / RECORD) as record:
            _forget_reports(kept)
            try:
                yield record
            finally:
                with _undisturbed():
                    record.close()
                    write_reports(kept)
                    if summary:
                        _append(Path(summary), (kept / "summary.md").read_text(encoding="utf-8"))


@contextmanager
def part(folder: Path, process: str) -> Iterator[ev.Emit]:
    """A consumer of the events of one of several processes, of which `merge_reports` makes one run in the folder.

    raises  InputError if the folder cannot be written to
    """
    with _recorder(folder / PARTS / process / RECORD) as record:
        _forget_reports(folder)
        (folder / RECORD).unlink(missing_ok=True)
        yield record


def merge_reports(folder: Path, false_alarm: str, aborted: ev.RunAborted | None = None) -> None:
    """One record and one set of reports in place of the records that several processes left in folders of their own.

    folder       has those folders below PARTS; without any nothing is written
    false_alarm  the sentence about bad luck, over all of them; "" if it is not known
    aborted      what ended the run as a whole, if something did
    """
    with _undisturbed():
        if not _merge_parts(folder, false_alarm, aborted):
            return
        write_reports(folder)
        forget_parts(folder)
        if summary := os.environ.get(STEP_SUMMARY):
            _append(Path(summary), (folder / "summary.md").read_text(encoding="utf-8"))


def remake_reports(folder: Path) -> Story:
    """Make every report of a recorded run once more, also of several processes that were killed before they were one.

    raises  InputError if there is no record, or it is damaged from its first line on
    """
    _merge_parts(folder, "", _UNMERGED)
    return write_reports(folder)


def _merge_parts(folder: Path, false_alarm: str, aborted: ev.RunAborted | None) -> bool:
    """Write the record of the whole, if several processes have left records; whether they have."""
    parts = {path.parent.name: path for path in sorted((folder / PARTS).glob(f"*/{RECORD}"))}
    if parts:
        whole = merge({name: read_record(path) for name, path in parts.items()}, false_alarm, aborted)
        write_record(whole, folder / RECORD)
    return bool(parts)


def _forget_reports(folder: Path) -> None:
    """An earlier run's must not pass for this one's."""
    for name, _ in FORMS:
        (folder / name).unlink(missing_ok=True)
    for old in (*(folder / FAILURES).glob("*.txt*"), *folder.glob(f"*{DRAFT}")):
        old.unlink(missing_ok=True)


def forget_parts(folder: Path) -> None:
    """Remove the folders in which several processes left records of their own; those of other runs stay."""
    if (folder / PARTS).exists():
        shutil.rmtree(folder / PARTS)


def write_reports(folder: Path) -> Story:
    """Make every report of the record in a folder; returns what they tell.

    raises  InputError if there is no record, or it is damaged from its first line on
    """
    story = tell(read_record(folder / RECORD))
    article = find_article(story)
    told = compare(article, story) if article else None
    for name, form in FORMS:
        text = form(story, told)
        if text is not None:
            _write_whole(folder / name, text)
    _write_failures(folder / FAILURES, story)
    return story


def _write_failures(folder: Path, story: Story) -> None:
    """A text file for each broken expectation, with everything that was collected about it."""
    for scenario in story.scenarios:
        for name, explained in scenario.explained.items():
            folder.mkdir(exist_ok=True)
            file = _NO_FILE_NAME.sub("_", f"{scenario.name}.{name}") + ".txt"
            _write_whole(folder / file, explained_text(explained))


def _write_whole(path: Path, text: str) -> None:
    """Write a file in one step: whoever looks, also after `kill -9`, finds all of it or none."""
    draft = path.with_name(path.name + DRAFT)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block is left: reports are soon written, and a part of them is of no use.

    Their handlers are exchanged: a mask of this thread would leave the signal to the next one, and from there Python
    brings it to the main thread. In another than the main thread nothing needs to wait, for handlers do not run there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for arrived in came:
            signal.raise_signal(arrived)


def to_all(*consumers: ev.Emit) -> ev.Emit:
    """One consumer that passes every event on to each of these in turn."""

    def tell_all(event: ev.Event) -> None:
        for consumer in consumers:
            consumer(event)

    return tell_all


def _recorder(path: Path) -> Recorder:
    try:
        return Recorder(path)
    except OSError as error:
        raise InputError([Finding(str(path), 0, f"the report cannot be written: {error.strerror}")]) from None


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _nothing(event: ev.Event) -> None:
    """Take no notice."""
