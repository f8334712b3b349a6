"""The part of one process in a pytest run: its cluster, its reports, and its share of the budget of false alarms."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ClusterLeft, Exit, InputError, exit_code_of, worst
from harness.report.folder import part, reports
from harness.run.events import ClusterKept, Emit, Event, RunAborted, RunFinished, RunStarted, ScenarioReport
from harness.run.keep import Keep
from harness.run.runner import aborted, asked_for_by
from harness.run.session import Session, open_session
from harness.scenario.clusters import Profile
from harness.scenario.lint import Checked
from harness.verdict.budget import alpha_of_each, alpha_of_next, false_alarms

LEFT = "the cluster is left as an earlier test that did not hold left it"


class Worker:
    """The cluster of this pytest process: started by the first scenario, ended with the session.

    folder        where its reports go; None for none
    part          its name, if its record is one of several that are merged later; else ""
    promises      claims of all scenarios of the run, which share the budget of false alarms
    plain_budget  what the claims of plain tests in this process have of that budget
    aborted       what ended the run, or would have
    last_words    of this process or its workers: lines such as how to enter a cluster that stays
    alphas        of this process or its workers: chances of a false «broken»
    """

    def __init__(
        self, profile_name: str | None, false_alarm: float, folder: Path | None, keep: Keep, *, part: str = ""
    ) -> None:
        self.profile_name = profile_name
        self.keep = keep
        self.last_words: list[str] = []
        self.alphas: list[float] = []
        self.part = part
        self.false_alarm = false_alarm
        self.folder = folder
        self.promises = 0
        self.plain_budget = 0.0
        self._plain_claims = 0
        self._stack = contextlib.ExitStack()
        self._session: Session | None = None
        self._listen: Emit | None = None
        self._record: Emit | None = None
        self._began = time.monotonic()
        self.aborted: RunAborted | None = None
        self._refused: list[InputError] = []

    def run(self, checked: Checked, listen: Emit) -> ScenarioReport:
        """Run one scenario; its events go to `listen`."""
        (loaded,) = checked.scenarios  # a scenario for another mesh was skipped when it was collected
        with self.telling(checked.profile_name, checked.profile, listen) as session:
            return session.run(loaded)

    @contextlib.contextmanager
    def telling(self, profile_name: str, profile: Profile, listen: Emit) -> Iterator[Session]:
        """The session, with everything that happens on it told to `listen` and to the reports."""
        if self._session is not None and self._session.is_left:
            pytest.skip(LEFT)
        self._listen = listen
        try:
            if self._record is None:
                self._begin_reports()
                self._emit(RunStarted(profile_name, profile.dialect, ()))
            yield self.session(profile)
        except ClusterLeft:
            pytest.skip(LEFT)
        except BaseException as error:
            self.abort(error)
            raise

    def ended(self, code: Exit) -> None:
        """A plain test ended so."""
        if self._session is not None:
            self._session.codes.add(code)

    def abort(self, error: BaseException) -> None:
        """This ended the run, or would have: no report may say that all went well."""
        if isinstance(error, InputError):
            self.refuse(error)
        else:
            self._end_by(aborted(error))
        self.ended(exit_code_of(error))

    def refuse(self, error: InputError) -> None:
        """Something cannot be run; reports tell all of that at once at the end, though nothing may have run by then."""
        self._refused.append(error)

    def end_on_sigterm(self) -> None:
        """Until it is closed, SIGTERM ends pytest as Ctrl-C does."""
        self._stack.enter_context(_terminated_like_interrupted())

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody has ended the run."""
        return self.aborted is not None and self.aborted.exit_code is Exit.INTERRUPTED

    def next_alpha(self) -> float:
        """The chance of a false «broken» that the next claim of a plain test has: nobody knows how many follow."""
        self._plain_claims += 1
        return alpha_of_next(self._plain_claims - 1, self.plain_budget)

    def session(self, profile: Profile) -> Session:
        """The session of this process, begun by whoever asks first."""
        if self._session is None:
            alpha = alpha_of_each(self.promises, self.false_alarm)
            opened = open_session(profile, self._emit, alpha=alpha, keep=self.keep)
            self._session = self._stack.enter_context(opened)
            if self.profile_name is not None:
                self._session.options = asked_for_by(self.profile_name, profile.provider)
        return self._session

    def bad_luck(self) -> str:
        """The bound on a false red, here or in the workers that were heard of; "" if nothing was judged."""
        if self._session is not None:
            return self._session.false_alarm_sentence()
        return false_alarms(self.alphas).sentence() if self.alphas else ""

    @property
    def own_alphas(self) -> list[float]:
        """The chances of a false «broken» in this process."""
        return list(self._session.alphas) if self._session is not None else []

    def close(self) -> None:
        """Take the cluster away and finish the reports."""
        if self._refused:
            self._end_by(aborted(InputError([found for error in self._refused for found in error.findings])))
            self._refused.clear()
            if self._record is None:
                self._begin_reports_if_possible()
        self._stack.close()

    def _begin_reports_if_possible(self) -> None:
        """At the end of a run there is no test left that could fail by it."""
        try:
            self._begin_reports()
        except InputError as error:
            self.last_words.append(str(error))

    def _begin_reports(self) -> None:
        self.end_on_sigterm()
        told = part(self.folder, self.part) if self.folder is not None and self.part else reports(self.folder)
        self._record = self._stack.enter_context(told)
        self._stack.callback(self._end)

    def _end_by(self, told: RunAborted) -> None:
        """Of all that ended the run, reports tell the worst."""
        before = [self.aborted] if self.aborted is not None else []
        code = worst(one.exit_code for one in (*before, told))
        self.aborted = next(one for one in (*before, told) if one.exit_code is code)

    def _end(self) -> None:
        """Tell the reports how it ended; the cluster is gone by now."""
        self._listen = None
        if self.aborted is not None or self._session is None:
            self._emit(self.aborted or RunAborted(Exit.ENVIRONMENT, "environment failed"))
            return
        seconds, session = time.monotonic() - self._began, self._session
        self._emit(RunFinished(session.exit_code, seconds, session.false_alarm_sentence(), tuple(session.phases)))

    def _emit(self, event: Event) -> None:
        if isinstance(event, ClusterKept):
            self.last_words += event.lines
        for consumer in (self._record, self._listen):
            if consumer is not None:
                consumer(event)


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends pytest as Ctrl-C does, unless somebody else wants it: the cluster goes, and reports are written."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
