"""The report's folder is complete however the run ends, and never an earlier run's."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from harness.errors import Exit, InputError
from harness.record import Recorder, read_record
from harness.report.folder import DRAFT, FORMS, RECORD, reports, write_reports
from harness.run import events as ev
from harness.run.runner import run_paths
from harness.tests.report.made import events, finished, result
from harness.verdict.judgement import Verdict

HELD = [*events(result(Verdict.HOLDS)), finished(Exit.HELD)]
NAMES = {RECORD, *(name for name, _ in FORMS)}
OF_EVERY_RUN = NAMES - {"tutorial.md"}


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_every_report_is_written(tmp_path: Path) -> None:
    with reports(tmp_path / "new" / "folder") as tell:
        for event in HELD:
            tell(event)
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == OF_EVERY_RUN


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_a_run_that_is_interrupted_leaves_reports_that_say_so(tmp_path: Path, error: BaseException) -> None:
    def run() -> None:
        with reports(tmp_path) as tell:
            for event in HELD[:8]:
                tell(event)
            raise error

    with pytest.raises(type(error)):
        run()
    assert {path.name for path in tmp_path.iterdir()} == OF_EVERY_RUN
    assert "did not come to its end" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<error" in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_bad_input_is_in_the_reports_too(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("kind: Scenario\napiVersion: signalbox/v1alpha1\nspecc: 1\n", encoding="utf-8")
    with pytest.raises(InputError), reports(tmp_path / "out") as tell:
        run_paths([tmp_path / "x.yaml"], None, tell)
    assert "bad input" in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    assert "specc" in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")


def test_reports_of_a_killed_run_can_be_made_afterwards(tmp_path: Path) -> None:
    with Recorder(tmp_path / RECORD) as recorder:
        for event in HELD[:8]:
            recorder(event)
        (tmp_path / RECORD).rename(tmp_path / "kept")  # as it was when the run was killed
        (tmp_path / RECORD).write_bytes((tmp_path / "kept").read_bytes())
    story = write_reports(tmp_path)
    assert story.aborted is not None
    assert "breaks off" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_an_earlier_runs_reports_are_gone_before_the_next_run(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("old", encoding="utf-8")
    with reports(tmp_path) as tell:
        tell(HELD[0])
        assert {path.name for path in tmp_path.iterdir()} == {RECORD}
    assert read_record(tmp_path / RECORD).cut_off


def test_what_was_collected_about_a_failure_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "failures").mkdir()
    (tmp_path / "failures" / "old.txt").write_text("old", encoding="utf-8")
    told = [*events(result(Verdict.BROKEN, "it/../breaks", text="/x"), text="/x"), finished(Exit.BROKEN)]
    with reports(tmp_path) as tell:
        for event in told:
            tell(event)
    (file,) = (tmp_path / "failures").iterdir()
    assert file.name == "made-up_x.it_.._breaks.txt"
    text = file.read_text(encoding="utf-8")
    assert "2 of 100 from webapp (row 1 /x): no responses with status 200 /x" in text
    assert "#3 due at 0.030 s: 500 after 4.0 ms" in text
    assert "#8 due at 0.080 s: no response (timeout) after 9.0 ms" in text
    assert "response_total{/x} +2" in text
    assert "== a log /x" in text


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError) as caught, reports(tmp_path / "file" / "folder"):
        pass
    assert "cannot be written" in str(caught.value)


def test_github_gets_its_summary_with_and_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    for folder in (None, tmp_path / "out"):
        with reports(folder) as tell:
            for event in HELD:
                tell(event)
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.count("## Signalbox: every expectation holds") == 2


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with reports(None) as tell:
        tell(ev.Note("x"))
    assert list(tmp_path.iterdir()) == []


def test_whoever_is_stopped_while_reports_are_written_has_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stopped

    def while_written(story: object, article: object) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return "written"

    monkeypatch.setattr("harness.report.folder.FORMS", (("report.html", while_written), *FORMS[1:]))
    before = signal.signal(signal.SIGTERM, stop)
    done = threading.Event()
    threading.Thread(target=done.wait).start()  # a run has others, and the kernel gives a signal to any that takes it
    try:
        with pytest.raises(Stopped), reports(tmp_path) as tell:
            tell(HELD[0])
    finally:
        done.set()
        signal.signal(signal.SIGTERM, before)
    assert {path.name for path in tmp_path.iterdir()} == OF_EVERY_RUN
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8").endswith("</testsuites>\n")


def test_whoever_is_killed_while_a_report_is_written_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is killed before the last step of a file has left a draft under another name, which the next run removes."""

    class Killed(BaseException):
        pass

    def killed(path: Path, target: Path) -> Path:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(Killed), reports(tmp_path) as tell:
            tell(HELD[0])
    assert {path.name for path in tmp_path.iterdir()} == {RECORD, "report.html" + DRAFT}
    with reports(tmp_path) as tell:
        tell(HELD[0])
    assert {path.name for path in tmp_path.iterdir()} == OF_EVERY_RUN
