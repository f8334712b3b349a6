"""Several processes, each with scenarios of its own, make one record and one set of reports."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.errors import Exit
from harness.record import Record, Recorder, Stamped, merge, read_record, write_record
from harness.report.folder import PARTS, RECORD, forget_parts, merge_reports, part, remake_reports
from harness.report.story import tell
from harness.run import events as ev
from harness.tests.report.made import events, finished, result
from harness.verdict.judgement import Verdict


def record(verdict: Verdict, end: ev.Event | None, *, began: float, name: str) -> Record:
    told = [*events(result(verdict, name)), *([end] if end else [])]
    stamped = tuple(Stamped(float(at), event) for at, event in enumerate(told))
    return Record(began, "0.1.0", stamped, cut_off=end is None)


HELD = record(Verdict.HOLDS, finished(Exit.HELD), began=1000.0, name="one")
LATER = record(Verdict.BROKEN, finished(Exit.BROKEN), began=1005.0, name="two")
KILLED = record(Verdict.HOLDS, None, began=1001.0, name="three")


def test_what_each_did_is_there_by_one_clock() -> None:
    whole = merge({"gw0": HELD, "gw1": LATER}, "at most 1%")
    story = tell(whole)
    assert [r.name for r in story.results] == ["one", "two"]
    assert len(story.scenarios) == 2
    assert story.scenarios[1].begin == story.scenarios[0].begin + 5
    assert story.exit_code == Exit.BROKEN
    assert story.finished is not None
    assert story.finished.false_alarm == "at most 1%"
    assert {name.partition(" ")[0] for name, _ in story.finished.phases} == {"gw0", "gw1"}
    assert sum(isinstance(s.event, ev.RunStarted) for s in whole.events) == 1
    first, second = (next(iter(one.of(ev.RequestsMade))) for one in (HELD, LATER))
    assert [made.began for made in whole.of(ev.RequestsMade)] == [first.began, second.began + 5]


def test_one_that_was_killed_is_told_and_its_results_stand() -> None:
    story = tell(merge({"gw0": HELD, "gw1": KILLED}, ""))
    assert [r.name for r in story.results] == ["one", "three"]
    assert story.aborted is not None
    assert story.aborted.word == "interrupted"
    assert "gw1" in story.aborted.message


def test_what_ended_the_whole_is_told_though_each_came_to_its_end() -> None:
    story = tell(merge({"gw0": HELD, "gw1": LATER}, "", ev.RunAborted(Exit.INTERRUPTED, "interrupted")))
    assert story.aborted == ev.RunAborted(Exit.INTERRUPTED, "interrupted")


def test_a_failed_environment_in_one_is_that_of_all() -> None:
    failed = dataclasses.replace(
        HELD, events=(*HELD.events[:-1], Stamped(9.0, ev.RunAborted(Exit.ENVIRONMENT, "environment failed", "gone")))
    )
    story = tell(merge({"gw0": LATER, "gw1": failed}, ""))
    assert story.exit_code == Exit.ENVIRONMENT
    assert story.aborted == ev.RunAborted(Exit.ENVIRONMENT, "environment failed", "gw1: gone")


def test_a_record_is_written_as_a_run_would_have(tmp_path: Path) -> None:
    write_record(LATER, tmp_path / RECORD)
    again = read_record(tmp_path / RECORD)
    assert [type(s.event) for s in again.events] == [type(s.event) for s in LATER.events]
    write_record(again, tmp_path / "again" / RECORD)
    assert read_record(tmp_path / "again" / RECORD) == again, "a record's own precision is not lost"
    assert (again.unix_time, again.cut_off) == (LATER.unix_time, False)


def test_the_folder_has_one_of_everything_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    folder = tmp_path / "out"
    for name, one in (("gw0", HELD), ("gw1", LATER)):
        write_record(one, folder / PARTS / name / RECORD)
    write_record(KILLED, folder / "run" / RECORD)  # of another run, beside it
    merge_reports(folder, "at most 1%")
    reports = {RECORD, "report.html", "summary.md", "junit.xml", "failures"}
    assert {path.name for path in folder.iterdir()} == {*reports, "run"}
    assert read_record(folder / "run" / RECORD).cut_off, "another run's record is left alone"
    assert [r.name for r in tell(read_record(folder / RECORD)).results] == ["one", "two"]
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## Signalbox: an expectation is broken")
    assert "at most 1%" in summary
    assert (tmp_path / "step.md").read_text(encoding="utf-8") == summary


def test_what_killed_processes_left_is_one_report_afterwards_too(tmp_path: Path) -> None:
    for name, one in (("gw0", HELD), ("gw1", LATER)):
        write_record(one, tmp_path / PARTS / name / RECORD)
    story = remake_reports(tmp_path)
    assert [r.name for r in story.results] == ["one", "two"]
    assert story.aborted is not None, "workers end in order when whoever gave them work is killed"
    assert story.exit_code is Exit.INTERRUPTED
    assert (tmp_path / "report.html").exists()
    assert len(list(tmp_path.glob(f"{PARTS}/*/{RECORD}"))) == 2, "it may still be under way"


def test_an_earlier_runs_reports_go_with_the_first_part_of_the_next(tmp_path: Path) -> None:
    for name in (RECORD, "report.html", "summary.md"):
        (tmp_path / name).write_text("old", encoding="utf-8")
    with part(tmp_path, "gw0") as tell_part:
        tell_part(HELD.events[0].event)
        assert [path.name for path in tmp_path.iterdir()] == [PARTS]


def test_without_workers_that_ran_something_nothing_is_written(tmp_path: Path) -> None:
    merge_reports(tmp_path, "")
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_run_left_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    for name in (f"{PARTS}/gw0", f"{PARTS}/gw1", "run"):
        with Recorder(tmp_path / name / RECORD):
            pass
    forget_parts(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", RECORD]
    forget_parts(tmp_path)
