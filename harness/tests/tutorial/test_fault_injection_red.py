"""The fault injection scenario turns red when the mesh does not do what it promises, and says who answered.

Each case changes one thing in a copy of the project and runs the scenario's steps on one shared cluster.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import Exit
from harness.run.events import Event, ExpectationResult, ScenarioReport
from harness.run.session import Session, open_session
from harness.scenario.loading import load
from harness.scenario.project import Project
from harness.verdict.judgement import Verdict

ROOT = Path(__file__).parents[3]
SCENARIO = "scenarios/tutorial/fault-injection.yaml"
ROUTE = "manifests/booksapp/error-split-httproute.yaml"
INJECTOR = "manifests/booksapp/error-injector.yaml"
SPLIT = "one-call-in-ten-gets-500"
GROSS = 400
"""A gross error must show within so many requests (traffic-verdicts: 300 for a fault that is not applied)."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180), pytest.mark.xdist_group("fault-injection")]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    events: list[Event] = []
    _, profile = Project(ROOT).profile("embedded")
    with open_session(profile, events.append) as opened:
        yield opened


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("scenarios", "fixtures", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert before != after, f"the change does not meet {path}"
    path.write_text(after, encoding="utf-8")


def result(report: ScenarioReport, name: str) -> ExpectationResult:
    return next(result for result in report.results if result.name == name)


def run(session: Session, project: Path) -> ScenarioReport:
    return session.run(load(project / SCENARIO))


def test_weight_zero_is_broken_early_and_books_answered(session: Session, project: Path) -> None:
    edit(project / ROUTE, lambda text: text.replace("weight: 10", "weight: 0"))
    report = run(session, project)
    split = result(report, SPLIT)
    assert report.exit_code == Exit.BROKEN
    assert split.verdict is Verdict.BROKEN
    assert split.requests <= GROSS
    assert "books x" in split.answered
    assert "error-injector x" not in split.answered
    assert split.place.startswith(str(project / SCENARIO))


def test_a_route_on_the_wrong_port_is_broken_and_the_proxy_names_the_default_route(
    session: Session, project: Path
) -> None:
    edit(project / ROUTE, lambda text: text.replace("port: 7002", "port: 7003", 1))
    report = run(session, project)
    split = result(report, SPLIT)
    assert split.verdict is Verdict.BROKEN
    assert split.requests <= GROSS
    assert "the default route" in split.answered


def test_an_injector_that_answers_200_is_broken_and_named(session: Session, project: Path) -> None:
    edit(project / INJECTOR, lambda text: text.replace("return 500", "return 200"))
    report = run(session, project)
    split = result(report, SPLIT)
    assert split.verdict is Verdict.BROKEN
    assert split.requests <= GROSS
    assert "error-injector x" in split.answered


def test_failure_rate_left_in_place_turns_no_get_red(session: Session, project: Path) -> None:
    """§7.0.4, §8.1.1: FAILURE_RATE hits HEAD requests only."""
    edit(project / SCENARIO, lambda text: text.replace("variable: FAILURE_RATE", "variable: NO_SUCH_VARIABLE"))
    report = run(session, project)
    broken = [r.name for r in report.results if r.verdict is not Verdict.HOLDS]
    assert not [name for name in broken if name != "the-page-fails-as-the-call-graph-says"], broken


def test_a_missing_namespace_is_bad_input_with_its_line(session: Session, project: Path) -> None:
    edit(project / ROUTE, lambda text: text.replace("namespace: booksapp", "namespace: bookshop"))
    from harness.errors import InputError

    with pytest.raises(InputError) as caught:
        run(session, project)
    assert "bookshop" in str(caught.value)
    assert f"{project / SCENARIO}:" in str(caught.value)
