"""Scenarios as pytest items: collection, a few lines instead of a stack, words for what is not a broken claim.

The cluster is replaced by a session that hands out prepared reports; that scenarios really run under pytest is
shown with a cluster in tests/tutorial.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ClusterLost, Exit, worst
from harness.run.events import ExpectationResult, ScenarioReport
from harness.run.keep import Keep
from harness.scenario.loading import LoadedScenario, load
from harness.verdict.judgement import Cause, Judgement, Verdict

ROOT = Path(__file__).parents[3]
SCENARIO = "scenarios/tutorial/fault-injection.yaml"
alphas: list[float] = []
"""What the sessions of the last test were opened with."""
sessions: list[Any] = []
"""The sessions that were opened."""
Run = Callable[[LoadedScenario], ScenarioReport]


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    for folder in ("scenarios", "fixtures", "manifests"):
        shutil.copytree(ROOT / folder, pytester.path / folder)
    pytester.makeconftest('pytest_plugins = ["harness.pytest_plugin"]')
    return pytester.path


def judgement(verdict: Verdict) -> Judgement:
    cause = Cause.BUDGET if verdict is Verdict.INCONCLUSIVE else None
    return Judgement(
        verdict=verdict,
        hits=0,
        total=141,
        low=0.0,
        high=0.04,
        level=0.999,
        promised="10% responses with status 500",
        seen="0 of 141",
        cause=cause,
        requests=141,
    )


def report(verdict: Verdict) -> ScenarioReport:
    result = ExpectationResult(
        scenario="fault-injection",
        step="one call in ten fails",
        name="one-call-in-ten-gets-500",
        place=f"{SCENARIO}:43",
        judgement=judgement(verdict),
        seconds=1.0,
        requests=141,
        answered="books x 141",
    )
    return ScenarioReport("fault-injection", SCENARIO, (result,), 1.0)


def with_session(monkeypatch: pytest.MonkeyPatch, run: Run) -> list[str]:
    """Replace the cluster; the list tells what happened to it."""
    happened: list[str] = []
    alphas.clear()

    class Prepared:
        phases = (("cluster", 0.8),)

        options = ""

        def __init__(self, keep: Keep) -> None:
            self.codes: set[Exit] = set()
            self.keep = keep

        @property
        def exit_code(self) -> Exit:
            return worst(self.codes)

        @property
        def is_left(self) -> bool:
            return self.keep.leaves(self.exit_code)

        def run(self, loaded: LoadedScenario) -> ScenarioReport:
            happened.append("run")
            told = run(loaded)
            self.codes.add(told.exit_code)
            return told

        def false_alarm_sentence(self) -> str:
            return "bad luck: one in a million"

    @contextmanager
    def open_session(*arguments: object, alpha: float, keep: Keep) -> Iterator[Prepared]:
        happened.append("open")
        alphas.append(alpha)
        sessions.append(prepared := Prepared(keep))
        yield prepared
        happened.append("close")

    monkeypatch.setattr("harness.pytest_worker.open_session", open_session)
    return happened


def test_a_scenario_that_holds_passes_and_the_cluster_goes(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    outcome = pytester.runpytest_inprocess(SCENARIO)
    outcome.assert_outcomes(passed=1)
    assert happened == ["open", "run", "close"]


def test_a_broken_one_fails_in_a_few_lines(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.BROKEN))
    outcome = pytester.runpytest_inprocess(SCENARIO, "--junitxml=out.xml")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines([f"{SCENARIO}:43*one-call-in-ten-gets-500*", "*promised*saw 0 of 141*"])
    outcome.stdout.no_fnmatch_line("*Traceback*")
    failure = (project / "out.xml").read_text(encoding="utf-8").partition("<failure")[2].partition("</failure>")[0]
    assert failure.count("\n") < 6


def test_inconclusive_and_environment_say_so_first(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.INCONCLUSIVE))
    pytester.runpytest_inprocess(SCENARIO).stdout.fnmatch_lines(["*inconclusive: promised*"])

    def lose(loaded: LoadedScenario) -> ScenarioReport:
        raise ClusterLost("Envoy was killed")

    with_session(monkeypatch, lose)
    outcome = pytester.runpytest_inprocess(SCENARIO)
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["environment failed: Envoy was killed*"])


def test_an_interrupt_takes_the_cluster_away(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(loaded: LoadedScenario) -> ScenarioReport:
        raise KeyboardInterrupt

    happened = with_session(monkeypatch, interrupt)
    outcome = pytester.runpytest_inprocess(SCENARIO, no_reraise_ctrlc=True)
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert happened[-1] == "close"


def test_a_spoiled_file_is_a_collection_error_with_all_findings(pytester: pytest.Pytester, project: Path) -> None:
    path = project / SCENARIO
    path.write_text(path.read_text().replace("5pp", "5%").replace("apps: [booksapp]", "apps: [bookapp]"))
    outcome = pytester.runpytest_inprocess(SCENARIO)
    outcome.assert_outcomes(errors=1)
    outcome.stdout.fnmatch_lines(["*5pp*"])
    outcome.stdout.fnmatch_lines(["*booksapp*"])


def test_other_yaml_is_left_alone(pytester: pytest.Pytester, project: Path) -> None:
    (project / "scenarios" / "values.yaml").write_text("a: 1\n")
    outcome = pytester.runpytest_inprocess("scenarios/values.yaml")
    assert outcome.ret in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR)


def test_a_crash_of_ours_keeps_its_stack(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(loaded: LoadedScenario) -> ScenarioReport:
        raise RuntimeError("a bug")

    with_session(monkeypatch, crash)
    outcome = pytester.runpytest_inprocess(SCENARIO)
    outcome.stdout.fnmatch_lines(["*RuntimeError: a bug*"])


def test_all_scenarios_share_the_budget_of_false_alarms(
    pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    pytester.runpytest_inprocess(SCENARIO, "--signalbox-false-alarm=0.0001%").assert_outcomes(passed=1)
    (alpha,) = alphas
    scenario = load(project / SCENARIO).scenario
    assert scenario.promises() > 5
    assert alpha == pytest.approx(1e-6 / scenario.promises())
    outcome = pytester.runpytest_inprocess(SCENARIO, "--signalbox-false-alarm=0.5")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR


SMALL = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {{name: {name}, labels: {{speed: {speed}, mesh/kind: linkerd}}}}
spec:
  description: Small.
  senders: {{web: {{namespace: web}}}}
  steps:
    - name: only
      then:
        - expect: answers
          send: {{from: web, request: GET http://web/}}
          every: {{status: 200}}
"""
TWO = ("scenarios/one.yaml", "scenarios/two.yaml")


