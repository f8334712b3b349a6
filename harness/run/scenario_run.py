"""One scenario on one cluster: its steps in order, each settled by proof, then everything undone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.cluster.provider import Cluster
from harness.errors import Exit, exit_code_of
from harness.kube.apply import Applier
from harness.kube.client import Kube, KubeError
from harness.kube.objects import ObjectRef
from harness.kube.waits import WaitFailed
from harness.mesh.changes import Change, Witness
from harness.mesh.settle import NotSettled, settle
from harness.run import events as ev
from harness.run.actions import Actor, refused_by_cluster
from harness.run.always import StepChange, Watching, plan_for_watch
from harness.run.diagnosis import diagnose
from harness.run.judging import Judging
from harness.run.senders import Sender, start_senders
from harness.run.settling import unsettled, witnesses
from harness.run.stretch import WHOLE, Stretch
from harness.run.windows import AuthzWindow, Window
from harness.scenario.actions import Action
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Expectation, Metrics, Watch
from harness.scenario.loading import LoadedScenario
from harness.scenario.model import IngressSender, PodSender, Step
from harness.scenario.project import Project
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Verdict


@dataclass(slots=True)
class ScenarioRun:
    """Runs one scenario.

    check    raises ClusterLost if a part of the cluster has died
    stretch  what of it is judged
    alpha    chance of a false «broken» of each claim whose author wrote none
    leaves   whether a scenario that ended so leaves what it changed as it is
    options  see Judging

    restored    afterwards, the Deployments that were changed and are brought back to what they were
    not_undone  afterwards, sentences about what could not be brought back
    is_left     afterwards, whether everything is left as it is
    """

    loaded: LoadedScenario
    project: Project
    kube: Kube
    cluster: Cluster
    run_id: str
    pace: Pace
    emit: ev.Emit
    check: Callable[[], None]
    pause: Callable[[str], None] | None = None
    stretch: Stretch = WHOLE
    results: list[ev.ExpectationResult] = field(default_factory=list)
    settled: list[tuple[str, float]] = field(default_factory=list)
    restored: list[ObjectRef] = field(default_factory=list)
    not_undone: list[str] = field(default_factory=list)
    is_left: bool = False
    alphas: list[float] = field(default_factory=list)
    alpha: float = ErrorBounds().alpha
    leaves: Callable[[Exit], bool] = lambda code: False
    options: str = ""
    step_changes: list[StepChange] = field(default_factory=list)
    senders: dict[str, Sender] = field(default_factory=dict)
    judging: Judging = field(init=False)
    _actor: Actor = field(init=False)
    _began: float = field(init=False)
    _failures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        applier = Applier(self.kube, self.run_id, guarded=self.cluster.shared)
        self._actor = Actor(self.kube, applier, self.project)
        self.judging = Judging(
            self.loaded,
            self.kube,
            self.senders,
            self.pace,
            self.cluster.dialect,
            self.emit,
            self.check,
            alpha=self.alpha,
            alphas=self.alphas,
            values={"run.id": self.run_id},
            options=self.options,
        )

    def run(self) -> ev.ScenarioReport:
        """The report of the whole scenario; what it changed is undone, also when it failed.

        raises  InputError, EnvironmentFailed, KeyboardInterrupt
        """
        self.begin()
        try:
            self.start_senders(self.loaded.scenario.spec.senders)
            self._watched_story()
        except BaseException as error:
            self.undo_unless_left(exit_code_of(error))
            raise
        self.undo_unless_left(self.report().exit_code)
        return self.end()

    # -- from begin to end, for whoever tells the story while it runs --------------------------------------------------

    def begin(self) -> None:
        """Tell the reports that it begins."""
        self._began = time.monotonic()
        self.emit(_started(self.loaded))

    def start_senders(self, specs: Mapping[str, PodSender | IngressSender]) -> None:
        """Have these senders ready, besides those that are.

        raises  EnvironmentFailed
        """
        applier, ledger = self._actor.applier, self._actor.ledger
        self.senders |= start_senders(self.kube, self.cluster, applier, ledger, specs, self.run_id)
        askers = (_asker(self.senders[name], spec) for name, spec in specs.items())
        self.emit(ev.SendersReady(self.loaded.scenario.name, tuple(askers)))

    def undo_unless_left(self, code: Exit) -> None:
        """Bring back what was changed, last first, unless a scenario that ended so leaves everything as it is."""
        self.is_left = self.leaves(code)
        if self.is_left:
            return
        self.not_undone += self._actor.applier.undo(self._actor.ledger)
        changed = self._actor.ledger.entries()
        self.restored = [ref for ref, before in changed if before and ref.kind == "Deployment"]

    def fail(self, sentence: str) -> None:
        """Note what went wrong that is no expectation."""
        self._failures += (sentence,)

    def end(self) -> ev.ScenarioReport:
        """The report, told when everything is undone."""
        self.emit(ev.ScenarioFinished(report := self.report()))
        return report

    def report(self) -> ev.ScenarioReport:
        """All that is known so far."""
        return ev.ScenarioReport(
            name=self.loaded.scenario.name,
            path=str(self.loaded.path),
            results=tuple(self._in_file_order()),
            seconds=time.monotonic() - self._began,
            settled=tuple(self.settled),
            failures=(*self._failures, *self.not_undone),
        )

    def watching(self, watch: Watch) -> Watching:
        """A claim of `always`, about to begin."""
        plan = plan_for_watch(watch, self.pace, self.judging.values)
        return Watching(self.kube, watch, self.senders[watch.send.from_], plan)

    # -- the story -----------------------------------------------------------------------------------------------------

    def _watched_story(self) -> None:
        always = [watch for watch in self.loaded.scenario.spec.always if self.stretch.asks(watch.expect)]
        watched = [self.watching(watch) for watch in always]
        try:
            for watching in watched:
                watching.begin()
            self._story()
            for watching in watched:
                self.add(result := self.judging.judge_always(watching, self.step_changes))
                if result.verdict is Verdict.BROKEN:
                    self.emit(self.judging.explain(result))
        finally:
            for watching in watched:
                watching.abandon()

    def _story(self) -> None:
        for index, step in enumerate(self.loaded.scenario.spec.steps):
            self.emit(ev.StepStarted(step.name, step.note or ""))
            try:
                broken = self._step(index, step)
            except WaitFailed:
                self._tell_diagnosis()
                raise
            if broken:
                self._tell_broken(index, broken)
            if broken or self.stretch.ends_after(index):
                return

    def _step(self, index: int, step: Step) -> list[ev.ExpectationResult]:
        """The expectations of a step that are broken."""
        asked = [
            wanted.authorizations.workload for wanted in self.loaded.scenario.spec.diagnose if wanted.authorizations
        ]
        windows = [AuthzWindow(self.kube, workload.namespace, workload.name) for workload in asked]
        broken = self._carried_out(index, step)
        for table in filter(None, (window.table() for window in windows)):
            self.emit(ev.TableShown(step.name, table))
        return broken

    def _carried_out(self, index: int, step: Step) -> list[ev.ExpectationResult]:
        began = time.monotonic()
        changed = self.act(("spec", "steps", index, "given"), step.given)
        changed += self.act(("spec", "steps", index, "when"), step.when)
        failed = None
        if step.settle is not None:
            asked = tuple(witnesses(self.loaded.scenario, step, self.senders))
            place = f"{self.loaded.path}:{self.loaded.line('spec', 'steps', index, 'settle')}"
            failed = self.settle(step.name, changed, asked, within=step.settle.within.total_seconds(), place=place)
        if step.actions():
            self.step_changes.append(StepChange(step.name, began, time.monotonic()))
        return [failed] if failed else self._judge_all(step, self.stretch.of_step(index, step.then))

    def _judge_all(self, step: Step, then: Sequence[Expectation]) -> list[ev.ExpectationResult]:
        sources = {e.expect: self.loaded.scenario.source_of(e) for e in then}
        counted = [e for e in then if isinstance(sources[e.expect], Metrics)]
        for name, source in sources.items():
            if isinstance(source, Metrics):
                self.judging.windows[name] = Window(self.kube, source)
        # Windows run beside the requests of our own, so what reads counters is judged last.
        broken = []
        for expectation in [*(e for e in then if e not in counted), *counted]:
            result = self.judging.judge(step.name, expectation)
            self.add(result)
            if result.verdict is Verdict.BROKEN:
                broken.append(result)
                if self.stretch.hasty:
                    return broken
        for expectation in counted[:1]:
            for table in self.judging.windows[expectation.expect].tables():
                self.emit(ev.TableShown(step.name, table))
        return broken

    def act(self, place: tuple[str | int, ...], actions: Sequence[Action]) -> list[Change]:
        """Carry out actions in order; what of it a proxy must learn of.

        raises  InputError if the cluster refuses what the author wrote, WaitFailed
        """
        changed: list[Change] = []
        for index, action in enumerate(actions):
            begin = time.monotonic()
            try:
                done = self._actor.act(action.work)
            except KubeError as error:
                raise refused_by_cluster(error, str(self.loaded.path), self.loaded.line(*place, index)) from None
            changed += done.changes
            self.emit(ev.ActionDone(done.text, time.monotonic() - begin))
        return changed

    def settle(
        self, step: str, changed: Sequence[Change], asked: Sequence[Witness], *, within: float, place: str
    ) -> ev.ExpectationResult | None:
        """None once the changes are in force; else a broken result that says what was seen.

        asked   requests that may be sent to find out
        within  seconds
        place   file:line of what asked for it
        raises  ClusterLost if a part of the cluster has died meanwhile
        """
        try:
            done = settle(self.kube, self.cluster.dialect, changed, asked, within=within)
        except NotSettled as failure:
            self.check()
            self.add(result := unsettled(self.loaded.scenario.name, step, within, failure, place))
            return result
        self.settled.append((step, done.seconds))
        self.emit(ev.StepSettled(done.seconds, done.proof))
        return None

    # -- reporting -----------------------------------------------------------------------------------------------------

    def add(self, result: ev.ExpectationResult) -> None:
        """Note a result, and tell the reports."""
        self.results.append(result)
        self.emit(ev.ExpectationJudged(result))

    def tell_why(self, broken: Sequence[ev.ExpectationResult]) -> None:
        """What was found out about broken expectations, before anything is undone."""
        for result in broken:
            self.emit(self.judging.explain(result))
        self._tell_diagnosis()

    def _tell_broken(self, index: int, broken: Sequence[ev.ExpectationResult]) -> None:
        self.tell_why(broken)
        unreached = [e.expect for step in self.loaded.scenario.spec.steps[index + 1 :] for e in step.then]
        if unreached:
            self.emit(ev.Note(f"not reached, because the story ends here: {', '.join(unreached)}"))
        if self.pause is not None:
            self.pause(broken[0].name)

    def _tell_diagnosis(self) -> None:
        for line in diagnose(self.kube, self.loaded.scenario, self.senders):
            self.emit(ev.Note(line))

    def _in_file_order(self) -> list[ev.ExpectationResult]:
        order = {e.expect: i for i, (_, e) in enumerate(self.loaded.scenario.expectations())}
        return sorted(self.results, key=lambda result: order.get(result.name, -1))


def _started(loaded: LoadedScenario) -> ev.ScenarioStarted:
    scenario = loaded.scenario
    promises = [(step.name, expectation.expect) for step, expectation in scenario.expectations()]
    promises += [("always", watch.expect) for watch in scenario.spec.always]
    return ev.ScenarioStarted(
        scenario.name,
        str(loaded.path),
        scenario.spec.description,
        scenario.spec.source,
        tuple(scenario.metadata.labels.items()),
        tuple(ev.Promised(step, name, f"{loaded.path}:{loaded.expectation_line(name)}") for step, name in promises),
    )


def _asker(sender: Sender, spec: PodSender | IngressSender) -> ev.Asker:
    if isinstance(spec, IngressSender) or sender.pod is None:
        return ev.Asker(sender.name, "", "", meshed=False)
    return ev.Asker(sender.name, spec.namespace, spec.service_account, sender.meshed, sender.pod.name)
