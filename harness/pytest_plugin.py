"""Scenarios as pytest items: one item per file, on one cluster per worker; and `mesh` for plain tests.

`pytest scenarios/` collects `*.yaml` whose `kind` is Scenario. A broken expectation fails its item with a few lines;
an inconclusive one and a failed environment fail it too, with that word in front.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import allure
import pytest
from rich.console import Console

from harness.errors import EnvironmentFailed, Exit, InputError, SignalboxError
from harness.plain.claims import Broken, DoesNotHold
from harness.plain.mesh import Mesh, played
from harness.plain.script import Script, slug, unused
from harness.pytest_worker import Worker
from harness.report.allure import AllureSteps
from harness.report.folder import forget_parts, merge_reports, to_all
from harness.report.terminal import Terminal
from harness.report.text import failure_lines
from harness.run.events import Emit, ScenarioReport
from harness.run.keep import Keep
from harness.scenario.lint import Checked, NothingToRun, load_checked
from harness.scenario.loading import looks_like_scenario, name_taken
from harness.scenario.project import Project
from harness.scenario.units import parse_error_rate

WORKER = pytest.StashKey[Worker]()
OF_WORKER = "signalbox"
_NO_WORD = re.compile(r"\W")
"""Characters that a keyword of a marker cannot have."""


class ScenarioFailed(Exception):
    """A scenario did not hold; carries its report."""

    def __init__(self, report: ScenarioReport) -> None:
        self.report = report
        super().__init__(report.name)


class ScenarioBroken(ScenarioFailed, AssertionError):
    """An expectation is broken, which reports tell apart from a failure that says nothing about the mesh."""


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
    group.addoption(
        "--signalbox-report",
        metavar="DIR",
        help="write a record of the run and reports made from it here, one for all xdist workers",
    )
    group.addoption(
        "--signalbox-keep",
        choices=[keep.value for keep in Keep],
        default=Keep.NEVER.value,
        help="leave the cluster up afterwards, as the first test that does not hold left it (default: never)",
    )


def _part(config: pytest.Config) -> str:
    """The name of this xdist worker; "" if it is none."""
    # Not the environment: a pytest that a worker's test starts is no worker.
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


def _has_workers(config: pytest.Config) -> bool:
    """Whether this process has xdist workers that run the tests."""
    return not _part(config) and config.getoption("dist", "no") != "no"


def pytest_configure(config: pytest.Config) -> None:
    """Prepare this process's cluster slot; nothing starts before the first scenario runs."""
    try:
        false_alarm = parse_error_rate(config.getoption("--signalbox-false-alarm"))
    except ValueError as wrong:
        raise pytest.UsageError(f"--signalbox-false-alarm: {wrong}") from None
    config.addinivalue_line("markers", "label(name=value): what a scenario says of itself under metadata.labels")
    keep = Keep(config.getoption("--signalbox-keep"))
    given = config.getoption("--signalbox-report")
    folder = Path(given) if given else None
    worker = Worker(config.getoption("--signalbox-cluster"), false_alarm, folder, keep, part=_part(config))
    config.stash[WORKER] = worker
    config.stash[TAKEN] = {}
    config.pluginmanager.register(_Interruptions(worker), "signalbox-interruptions")
    config.add_cleanup(worker.close)
    if _has_workers(config):
        worker.end_on_sigterm()
        if folder is not None:
            forget_parts(folder)


class _Interruptions:
    """Hears who ended the run; this hook is given no config."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Before fixtures are torn down, so that they know; pytest itself stops for --stepwise in the same way."""
        if not isinstance(excinfo.value, pytest.Session.Interrupted):
            self._worker.abort(KeyboardInterrupt())


