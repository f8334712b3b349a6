"""Each written twin turns red exactly what it names, run from the step that differs to the step that must break.

All twins of the scenarios with the article's routes are tried here by the rules of 2.14; of the variants with routes
of the Gateway API and of the edge release's rules one each. `just twins` tries all of them on any profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.prove.mutant import Tale
from harness.prove.running import TwinTrial, try_twin
from harness.prove.twins import Twin, load_twins, mutant_of
from harness.run.events import Event
from harness.run.session import Session, open_session
from harness.scenario.loading import load
from harness.scenario.project import Project

ROOT = Path(__file__).parents[3]
EDGE = {
    "gateway/timeouts.yaml": "every-authors-call-is-refused",
    "timeouts.yaml": "all-else-is-spared",
    "gateway/per-route-authorization.yaml": "readers-read-and-writers-find-no-route",
}
GATEWAY = {"gateway/dynamic-request-routing.yaml": "the-mesh-decides-not-the-app"}

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.xdist_group("twins")]


def cases(profile: str) -> Iterator[object]:
    """The twins to try on a profile, by scenario, so that each app is installed once."""
    project = Project(ROOT)
    rules = project.profile(profile)[1].rules
    for file in load_twins([ROOT / "scenarios/tutorial"]):
        for path in file.scenario_paths():
            name = str(Path(path).relative_to(ROOT / "scenarios/tutorial"))
            if chosen := [about for about in file.about(rules) if wanted(profile, name, about[0])]:
                tale = Tale(load(path), project)
                for twin, place in chosen:
                    yield pytest.param(tale, twin, place, id=f"{name}-{twin.breaks}-{place.rpartition(':')[2]}")


def wanted(profile: str, name: str, twin: Twin) -> bool:
    if profile == "embedded-edge":
        return EDGE.get(name) == twin.breaks
    return not name.startswith("gateway/") or GATEWAY.get(name) == twin.breaks


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    yield from opened("embedded")


@pytest.fixture(scope="module")
def edge() -> Iterator[Session]:
    yield from opened("embedded-edge")


def opened(profile: str) -> Iterator[Session]:
    events: list[Event] = []
    with open_session(Project(ROOT).profile(profile)[1], events.append) as session:
        yield session


@pytest.mark.parametrize(("tale", "twin", "place"), list(cases("embedded")))
def test_turns_red_what_it_names(session: Session, tale: Tale, twin: Twin, place: str) -> None:
    check(session, tale, twin, place)


@pytest.mark.parametrize(("tale", "twin", "place"), list(cases("embedded-edge")))
def test_by_the_rules_of_the_edge_release(edge: Session, tale: Tale, twin: Twin, place: str) -> None:
    check(edge, tale, twin, place)


def check(session: Session, tale: Tale, twin: Twin, place: str) -> None:
    trial = try_twin(session, tale, twin, mutant_of(twin, place, tale))
    told = [f"{r.name} {r.verdict.value}: {r.judgement.seen}" for r in (trial.report.results if trial.report else ())]
    assert TwinTrial(twin, trial).as_written, "\n".join([f"{twin.by}: {trial.fate.value} {trial.why}", *told])
