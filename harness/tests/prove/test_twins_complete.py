"""Every expectation of every scenario has a twin that turns it red, and every twin meets its scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.prove.twins import Twin, TwinsFile, load_twins, mutant_of
from harness.scenario.model import Scenario
from harness.tests.prove.tales import ROOT, SCENARIOS, tale

FILES = load_twins([ROOT / "scenarios"])
PAIRS = [(file, path) for file in FILES for path in file.scenario_paths()]
CASES = [
    pytest.param(file, path, number, id=f"{Path(path).relative_to(ROOT / 'scenarios')}-{twin.breaks}-{number}")
    for file, path in PAIRS
    for number, twin in enumerate(file.twins.spec.twins)
]


def promises(scenario: Scenario) -> list[str]:
    names = [expectation.expect for _, expectation in scenario.expectations()]
    return names + [watch.expect for watch in scenario.spec.always]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_expectation_has_a_twin(path: Path) -> None:
    broken = {twin.breaks for file, about in PAIRS if Path(about) == path for twin in file.twins.spec.twins}
    missing = [name for name in promises(tale(path).scenario) if name not in broken]
    assert not missing, f"nothing is known that turns these red: {', '.join(missing)}"


@pytest.mark.parametrize(("file", "path", "number"), CASES)
def test_each_twin_meets_its_scenario(file: TwinsFile, path: str, number: int) -> None:
    twin, story = file.twins.spec.twins[number], tale(path)
    mutant = mutant_of(twin, f"{file.path}:1", story)
    mutated = mutant.of(story)
    assert (mutated.loaded.scenario, mutated.project) != (story.loaded.scenario, story.project) or mutant.objects
    assert twin.red <= set(promises(story.scenario)), "a name that no expectation has"
    assert set(twin.unasked) <= set(promises(story.scenario)) - twin.red
    assert mutant.step <= _step(story.scenario, twin), "the difference comes after what it must break"


def _step(scenario: Scenario, twin: Twin) -> int:
    for index, step in enumerate(scenario.spec.steps):
        if twin.breaks in [expectation.expect for expectation in step.then]:
            return index
    return len(scenario.spec.steps)
