"""Mutants run on a cluster, one after the other, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from harness.errors import ClusterLost, EnvironmentFailed, Exit, InputError
from harness.prove.equivalence import Told
from harness.prove.mutant import Mutant, Tale
from harness.prove.paper import last_difference
from harness.run.events import ScenarioReport
from harness.run.session import Session
from harness.run.stretch import Stretch
from harness.verdict.judgement import Verdict


class Fate(Enum):
    """What became of a mutant."""

    NOTICED = "noticed"
    """An expectation broke."""
    REFUSED = "refused"
    """The API server refused what was applied, so no traffic met it."""
    STOPPED = "stopped"
    """The story could not go on: something it waits for did not come."""
    UNDECIDED = "inconclusive"
    """An expectation was inconclusive, and none broke."""
    EQUIVALENT = "equivalent"
    """None broke, and it is shown that nothing a client can observe has changed."""
    SURVIVED = "survived"
    """All held: a hole in the scenario."""

    @property
    def exit_code(self) -> Exit:
        """How a run ends in which nothing worse happens."""
        codes = {Fate.SURVIVED: Exit.BROKEN, Fate.STOPPED: Exit.ENVIRONMENT, Fate.UNDECIDED: Exit.INCONCLUSIVE}
        return codes.get(self, Exit.HELD)


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant and its fate.

    broken   the expectations that broke, in file order
    held     those that held
    why      the reason; of a survivor a request that could tell, "" if none is known
    """

    mutant: Mutant
    fate: Fate
    seconds: float
    broken: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    why: str = ""
    report: ScenarioReport | None = None


Oracle = Callable[[Tale, Tale, Mutant], Told]
"""Says of a tale, its survivor and the mutant whether a client could tell."""


def nobody_knows(tale: Tale, mutated: Tale, mutant: Mutant) -> Told:
    """No equivalence is ever shown: every survivor is a finding."""
    return Told()


def prove(session: Session, tale: Tale, mutants: Iterable[Mutant], *, oracle: Oracle = nobody_knows) -> Iterator[Trial]:
    """The trial of each mutant, on a cluster where the tale itself holds.

    raises  ClusterLost
    """
    for mutant in mutants:
        yield _told_by_oracle(trial_of(session, tale, mutant, _stretch(tale, mutant)), tale, oracle)


def _stretch(tale: Tale, mutant: Mutant) -> Stretch:
    """From the first step that can tell to the last: behind it everything is as it would have been."""
    if mutant.only is not None:
        return Stretch(first=mutant.step, last=mutant.step, only=mutant.only, hasty=True)
    try:
        last = last_difference(tale, mutant.of(tale))
    except InputError:  # no scenario any more: its trial says so
        last = None
    return Stretch(first=mutant.step, last=last, hasty=True)


def _told_by_oracle(trial: Trial, tale: Tale, oracle: Oracle) -> Trial:
    """A trial in which nothing broke, with what the oracle says of it."""
    if trial.fate not in (Fate.SURVIVED, Fate.UNDECIDED):
        return trial
    told = oracle(tale, trial.mutant.of(tale), trial.mutant)
    if told.equivalent:
        return replace(trial, fate=Fate.EQUIVALENT, why=told.equivalent)
    return replace(trial, why=told.missing) if trial.fate is Fate.SURVIVED else trial


def trial_of(session: Session, tale: Tale, mutant: Mutant, stretch: Stretch) -> Trial:
    """Run one mutant, from the first step that can tell on.

    raises  ClusterLost; NoSuchPlace
    """
    begin = time.monotonic()
    try:
        mutated = mutant.of(tale)
        report = session.run(mutated.loaded, project=mutated.project, stretch=stretch)
    except InputError as error:
        return Trial(mutant, Fate.REFUSED, time.monotonic() - begin, why=error.findings[0].message)
    except ClusterLost:
        raise
    except EnvironmentFailed as error:
        return Trial(mutant, Fate.STOPPED, time.monotonic() - begin, why=error.message.splitlines()[0])
    return _judged(mutant, report, time.monotonic() - begin)


def _judged(mutant: Mutant, report: ScenarioReport, seconds: float) -> Trial:
    named = {verdict: [r.name for r in report.results if r.verdict is verdict] for verdict in Verdict}
    broken, held = tuple(named[Verdict.BROKEN]), tuple(named[Verdict.HOLDS])
    fate = Fate.NOTICED if broken else Fate.UNDECIDED if named[Verdict.INCONCLUSIVE] else Fate.SURVIVED
    why = ", ".join(named[Verdict.INCONCLUSIVE]) if fate is Fate.UNDECIDED else ""
    if report.failures:
        fate, why = Fate.STOPPED, report.failures[0]
    return Trial(mutant, fate, seconds, broken, held, why, report)
