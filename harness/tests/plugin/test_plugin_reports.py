"""Reports of scenarios that run under pytest: the folder of a run, and Allure's results.

The cluster is replaced by a session that tells made-up events.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ClusterLost, Exit, worst
from harness.run import events as ev
from harness.scenario.loading import LoadedScenario
from harness.tests.report.made import events, result
from harness.verdict.judgement import Verdict

ROOT = Path(__file__).parents[3]
SCENARIO = "scenarios/small.yaml"
SMALL = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: small}
spec:
  description: What is told of it is made up.
  steps:
    - name: only
      then:
        - expect: it-is-ready
          resource: {pods: booksapp/app=authors, condition: Ready, within: 1s}
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for folder in ("scenarios", "fixtures"):
        (pytester.path / folder).mkdir()
    shutil.copy(ROOT / "fixtures" / "clusters.yaml", pytester.path / "fixtures")
    (pytester.path / SCENARIO).write_text(SMALL, encoding="utf-8")
    pytester.makeconftest('pytest_plugins = ["harness.pytest_plugin"]')
    return pytester.path


def with_events(monkeypatch: pytest.MonkeyPatch, told: list[ev.Event], fails: BaseException | None = None) -> None:
    """Replace the cluster by one on which exactly this happens."""

    class Prepared:
        phases = (("cluster", 0.8),)

        def __init__(self, emit: ev.Emit) -> None:
            self.emit = emit
            self.codes: set[Exit] = set()

        @property
        def exit_code(self) -> Exit:
            return worst(self.codes)

        def false_alarm_sentence(self) -> str:
            return "at most 1%"

        def run(self, loaded: LoadedScenario) -> ev.ScenarioReport:
            for event in told:
                self.emit(event)
            if fails is not None:
                raise fails
            assert isinstance(told[-1], ev.ScenarioFinished)
            self.codes.add(told[-1].report.exit_code)
            return told[-1].report

    @contextmanager
    def open_session(profile: object, emit: ev.Emit, **more: object) -> Iterator[Prepared]:
        yield Prepared(emit)

    monkeypatch.setattr("harness.pytest_worker.open_session", open_session)


def scenario(*results: ev.ExpectationResult) -> list[ev.Event]:
    return events(*results)[2:]


def test_the_folder_has_all_reports(pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_events(monkeypatch, scenario(result(Verdict.HOLDS), result(Verdict.BROKEN, "breaks")))
    pytester.runpytest_inprocess(SCENARIO, "--signalbox-report=out").assert_outcomes(failed=1)
    assert {path.name for path in (project / "out").iterdir()} == {
        "run.ndjson.gz",
        "report.html",
        "summary.md",
        "junit.xml",
        "failures",
    }
    summary = (project / "out" / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## Signalbox: an expectation is broken")
    assert "at most 1%" in summary


@pytest.mark.parametrize(
    ("fails", "word"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (ClusterLost("Envoy died"), "environment failed"),
        (pytest.fail.Exception("Timeout (>1.0s)"), "ended from outside"),
    ],
)
def test_a_run_that_does_not_come_to_its_end_says_so(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch, fails: BaseException, word: str
) -> None:
    with_events(monkeypatch, scenario(result(Verdict.HOLDS))[:-1], fails)
    pytester.runpytest_inprocess(SCENARIO, "--signalbox-report=out", no_reraise_ctrlc=True)
    summary = (project / "out" / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith(f"## Signalbox: {word}")


@pytest.mark.parametrize("workers", [(), pytest.param(("-n1",), marks=pytest.mark.cluster)], ids=["alone", "xdist"])
def test_a_spoiled_scenario_is_told_and_reports_of_an_earlier_run_go(
    pytester: pytest.Pytester, project: Path, workers: tuple[str, ...]
) -> None:
    (project / SCENARIO).write_text(SMALL.replace("1s}", "1}"), encoding="utf-8")
    (project / "out").mkdir()
    (project / "out" / "summary.md").write_text("all is well", encoding="utf-8")
    pytester.runpytest_inprocess(SCENARIO, "--signalbox-report=out", "--collect-only")
    assert (project / "out" / "summary.md").read_text(encoding="utf-8") == "all is well"
    pytester.runpytest_inprocess(SCENARIO, "--signalbox-report=out", *workers)
    summary = (project / "out" / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## Signalbox: bad input")
    assert f"{SCENARIO}:10: " in summary


def test_a_spoiled_scenario_is_told_where_no_report_can_be(pytester: pytest.Pytester, project: Path) -> None:
    (project / SCENARIO).write_text(SMALL.replace("1s}", "1}"), encoding="utf-8")
    (project / "out").write_text("a file")
    outcome = pytester.runpytest_inprocess(SCENARIO, "--signalbox-report=out")
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    outcome.stdout.fnmatch_lines(["out/run.ndjson.gz: the report cannot be written: *"])


def test_without_a_folder_nothing_is_written(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(project.rglob("*"))
    with_events(monkeypatch, scenario(result(Verdict.HOLDS)))
    pytester.runpytest_inprocess(SCENARIO, "-p", "no:cacheprovider").assert_outcomes(passed=1)
    assert not [path for path in set(project.rglob("*")) - before if "__pycache__" not in str(path)]


def allure_results(pytester: pytest.Pytester, project: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """What Allure has of the one test, and its attachments by name."""
    pytester.runpytest_inprocess(SCENARIO, "--alluredir=allure", no_reraise_ctrlc=True)
    (file,) = (project / "allure").glob("*-result.json")
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    texts = {}

    def walk(part: dict[str, Any]) -> None:
        for attachment in part.get("attachments", []):
            texts[attachment["name"]] = (project / "allure" / attachment["source"]).read_text(encoding="utf-8")
        for step in part.get("steps", []):
            walk(step)

    walk(told)
    return told, texts


def test_allure_gets_steps_parameters_links_and_attachments(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_events(monkeypatch, scenario(result(Verdict.HOLDS), result(Verdict.BROKEN, "breaks")))
    told, texts = allure_results(pytester, project)
    assert told["status"] == "failed"
    assert {p["name"]: p["value"] for p in told["parameters"]} == {"profile": "'embedded'"}
    assert [link["url"] for link in told["links"]] == ["https://example.org/a"]
    labels = {label["name"]: label["value"] for label in told["labels"]}
    assert labels["severity"] == "normal"
    assert labels["mesh"] == "linkerd"
    assert told["description"].startswith("One.")
    (step,) = told["steps"]
    assert (step["name"], step["status"]) == ("only", "failed")
    inner = {part["name"]: part["status"] for part in step["steps"]}
    assert inner["apply "] == "passed"
    assert inner["a-tenth-fails: 10 of 100 "] == "passed"
    assert inner["breaks: 10 of 100 "] == "failed"
    assert "== a log" in texts["breaks: what was found out"]
    assert "books" in texts["stat "]
    assert "promised and seen" in texts["run"]


@pytest.mark.parametrize(
    ("verdict", "whole", "step"),
    [
        (Verdict.HOLDS, "passed", "passed"),
        (Verdict.INCONCLUSIVE, "broken", "broken"),
        (Verdict.BROKEN, "failed", "failed"),
    ],
)
def test_allure_tells_broken_from_inconclusive(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, whole: str, step: str
) -> None:
    with_events(monkeypatch, scenario(result(verdict)))
    told, _ = allure_results(pytester, project)
    assert told["status"] == whole
    assert [part["status"] for part in told["steps"]] == [step]


def test_allure_has_what_was_done_when_the_environment_fails(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_events(monkeypatch, scenario(result(Verdict.HOLDS))[:-1], ClusterLost("Envoy died"))
    told, texts = allure_results(pytester, project)
    assert told["status"] == "broken"
    assert [step["name"] for step in told["steps"]] == ["only"]
    assert "a-tenth-fails" in texts["run"]


def test_records_of_other_runs_in_the_folder_are_left_alone(pytester: pytest.Pytester, project: Path) -> None:
    other = project / "build" / "run" / "run.ndjson.gz"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"another run's")
    pytester.runpytest_inprocess(SCENARIO, "-n1", "--signalbox-report=build", "--collect-only")
    assert other.read_bytes() == b"another run's"