def pytest_collection_finish(session: pytest.Session) -> None:
    """All scenarios of the run share its budget of false alarms; every xdist worker has collected them all.

    If there are plain tests as well, each sort has a half. How many claims those make nobody knows beforehand, nor on
    which worker, so each worker has an equal part of it.
    """
    worker = session.config.stash[WORKER]
    items = [item for item in session.items if isinstance(item, ScenarioItem)]
    worker.promises = sum(loaded.scenario.promises() for item in items for loaded in item.checked.scenarios)
    if any("mesh" in getattr(item, "fixturenames", ()) for item in session.items):
        half = worker.false_alarm / 2 if items else worker.false_alarm
        worker.plain_budget = half / getattr(session.config, "workerinput", {}).get("workercount", 1)
        worker.false_alarm = half
    taken = {item.name for item in items}
    for item in session.items:
        if not isinstance(item, ScenarioItem):
            told = f"{item.path.stem} {item.nodeid.partition('::')[2]}"
            item.stash[CALLED] = called = unused(slug(told), taken)
            taken.add(called)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Scenario files; every other YAML is left alone."""
    if file_path.suffix == ".yaml" and looks_like_scenario(file_path):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How likely bad luck alone makes this run red, and what else is to be said at its end."""
    if sentence := config.stash[WORKER].bad_luck():
        terminalreporter.write_line(sentence)
    for line in config.stash[WORKER].last_words:
        terminalreporter.write_line(line)


class _Shown:
    """What one test prints and tells Allure, while it is entered."""

    def __init__(self, profile_name: str) -> None:
        self._text = io.StringIO()
        self._stack = contextlib.ExitStack()
        self._profile_name = profile_name

    def __enter__(self) -> Emit:
        console = Console(file=self._text, width=110, highlight=False)
        terminal = self._stack.enter_context(Terminal(console))
        return to_all(terminal, self._stack.enter_context(AllureSteps(self._profile_name)))

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_to(self, item: pytest.Item, when: str = "call") -> None:
        """Show it beside the outcome of this part of the item."""
        item.add_report_section(when, "signalbox", self._text.getvalue())
        allure.attach(self._text.getvalue(), "run", allure.attachment_type.TEXT)


SHOWN = pytest.StashKey[_Shown]()
TAKEN = pytest.StashKey[dict[str, tuple[Path, str]]]()
"""Names of scenarios, with the file that has each, and where in it."""
CALLED = pytest.StashKey[str]()
"""What a plain test is called in reports: no other test of the run, and no scenario, is called so."""
WRONG = pytest.StashKey[str]()
"""What made a plain test fail, if it was no claim about the mesh."""


@pytest.fixture
def mesh(request: pytest.FixtureRequest) -> Iterator[Mesh]:
    """The cluster of this run for one plain test, with the apps of fixtures/; see docs/python.md.

    What the test changes is undone when it ends, and its claims are in the reports like those of scenarios.
    """
    item: pytest.Item = request.node
    worker, path = item.config.stash[WORKER], _as_typed(item.path)
    project = Project.around(path)
    profile_name, profile = project.profile(worker.profile_name)
    shown = item.stash[SHOWN] = _Shown(profile_name)
    about = (inspect.getdoc(item.obj) or item.name) if isinstance(item, pytest.Function) else item.name
    sentence, line = about.partition("\n")[0], (item.location[1] or 0) + 1
    script = Script.begin(item.stash[CALLED], sentence, str(path), project, profile.rules, test_line=line)

    def ended() -> tuple[Exit, str]:
        cut_short = "the test was interrupted" if worker.is_interrupted else ""
        return session.shown, item.stash.get(WRONG, cut_short)

    with shown as listen, worker.telling(profile_name, profile, listen) as session:
        with session.staged(script.loaded(), project) as run:
            hint = _again(item, worker.profile_name)
            with played(run, script, session, worker.next_alpha, hint=hint, ended=ended) as told:
                yield told
        code = run.end().exit_code
        worker.ended(Exit.INTERRUPTED if worker.is_interrupted else code)
    if run.not_undone:
        raise EnvironmentFailed("\n".join(run.not_undone))


