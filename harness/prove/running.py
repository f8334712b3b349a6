"""Whole runs: the mutants of scenarios, or their written twins, on one cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.dialect import Dialect
from harness.errors import Exit, Finding, InputError, worst
from harness.prove.equivalence import Told, ask_oracle
from harness.prove.mutant import Mutant, Tale
from harness.prove.mutants import of_changes, of_manifests, of_requests
from harness.prove.proving import Fate, Oracle, Trial, prove, trial_of
from harness.prove.twins import Twin, TwinsFile, load_twins, mutant_of
from harness.run.events import Emit, ScenarioReport
from harness.run.session import Session, open_session
from harness.run.stretch import Stretch
from harness.scenario.lint import Skipped, load_checked
from harness.scenario.project import Project

Wanted = Callable[[str], bool]
"""Whether a mutant of this sentence is to be tried."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A scenario's trials begin.

    count  how many there will be
    """

    tale: Tale
    count: int


@dataclass(frozen=True, slots=True)
class Fit:
    """A scenario holds unbroken, in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unfit:
    """A scenario does not hold itself, so breaking it proves nothing."""

    report: ScenarioReport


@dataclass(frozen=True, slots=True)
class TwinTrial:
    """A written twin, and what it turned red."""

    twin: Twin
    trial: Trial

    @property
    def as_written(self) -> bool:
        """Whether exactly the named expectations turned red."""
        return self.trial.fate is Fate.NOTICED and frozenset(self.trial.broken) == self.twin.red


Heard = Callable[[Skipped | Begun | Fit | Unfit | Trial | TwinTrial], None]


def prove_paths(
    paths: Sequence[Path], profile_name: str | None, hear: Heard, emit: Emit, *, wanted: Wanted, requests: bool
) -> Exit:
    """Try all wanted mutants of the scenarios and say how it went: 1 if one survived or a scenario does not hold.

    requests  mutate what the scenario sends, too
    raises    InputError, EnvironmentFailed
    """
    _, profile, loaded, skipped = load_checked(paths, profile_name)
    tales = [Tale(one, Project.around(one.path)) for one in loaded]
    wished = [(tale, [one for one in mutants_of(tale, requests=requests) if wanted(one.said)]) for tale in tales]
    _refuse_nothing(paths, [mutants for _, mutants in wished])
    for one in skipped:
        hear(one)
    codes = set[Exit]()
    with open_session(profile, emit) as session:
        for tale, mutants in wished:
            if not mutants:
                continue
            hear(Begun(tale, len(mutants)))
            report = session.run(tale.loaded, project=tale.project)
            if report.exit_code:
                hear(Unfit(report))
                codes.add(report.exit_code)
                continue
            hear(Fit(report.seconds))
            for trial in prove(session, tale, mutants, oracle=_oracle(profile.rules)):
                hear(trial)
                codes.add(trial.fate.exit_code)
    return worst(codes)


def _refuse_nothing(paths: Sequence[Path], found: Sequence[Sequence[object]]) -> None:
    """Raise InputError if there is nothing to try: that would pass for a proof."""
    if not any(found):
        raise InputError([Finding(", ".join(map(str, paths)), 0, "nothing that could be made wrong is asked for")])


def _oracle(dialect: Dialect) -> Oracle:
    """Asks of what is applied; whether another request means another answer is the application's business."""

    def ask(tale: Tale, mutated: Tale, mutant: Mutant) -> Told:
        return ask_oracle(tale, mutated, dialect, step=mutant.step) if mutant.only is None else Told()

    return ask


def mutants_of(tale: Tale, *, requests: bool) -> list[Mutant]:
    """All mutants of a scenario, those of manifests first."""
    return [*of_manifests(tale), *of_changes(tale), *(of_requests(tale) if requests else ())]


def twin_paths(paths: Sequence[Path], profile_name: str | None, hear: Heard, emit: Emit, *, wanted: Wanted) -> Exit:
    """Try all wanted twins of files and folders; 1 if one does not turn red exactly what it names.

    raises  InputError, EnvironmentFailed
    """
    files = load_twins(paths)
    scenarios = [path for file in files for path in file.scenario_paths()]
    _, profile, loaded, skipped = load_checked(scenarios, profile_name)
    tales = {one.path: Tale(one, Project.around(one.path)) for one in loaded}
    prepared = [
        (tales[path], list(_prepared(file, tales[path], profile.rules, wanted)))
        for file, path in _both(files)
        if path in tales
    ]
    _refuse_nothing(paths, [twins for _, twins in prepared])
    for one in skipped:
        hear(one)
    codes = set[Exit]()
    with open_session(profile, emit) as session:
        for tale, twins in prepared:
            hear(Begun(tale, len(twins)))
            for twin, mutant in twins:
                trial = TwinTrial(twin, try_twin(session, tale, twin, mutant))
                hear(trial)
                codes.add(Exit.HELD if trial.as_written else trial.trial.fate.exit_code or Exit.BROKEN)
    return worst(codes)


def _both(files: Sequence[TwinsFile]) -> list[tuple[TwinsFile, str]]:
    return [(file, path) for file in files for path in file.scenario_paths()]


def _prepared(file: TwinsFile, tale: Tale, dialect: Dialect, wanted: Wanted) -> Iterator[tuple[Twin, Mutant]]:
    for twin, place in file.about(dialect):
        if wanted(f"{twin.breaks}: {twin.by}"):
            yield twin, mutant_of(twin, place, tale)


def try_twin(session: Session, tale: Tale, twin: Twin, mutant: Mutant) -> Trial:
    """Run a twin from the first step that differs to the end of the step that must break.

    raises  ClusterLost, InputError
    """
    names = [*(e.expect for _, e in tale.scenario.expectations()), *(w.expect for w in tale.scenario.spec.always)]
    asked = frozenset(names) - set(twin.unasked)
    return trial_of(session, tale, mutant, Stretch(first=mutant.step, last=_step_of(tale, twin), only=asked))


def _step_of(tale: Tale, twin: Twin) -> int | None:
    for index, step in enumerate(tale.scenario.spec.steps):
        if twin.breaks in [expectation.expect for expectation in step.then]:
            return index
    return None  # a line of `always` is judged at the end
