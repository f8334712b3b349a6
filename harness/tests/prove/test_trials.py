"""What becomes of a mutant follows from what the run reports; here the runs are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest

from harness.errors import ClusterLost, EnvironmentFailed, Exit, Finding, InputError
from harness.prove.equivalence import Told
from harness.prove.mutant import Mutant
from harness.prove.mutants import of_manifests, of_requests
from harness.prove.proving import Fate, Trial, prove
from harness.run.events import ExpectationResult, ScenarioReport
from harness.run.session import Session
from harness.run.states import state_judgement
from harness.run.stretch import Stretch
from harness.scenario.loading import LoadedScenario
from harness.scenario.project import Project
from harness.tests.prove.tales import tale
from harness.verdict.judgement import Verdict

TALE = tale("scenarios/tutorial/fault-injection.yaml")
WEIGHT = next(mutant for mutant in of_manifests(TALE) if "weight 10 → 0" in mutant.said)


@dataclass
class MadeUp:
    """A session whose runs end as told."""

    end: Callable[[], ScenarioReport]
    weights: list[int] | None = None
    stretch: Stretch | None = None

    def run(self, loaded: LoadedScenario, *, project: Project, stretch: Stretch) -> ScenarioReport:
        (route,) = project.manifests("manifests/booksapp/error-split-httproute.yaml")
        self.weights = [backend["weight"] for backend in route.obj["spec"]["rules"][0]["backendRefs"]]
        self.stretch = stretch
        return self.end()


def report(*failures: str, **verdicts: Verdict) -> ScenarioReport:
    results = [
        ExpectationResult("s", "step", name, "s.yaml:1", state_judgement(verdict, "p", "s"), 0.0)
        for name, verdict in verdicts.items()
    ]
    return ScenarioReport("s", "s.yaml", tuple(results), 0.0, failures=failures)


def tried(end: Callable[[], ScenarioReport], **arguments: object) -> Trial:
    session = MadeUp(end)
    (trial,) = prove(cast(Session, session), TALE, [WEIGHT], **arguments)  # type: ignore[arg-type]
    assert session.weights == [90, 0]
    assert session.stretch == Stretch(first=1, last=1, hasty=True)
    return trial


def test_a_broken_expectation_notices() -> None:
    trial = tried(lambda: report(a=Verdict.HOLDS, b=Verdict.BROKEN, c=Verdict.INCONCLUSIVE))
    assert (trial.fate, trial.broken, trial.held) == (Fate.NOTICED, ("b",), ("a",))


def test_nothing_broken_is_a_survivor_unless_it_is_shown_equivalent() -> None:
    assert tried(lambda: report(a=Verdict.HOLDS)).fate is Fate.SURVIVED
    shown = tried(lambda: report(a=Verdict.HOLDS), oracle=lambda *_: Told(equivalent="one backend"))
    assert (shown.fate, shown.why) == (Fate.EQUIVALENT, "one backend")
    missed = tried(lambda: report(a=Verdict.HOLDS), oracle=lambda *_: Told(missing="GET /x"))
    assert (missed.fate, missed.why) == (Fate.SURVIVED, "GET /x")


def test_an_inconclusive_run_is_neither() -> None:
    trial = tried(lambda: report(a=Verdict.HOLDS, b=Verdict.INCONCLUSIVE))
    assert (trial.fate, trial.why) == (Fate.UNDECIDED, "b")


def test_what_is_inconclusive_may_be_shown_to_be_equivalent() -> None:
    trial = tried(lambda: report(a=Verdict.INCONCLUSIVE), oracle=lambda *_: Told(equivalent="no path matches either"))
    assert (trial.fate, trial.why) == (Fate.EQUIVALENT, "no path matches either")


def test_a_story_ends_where_what_was_wrong_is_deleted() -> None:
    """The route as printed is gone when the route as meant comes: no later expectation can be about it."""
    timeouts = tale("scenarios/tutorial/timeouts.yaml")
    names = [step.name for step in timeouts.scenario.spec.steps]
    wrong = next(one for one in of_manifests(timeouts) if "timeouts.request 600ms → 6s" in one.said)
    session = MadeUp(lambda: report(a=Verdict.HOLDS))
    list(prove(cast(Session, session), timeouts, [wrong]))
    assert session.stretch == Stretch(
        first=names.index("the route as printed"), last=names.index("what the proxies count"), hasty=True
    )


def test_an_undo_that_failed_is_the_environments_failure() -> None:
    assert tried(lambda: report("could not be restored", a=Verdict.BROKEN)).fate is Fate.STOPPED


def raising(error: Exception) -> Callable[[], ScenarioReport]:
    def end() -> ScenarioReport:
        raise error

    return end


def test_refusals_and_stories_that_stop_are_told_apart() -> None:
    refused = tried(raising(InputError([Finding("s.yaml", 3, "the cluster refuses it: no")])))
    assert (refused.fate, refused.why) == (Fate.REFUSED, "the cluster refuses it: no")
    assert tried(raising(EnvironmentFailed("not ready within 60 s"))).fate is Fate.STOPPED
    with pytest.raises(ClusterLost):
        tried(raising(ClusterLost("gone")))


@pytest.mark.parametrize(
    ("fate", "code"),
    [
        (Fate.NOTICED, Exit.HELD),
        (Fate.REFUSED, Exit.HELD),
        (Fate.EQUIVALENT, Exit.HELD),
        (Fate.SURVIVED, Exit.BROKEN),
        (Fate.UNDECIDED, Exit.INCONCLUSIVE),
        (Fate.STOPPED, Exit.ENVIRONMENT),
    ],
)
def test_exit_codes(fate: Fate, code: Exit) -> None:
    assert fate.exit_code is code


def test_a_request_sent_otherwise_is_asked_of_those_who_can_tell() -> None:
    mutants: list[Mutant] = [one for one in of_requests(TALE) if "one-call-in-ten" in one.said]
    assert {one.only for one in mutants} == {frozenset({"one-call-in-ten-gets-500", "nothing-but-200-and-500"})}
    assert {one.step for one in mutants} == {1}