@pytest.fixture
def small(pytester: pytest.Pytester) -> None:
    """Two small scenarios, one fast and one slow."""
    shutil.copytree(ROOT / "fixtures", pytester.path / "fixtures")
    (pytester.path / "scenarios").mkdir()
    for name, speed in (("one", "fast"), ("two", "slow")):
        (pytester.path / f"scenarios/{name}.yaml").write_text(SMALL.format(name=name, speed=speed))
    pytester.makeconftest('pytest_plugins = ["harness.pytest_plugin"]')


@pytest.mark.usefixtures("small")
def test_labels_and_names_choose_scenarios(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    for options, chosen in (
        (["-m", "label(speed='fast')"], 1),
        (["-m", "label(mesh_kind='linkerd', speed='medium')"], 0),
        (["-m", "label(mesh_kind='linkerd')"], 2),
        (["-k", "two"], 1),
        (["-k", "linkerd and not slow"], 1),
    ):
        outcome = pytester.runpytest_inprocess(*TWO, "--strict-markers", *options)
        outcome.assert_outcomes(passed=chosen, deselected=2 - chosen)


@pytest.mark.usefixtures("small")
def test_last_failed_runs_only_the_one_that_failed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def two_is_broken(loaded: LoadedScenario) -> ScenarioReport:
        return report(Verdict.BROKEN if loaded.scenario.name == "two" else Verdict.HOLDS)

    happened = with_session(monkeypatch, two_is_broken)
    pytester.runpytest_inprocess(*TWO).assert_outcomes(passed=1, failed=1)
    happened.clear()
    pytester.runpytest_inprocess(*TWO, "--last-failed").assert_outcomes(failed=1)
    assert happened == ["open", "run", "close"]


@pytest.mark.usefixtures("small")
def test_a_scenario_that_hangs_runs_out_of_its_time_and_the_cluster_goes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(loaded: LoadedScenario) -> ScenarioReport:
        threading.Event().wait(60)
        raise AssertionError("nobody ended it")

    happened = with_session(monkeypatch, hang)
    outcome = pytester.runpytest_inprocess(TWO[0], "--timeout=1", "--timeout-method=signal")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["ended from outside: Timeout (>1.0s) from pytest-timeout."])
    outcome.stdout.no_fnmatch_line("*in hang*")
    assert happened[-1] == "close"


@pytest.mark.usefixtures("small")
def test_what_to_do_next_names_the_cluster(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    for given, named in (("--signalbox-cluster=embedded-edge", " --cluster embedded-edge"), ("-q", "")):
        pytester.runpytest_inprocess(TWO[0], given).assert_outcomes(passed=1)
        assert sessions[-1].options == named


@pytest.mark.usefixtures("small")
def test_two_scenarios_of_one_name_are_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    (pytester.path / TWO[1]).write_text(SMALL.format(name="one", speed="slow"))
    outcome = pytester.runpytest_inprocess(*TWO, TWO[0])
    outcome.stdout.fnmatch_lines([f"{TWO[1]}:3: the name 'one' is taken, by {TWO[0]}:3"])
    pytester.runpytest_inprocess(TWO[0], TWO[0]).assert_outcomes(passed=1)


@pytest.mark.usefixtures("small")
def test_the_summary_bounds_bad_luck(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    pytester.runpytest_inprocess(TWO[0]).stdout.fnmatch_lines(["bad luck: one in a million"])
    pytester.runpytest_inprocess("--collect-only", TWO[0]).stdout.no_fnmatch_line("bad luck*")


@pytest.mark.usefixtures("small")
def test_what_is_left_as_it_is_is_the_last_thing_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = with_session(monkeypatch, lambda loaded: report(Verdict.BROKEN))
    pytester.runpytest_inprocess(*TWO, "--signalbox-keep=on-failure").assert_outcomes(failed=1, skipped=1)
    assert happened == ["open", "run", "close"]
    happened = with_session(monkeypatch, lambda loaded: report(Verdict.BROKEN))
    pytester.runpytest_inprocess(*TWO).assert_outcomes(failed=2)


@pytest.mark.usefixtures("small")
def test_the_cluster_goes_before_the_last_words(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they can tell of one that stays."""
    happened = with_session(monkeypatch, lambda loaded: report(Verdict.HOLDS))
    seen: list[str] = []

    class Last:
        def pytest_terminal_summary(self) -> None:
            seen.extend(happened)

    pytester.inline_run(TWO[0], plugins=[Last()])
    assert seen == ["open", "run", "close"]
