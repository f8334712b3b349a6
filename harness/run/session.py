"""One cluster with its apps, shared by the scenarios that run on it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from harness.cluster.provider import Cluster, Provider
from harness.cluster.providers import provider
from harness.cluster.turns import take_turn
from harness.errors import ClusterLeft, ClusterLost, EnvironmentFailed, Exit, exit_code_of, worst
from harness.kube.apply import RUN_LABEL, Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef
from harness.kube.waits import wait_rollout
from harness.run import events as ev
from harness.run.bring_up import bring_up
from harness.run.installing import install
from harness.run.keep import Keep, way_in
from harness.run.scenario_run import ScenarioRun
from harness.run.stretch import WHOLE, Stretch
from harness.scenario.apps import App
from harness.scenario.clusters import Profile
from harness.scenario.loading import LoadedScenario
from harness.scenario.project import Project
from harness.verdict.budget import false_alarms
from harness.verdict.claims import ErrorBounds

RESTORED_SECONDS = 120.0


@dataclass(slots=True)
class Session:
    """A running cluster on which scenarios are run one after the other.

    alpha    chance of a false «broken» of each claim whose author wrote none
    phases   (name, seconds) of what was not a scenario
    keep     when the cluster stays
    codes    how scenarios ended
    options  see Judging
    """

    profile: Profile
    cluster: Cluster
    kube: Kube
    run_id: str
    emit: ev.Emit
    check: Callable[[], None]
    pause: Callable[[Cluster, str], None] | None = None
    alpha: float = ErrorBounds().alpha
    phases: list[tuple[str, float]] = field(default_factory=list)
    alphas: list[float] = field(default_factory=list)
    keep: Keep = Keep.NEVER
    codes: set[Exit] = field(default_factory=set)
    options: str = ""
    _installed: set[str] = field(default_factory=set)
    _ledger: Ledger = field(default_factory=Ledger)
    _restored: list[ObjectRef] = field(default_factory=list)

    def run(
        self, loaded: LoadedScenario, *, project: Project | None = None, stretch: Stretch = WHOLE
    ) -> ev.ScenarioReport:
        """Install the apps that the scenario needs and run it.

        project  where its manifests come from; left out, the one around its file
        stretch  what of it is judged
        raises   InputError, EnvironmentFailed
        """
        with self.staged(loaded, project, stretch) as scenario:
            report = scenario.run()
        self.codes.add(report.exit_code)
        return report

    @property
    def exit_code(self) -> Exit:
        """The worst of how scenarios ended so far."""
        return worst(self.codes)

    @property
    def shown(self) -> Exit:
        """What it stays or goes by: the worst of how scenarios ended; an interruption takes nothing of that back."""
        return worst(self.codes - {Exit.INTERRUPTED}) or self.exit_code

    @property
    def is_left(self) -> bool:
        """Whether a scenario has left everything as it is; nothing can follow it then."""
        return self.keep.leaves(self.shown)

    @contextmanager
    def staged(
        self, loaded: LoadedScenario, project: Project | None = None, stretch: Stretch = WHOLE
    ) -> Iterator[ScenarioRun]:
        """A scenario that is about to run: its apps are there, and nobody else's is under way on a shared cluster.

        raises  InputError, EnvironmentFailed; ClusterLeft if another process has left the cluster as it is
        """
        turn = take_turn(self.cluster.turn) if self.cluster.turn else None
        try:
            if turn is not None and turn.is_left:
                raise ClusterLeft(f"cluster {self.cluster.name} is left as a failure in another process left it")
            scenario = self._scenario(loaded, project or Project.around(loaded.path), stretch)
            try:
                yield scenario
            finally:
                self._restored = scenario.restored
                if turn is not None and scenario.is_left:
                    turn.leave()
        finally:
            if turn is not None:
                turn.end()

    def _scenario(self, loaded: LoadedScenario, project: Project, stretch: Stretch) -> ScenarioRun:
        self.install([project.app(name) for name in loaded.scenario.spec.apps], project)
        pause = None if self.pause is None else (lambda name: self.pause(self.cluster, name))  # type: ignore[misc]
        self._await_restored()
        return ScenarioRun(
            loaded,
            project,
            self.kube,
            self.cluster,
            self.run_id,
            self.profile.pace,
            self.emit,
            self.check,
            pause=pause,
            stretch=stretch,
            alphas=self.alphas,
            alpha=self.alpha,
            leaves=self.keep.leaves,
            options=self.options,
        )

    def _await_restored(self) -> None:
        """Wait until what the scenario before this one changed is as it was: an undo starts a rollout, no more."""
        for ref in self._restored:
            wait_rollout(self.kube, ref, within=RESTORED_SECONDS)

    def install(self, apps: Sequence[App], project: Project) -> None:
        """Apply the manifests of all apps, then wait until each is ready; one that is there already is left alone."""
        begin, missing = time.monotonic(), [app for app in apps if app.name not in self._installed]
        for app in install(self.kube, self._applier(), self._ledger, missing, project):
            self._installed.add(app.name)
            took = time.monotonic() - begin
            self.phases.append((app.name, took))
            self.emit(ev.AppReady(app.name, took))

    def take_away(self) -> list[str]:
        """Uninstall the apps, where the cluster goes on without us; sentences about what could not be."""
        if not self.cluster.shared:
            return []
        self._installed.clear()
        return self._applier().undo(self._ledger)

    @property
    def stays(self) -> bool:
        """Whether the cluster is to stay after what happened so far."""
        return self.keep.stays_after(self.shown)

    def _applier(self) -> Applier:
        return Applier(self.kube, self.run_id, guarded=self.cluster.shared)

    def false_alarm_sentence(self) -> str:
        """The bound on a false red, over all claims judged so far."""
        return false_alarms(self.alphas).sentence()


@contextmanager
def open_session(
    profile: Profile,
    emit: ev.Emit,
    *,
    pause: Callable[[Cluster, str], None] | None = None,
    alpha: float = ErrorBounds().alpha,
    keep: Keep = Keep.NEVER,
) -> Iterator[Session]:
    """A session on a fresh cluster, which is gone when the block is left, however it is left, unless it is to be kept.

    alpha   see Session
    raises  InputError, EnvironmentFailed
    """
    chosen = provider(profile.provider)
    run_id = secrets.token_hex(4)
    begin = time.monotonic()
    cluster = bring_up(profile, f"signalbox-{run_id}", progress=lambda text: emit(ev.Note(text)))
    session: Session | None = None
    try:
        run_id = cluster.guest or run_id
        took = time.monotonic() - begin
        emit(ev.ClusterReady(cluster.name, took))
        with Kube(cluster.kubeconfig) as kube:
            check = partial(_check, chosen, cluster, kube)
            phases = [("cluster", took)]
            session = Session(profile, cluster, kube, run_id, emit, check, pause, alpha, phases, keep=keep)
            try:
                yield session
            except BaseException as error:
                session.codes.add(exit_code_of(error))
                if not session.stays:
                    _tell(emit, _taken_away(session))
                raise
            if not session.stays and (left := session.take_away()):
                raise EnvironmentFailed("\n".join(left), f"look at what carries the label {RUN_LABEL}={run_id}")
    except EnvironmentFailed:
        # A part of the cluster that died explains what failed after it better than the failure does.
        _tell(emit, _diagnostics(chosen, cluster))
        chosen.check(cluster)
        raise
    finally:
        _tear_down(chosen, cluster, session)


def _taken_away(session: Session) -> list[str]:
    """What `take_away` says; that the cluster is lost is said already by what brought us here."""
    try:
        return session.take_away()
    except EnvironmentFailed as error:
        return [f"what was installed could not be taken away: {error.message}"] if session.cluster.shared else []


def _diagnostics(chosen: Provider, cluster: Cluster) -> list[str]:
    """What the provider knows beyond the API; that it cannot be asked is something to know, too."""
    try:
        return chosen.diagnostics(cluster)
    except EnvironmentFailed as error:
        return [f"the cluster's parts cannot be asked: {error.message}"]


def _tell(emit: ev.Emit, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        emit(ev.Note(sentence))


def _check(chosen: Provider, cluster: Cluster, kube: Kube) -> None:
    """Raise ClusterLost if a part of the cluster has died.

    The API is asked first: by the time it answers, a death that made requests fail a moment ago is known.
    """
    try:
        ready = kube.raw("/readyz")
    finally:
        chosen.check(cluster)
    if ready.status != 200:
        raise ClusterLost(f"the API server is not ready: {ready.body.decode(errors='replace')}")


def _tear_down(chosen: Provider, cluster: Cluster, session: Session | None) -> None:
    begin = time.monotonic()
    try:
        if session is not None and session.stays and _is_alive(chosen, cluster):
            cluster = _kept(chosen, cluster, session)
    finally:
        chosen.release(cluster)
    if session is not None:
        session.phases.append(("teardown", time.monotonic() - begin))


def _kept(chosen: Provider, cluster: Cluster, session: Session) -> Cluster:
    """The cluster, from now on kept; if it cannot be, what was installed goes as on one that was not to stay."""
    try:
        kept = chosen.keep(cluster)
    except BaseException:
        with Kube(cluster.kubeconfig) as session.kube:
            _tell(session.emit, _taken_away(session))
        raise
    session.emit(ev.ClusterKept(kept.name, tuple(way_in(kept, session.run_id))))
    return kept


def _is_alive(chosen: Provider, cluster: Cluster) -> bool:
    try:
        chosen.check(cluster)
    except ClusterLost:
        return False
    return True
