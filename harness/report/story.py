"""A recorded run as a person would tell it: scenarios, their steps, what each did and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import Exit
from harness.mesh.authz import AuthzTable
from harness.mesh.stat import StatTable
from harness.record import Record, Stamped
from harness.run import events as ev
from harness.verdict.judgement import Verdict

ALWAYS = "always"
"""What events call the step of claims that are watched through all steps."""
KILLED = ev.RunAborted(Exit.INTERRUPTED, "interrupted", "the run was killed: its record breaks off")


@dataclass(slots=True)
class StepTold:
    """One turn of a scenario; times are seconds since the recording began.

    settled_at  when its change was in force; None if it changed nothing
    notes       lines told while it ran
    """

    name: str
    note: str
    begin: float
    end: float
    actions: list[ev.ActionDone] = field(default_factory=list)
    settled: ev.StepSettled | None = None
    settled_at: float | None = None
    results: list[ev.ExpectationResult] = field(default_factory=list)
    tables: list[StatTable | AuthzTable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ScenarioTold:
    """One scenario as far as it came.

    judged_at  when each expectation had its verdict
    report     None if the run ended before it did
    """

    started: ev.ScenarioStarted
    begin: float
    end: float
    senders: tuple[ev.Asker, ...] = ()
    steps: list[StepTold] = field(default_factory=list)
    requests: list[ev.RequestsMade] = field(default_factory=list)
    judged_at: dict[str, float] = field(default_factory=dict)
    explained: dict[str, ev.FailureExplained] = field(default_factory=dict)
    report: ev.ScenarioReport | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.started.name

    @property
    def results(self) -> list[ev.ExpectationResult]:
        """Everything judged, in the order of the story."""
        return [result for step in self.steps for result in step.results]

    @property
    def unreached(self) -> list[ev.Promised]:
        """What was promised and not judged, because the story ended before."""
        judged = {result.name for result in self.results}
        return [promise for promise in self.started.promises if promise.name not in judged]

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong outside the expectations."""
        return self.report.failures if self.report else ()

    @property
    def seconds(self) -> float:
        """How long it took, or has taken when it ended early."""
        return self.report.seconds if self.report else self.end - self.begin

    def requests_of(self, expectation: str) -> list[ev.RequestsMade]:
        """What an expectation sent."""
        return [made for made in self.requests if made.expectation == expectation]


@dataclass(slots=True)
class Story:
    """A run.

    started   None if it ended before it knew what to run
    finished  None if it was aborted
    aborted   None if it came to its end
    seconds   from the first event to the last
    """

    unix_time: float
    program: str
    started: ev.RunStarted | None = None
    finished: ev.RunFinished | None = None
    aborted: ev.RunAborted | None = None
    seconds: float = 0.0
    scenarios: list[ScenarioTold] = field(default_factory=list)
    preparations: list[tuple[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def results(self) -> list[ev.ExpectationResult]:
        """Everything judged."""
        return [result for scenario in self.scenarios for result in scenario.results]

    @property
    def exit_code(self) -> Exit:
        """What the command ended in."""
        if self.aborted:
            return self.aborted.exit_code
        return self.finished.exit_code if self.finished else Exit.INTERRUPTED

    def count(self, verdict: Verdict) -> int:
        """How many expectations have this verdict."""
        return sum(result.verdict is verdict for result in self.results)


def tell(record: Record) -> Story:
    """The story of a recorded run; one that was killed is told as interrupted."""
    story = Story(record.unix_time, record.program)
    for stamped in record.events:
        story.seconds = stamped.at
        _tell_run(story, stamped)
        if story.scenarios:
            _tell_scenario(story.scenarios[-1], stamped)
    if record.cut_off and story.aborted is None and story.finished is None:
        story.aborted = KILLED
    return story


def _tell_run(story: Story, stamped: Stamped) -> None:
    match stamped.event:
        case ev.RunStarted() as started:
            story.started = started
        case ev.RunFinished() as finished:
            story.finished = finished
        case ev.RunAborted() as aborted:
            story.aborted = aborted
        case ev.ClusterReady(name, seconds):
            story.preparations.append((f"cluster {name}", seconds))
        case ev.AppReady(name, seconds):
            story.preparations.append((name, seconds))
        case ev.ScenarioStarted() as begun:
            story.scenarios.append(ScenarioTold(begun, stamped.at, stamped.at))
        case ev.Note(text) if not story.scenarios:
            story.notes.append(text)
        case ev.ClusterKept(_, lines):
            story.notes += lines


def _tell_scenario(scenario: ScenarioTold, stamped: Stamped) -> None:
    if scenario.report is not None:
        return
    scenario.end = stamped.at
    if scenario.steps:
        scenario.steps[-1].end = stamped.at
    match stamped.event:
        case ev.SendersReady(_, senders):
            scenario.senders = senders
        case ev.StepStarted(name, note):
            scenario.steps.append(StepTold(name, note, stamped.at, stamped.at))
        case ev.RequestsMade() as made:
            scenario.requests.append(made)
        case ev.ExpectationJudged(result):
            scenario.judged_at[result.name] = stamped.at
            _step_of(scenario, result.step, stamped.at).results.append(result)
        case ev.FailureExplained() as explained:
            scenario.explained[explained.expectation] = explained
        case ev.ScenarioFinished(report):
            scenario.report = report
        case ev.ActionDone() | ev.StepSettled() | ev.TableShown() | ev.Note() as event if scenario.steps:
            _tell_step(scenario.steps[-1], event, stamped.at)


def _tell_step(step: StepTold, event: ev.ActionDone | ev.StepSettled | ev.TableShown | ev.Note, at: float) -> None:
    match event:
        case ev.ActionDone():
            step.actions.append(event)
        case ev.StepSettled():
            step.settled, step.settled_at = event, at
        case ev.TableShown(_, table):
            step.tables.append(table)
        case ev.Note(text):
            step.notes.append(text)


def _step_of(scenario: ScenarioTold, name: str, at: float) -> StepTold:
    """The step of this name; claims of `always` get one of their own behind the others."""
    for step in scenario.steps:
        if step.name == name:
            return step
    scenario.steps.append(StepTold(name, "watched through all steps" if name == ALWAYS else "", at, at))
    return scenario.steps[-1]
