"""Scenarios as pytest items: one item per file, on one cluster per worker.

`pytest scenarios/` collects `*.yaml` whose `kind` is Scenario. A broken expectation fails its item with a few lines;
an inconclusive one and a failed environment fail it too, with that word in front.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import allure
import pytest
from rich.console import Console

from harness.errors import Exit, InputError, SignalboxError
from harness.report.terminal import Terminal
from harness.report.text import failure_lines
from harness.run.events import Emit, Event, ExpectationResult, ScenarioReport
from harness.run.session import Session, open_session
from harness.scenario.lint import Checked, NothingToRun, load_checked
from harness.scenario.loading import looks_like_scenario
from harness.scenario.units import parse_error_rate
from harness.verdict.budget import alpha_of_each
from harness.verdict.judgement import Verdict


class _Worker:
    """The cluster of this pytest process: started by the first scenario, ended with the session."""

    def __init__(self, profile_name: str | None, false_alarm: float) -> None:
        self.profile_name = profile_name
        self.false_alarm = false_alarm
        self.promises = 0
        self._stack = contextlib.ExitStack()
        self._session: Session | None = None
        self._listeners: list[Emit] = []

    def run(self, checked: Checked, listen: Emit) -> ScenarioReport:
        """Run one scenario; its events go to `listen`."""
        self._listeners[:] = [listen]
        if self._session is None:
            alpha = alpha_of_each(self.promises, self.false_alarm)
            self._session = self._stack.enter_context(open_session(checked.profile, self._emit, alpha=alpha))
        (loaded,) = checked.scenarios  # a scenario for another mesh was skipped when it was collected
        return self._session.run(loaded)

    def close(self) -> None:
        """Take the cluster away."""
        self._stack.close()

    def _emit(self, event: Event) -> None:
        for listen in self._listeners:
            listen(event)


WORKER = pytest.StashKey[_Worker]()


class ScenarioFailed(Exception):
    """A scenario did not hold; carries its report."""

    def __init__(self, report: ScenarioReport) -> None:
        self.report = report
        super().__init__(report.name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that collide with no other plugin's (pytest-kind claims `--cluster-name` and `--kubeconfig`)."""
    group = parser.getgroup("signalbox", "scenarios that prove what a service mesh does")
    group.addoption(
        "--signalbox-cluster",
        default=os.environ.get("SIGNALBOX_CLUSTER"),
        metavar="PROFILE",
        help="profile from fixtures/clusters.yaml (default: the one that file names)",
    )
    group.addoption(
        "--signalbox-false-alarm",
        default="0.01%",
        metavar="PERCENT",
        help="chance that the run is red by bad luck alone, shared by the claims of all scenarios (default: 0.01%%)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare this process's cluster slot; nothing starts before the first scenario runs."""
    try:
        false_alarm = parse_error_rate(config.getoption("--signalbox-false-alarm"))
    except ValueError as wrong:
        raise pytest.UsageError(f"--signalbox-false-alarm: {wrong}") from None
    worker = _Worker(config.getoption("--signalbox-cluster"), false_alarm)
    config.stash[WORKER] = worker
    config.add_cleanup(worker.close)


def pytest_collection_finish(session: pytest.Session) -> None:
    """All scenarios of the run share its budget of false alarms; every xdist worker has collected them all."""
    items = [item for item in session.items if isinstance(item, ScenarioItem)]
    session.config.stash[WORKER].promises = sum(
        loaded.scenario.promises() for item in items for loaded in item.checked.scenarios
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Scenario files; every other YAML is left alone."""
    if file_path.suffix == ".yaml" and looks_like_scenario(file_path):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


class ScenarioFile(pytest.File):
    """One scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """The one item of the file, or all its findings as one collection error."""
        try:
            checked = load_checked([_as_typed(self.path)], self.config.stash[WORKER].profile_name)
        except NothingToRun as nothing:
            pytest.skip(nothing.skipped[0].reason, allow_module_level=True)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        yield ScenarioItem.from_parent(self, name=checked.scenarios[0].scenario.name, checked=checked)


class ScenarioItem(pytest.Item):
    """One scenario, run like a test."""

    def __init__(self, *, checked: Checked, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.checked = checked

    def runtest(self) -> None:
        """Run the scenario on this worker's cluster; raise ScenarioFailed unless it holds."""
        shown = io.StringIO()
        with Terminal(Console(file=shown, width=110, highlight=False)) as terminal:
            report = self.config.stash[WORKER].run(self.checked, terminal)
        self.add_report_section("call", "signalbox", shown.getvalue())
        _to_allure(report, shown.getvalue())
        if report.exit_code != Exit.HELD:
            raise ScenarioFailed(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A few lines instead of our stack; a bug of ours keeps its own."""
        error = excinfo.value
        if isinstance(error, ScenarioFailed):
            return "\n".join(failure_lines(error.report))
        if isinstance(error, InputError):
            return f"bad input\n{error}"
        if isinstance(error, SignalboxError):
            return f"environment failed: {error}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the scenario is, for the report's headline."""
        return self.path, 0, f"scenario {self.name}"


def _as_typed(path: Path) -> Path:
    """Relative to where pytest was started if it lies below, as a person would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _to_allure(report: ScenarioReport, shown: str) -> None:
    """The expectations as Allure steps, and what the terminal would show as an attachment."""
    for result in report.results:
        with contextlib.suppress(AssertionError), allure.step(f"{result.name}: {result.judgement.seen}"):
            _raise_unless_it_holds(result)
    allure.attach(shown, "run", allure.attachment_type.TEXT)


def _raise_unless_it_holds(result: ExpectationResult) -> None:
    """Allure takes a step's status from the exception that leaves it."""
    if result.verdict is not Verdict.HOLDS:
        raise AssertionError(f"{result.verdict.value}: promised {result.judgement.promised}")