def _again(item: pytest.Item, profile_name: str | None) -> str:
    """The command line that runs a plain test alone, on the same cluster, and leaves what it did there."""
    node = f"{_as_typed(item.path)}::{item.nodeid.partition('::')[2]}"
    cluster = [] if profile_name is None else ["--signalbox-cluster", profile_name]
    words = ["pytest", node, *cluster, "--signalbox-keep", Keep.ON_FAILURE.value]
    return f"{shlex.join(words)}   (leaves the cluster up)"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """What a plain test told the reports, beside its outcome, however it ended, also in a fixture that uses `mesh`."""
    shown, worker = item.stash.get(SHOWN, None), item.config.stash[WORKER]
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, pytest.skip.Exception):
        error = None
    if shown is None or not (call.when == "call" or (call.when == "setup" and error)):
        return
    shown.add_to(item, call.when)
    if isinstance(error, DoesNotHold):
        worker.ended(Exit.BROKEN if isinstance(error, Broken) else Exit.INCONCLUSIVE)
        return
    if error:
        what = "the test" if call.when == "call" else "its setup"
        item.stash[WRONG] = f"{what} failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if isinstance(error, SignalboxError):
        worker.abort(error)
    elif error:
        worker.ended(Exit.BROKEN)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The cluster goes before pytest says its last words, so that they can tell of one that stays."""
    worker = session.config.stash[WORKER]
    worker.close()
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output[OF_WORKER] = {"last_words": worker.last_words, "alphas": worker.own_alphas}
    elif worker.folder is not None and _has_workers(session.config):
        merge_reports(worker.folder, worker.bad_luck(), worker.aborted)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """An xdist worker is done: what it has to say is said by whoever has the terminal."""
    worker, told = node.config.stash[WORKER], getattr(node, "workeroutput", {}).get(OF_WORKER, {})
    worker.last_words += told.get("last_words", [])
    worker.alphas += told.get("alphas", [])


class ScenarioFile(pytest.File):
    """One scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """The one item of the file, or all its findings as one collection error."""
        try:
            checked = load_checked([_as_typed(self.path)], self.config.stash[WORKER].profile_name)
            self._check_name(checked)
        except NothingToRun as nothing:
            pytest.skip(nothing.skipped[0].reason, allow_module_level=True)
        except InputError as error:
            if not self.config.option.collectonly:
                self.config.stash[WORKER].refuse(error)
            raise self.CollectError(str(error)) from None
        item = ScenarioItem.from_parent(self, name=checked.scenarios[0].scenario.name, checked=checked)
        labels = checked.scenarios[0].scenario.metadata.labels
        item.add_marker(pytest.mark.label(**{_NO_WORD.sub("_", name): value for name, value in labels.items()}))
        item.extra_keyword_matches.update(labels.values())
        yield item

    def _check_name(self, checked: Checked) -> None:
        """Raise InputError if a scenario of another file is called the same: reports know scenarios by name."""
        (loaded,) = checked.scenarios
        name, line = loaded.scenario.name, loaded.line("metadata", "name")
        path, place = self.config.stash[TAKEN].setdefault(name, (self.path, f"{loaded.path}:{line}"))
        if path != self.path:
            raise InputError([name_taken(name, loaded.path, line, by=place)])


class ScenarioItem(pytest.Item):
    """One scenario, run like a test."""

    def __init__(self, *, checked: Checked, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.checked = checked

    def runtest(self) -> None:
        """Run the scenario on this worker's cluster; raise ScenarioFailed unless it holds."""
        shown = _Shown(self.checked.profile_name)
        try:
            with shown as listen:
                report = self.config.stash[WORKER].run(self.checked, listen)
        finally:
            shown.add_to(self)
        if report.exit_code != Exit.HELD:
            raise (ScenarioBroken if report.exit_code == Exit.BROKEN else ScenarioFailed)(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A few lines instead of our stack; a bug of ours keeps its own."""
        error = excinfo.value
        if isinstance(error, ScenarioFailed):
            return "\n".join(failure_lines(error.report))
        if isinstance(error, InputError):
            return f"bad input\n{error}"
        if isinstance(error, SignalboxError):
            return f"environment failed: {error}"
        if isinstance(error, pytest.fail.Exception):
            return f"ended from outside: {error}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the scenario is, for the report's headline."""
        return self.path, 0, f"scenario {self.name}"


def _as_typed(path: Path) -> Path:
    """Relative to where pytest was started if it lies below, as a person would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
