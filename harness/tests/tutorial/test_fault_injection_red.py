"""The fault injection scenario turns red early when the mesh does not do what it promises, and says who answered.

Each case makes one thing wrong in memory and runs the step that must notice on one shared cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.prove.edits import Edit
from harness.prove.mutant import Mutant, ObjectEdit, Tale
from harness.run.events import Event, ExpectationResult, FailureExplained
from harness.run.session import Session, open_session
from harness.run.stretch import Stretch
from harness.scenario.loading import load
from harness.scenario.project import Project
from harness.scenario.yaml_source import Location
from harness.verdict.judgement import Verdict

ROOT = Path(__file__).parents[3]
SCENARIO = ROOT / "scenarios/tutorial/fault-injection.yaml"
ROUTE = "manifests/booksapp/error-split-httproute.yaml"
INJECTOR = "manifests/booksapp/error-injector.yaml"
SPLIT = "one-call-in-ten-gets-500"
SPLIT_STEP = 1
GROSS = 700
"""A gross error must show before a true claim would on average (758 requests). The test itself needs about 300; a batch
of responses is judged to its end, and on a busy machine batches are large."""
BACKEND: Location = ("spec", "rules", 0, "backendRefs", 1)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180), pytest.mark.xdist_group("fault-injection")]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def session(events: list[Event]) -> Iterator[Session]:
    _, profile = Project(ROOT).profile("embedded")
    with open_session(profile, events.append) as opened:
        yield opened


def split_with(session: Session, manifest: str, at: Location, to: object) -> ExpectationResult:
    """What becomes of the split when one value of a manifest is another one."""
    tale = Tale(load(SCENARIO), Project(ROOT))
    edit = ObjectEdit(manifest, 0, Edit(at, to))
    mutated = Mutant("one value", f"{manifest}:1", "", SPLIT_STEP, (edit,)).of(tale)
    stretch = Stretch(first=SPLIT_STEP, last=SPLIT_STEP, only=frozenset({SPLIT}))
    report = session.run(mutated.loaded, project=mutated.project, stretch=stretch)
    (result,) = report.results
    return result


def test_weight_zero_is_broken_early_and_books_answered(session: Session) -> None:
    split = split_with(session, ROUTE, (*BACKEND, "weight"), 0)
    assert split.verdict is Verdict.BROKEN
    assert split.requests <= GROSS
    assert "books x" in split.answered
    assert "error-injector x" not in split.answered
    assert split.place.startswith(str(SCENARIO))


def test_weights_that_say_something_else_are_told_by_the_rules(session: Session, events: list[Event]) -> None:
    events.clear()
    assert split_with(session, ROUTE, (*BACKEND, "weight"), 90).verdict is Verdict.BROKEN
    (explained,) = (event for event in events if isinstance(event, FailureExplained))
    (told,) = explained.foretold
    assert told.request == "GET http://books:7002/books.json"
    assert [line.partition(": ")[0] for line in told.lines] == [
        "50% what the app of books answers",
        "50% 500 by the app of error-injector",
    ]


def test_a_route_on_the_wrong_port_is_broken_and_the_proxy_names_the_default_route(session: Session) -> None:
    split = split_with(session, ROUTE, ("spec", "parentRefs", 0, "port"), 7003)
    assert split.verdict is Verdict.BROKEN
    assert split.requests <= GROSS
    assert "the default route" in split.answered


def test_an_injector_that_answers_200_is_broken_and_named(session: Session) -> None:
    text = "events {}\nhttp { server { listen 8080; location / { return 200; } } }\n"
    split = split_with(session, INJECTOR, ("data", "nginx.conf"), text)
    assert split.verdict is Verdict.BROKEN
    assert split.requests <= GROSS
    assert "error-injector x" in split.answered


def test_failure_rate_left_in_place_turns_no_get_red(session: Session) -> None:
    """§7.0.4, §8.1.1: FAILURE_RATE hits HEAD requests only."""
    tale = Tale(load(SCENARIO), Project(ROOT))
    spared = Edit(("spec", "steps", 0, "given"), [])
    mutated = Mutant("FAILURE_RATE stays", f"{SCENARIO}:1", "", 0, scenario=(spared,)).of(tale)
    asked = frozenset({"books-never-fails", SPLIT, "nothing-but-200-and-500", "authors-calls-are-not-split"})
    report = session.run(mutated.loaded, project=mutated.project, stretch=Stretch(last=SPLIT_STEP, only=asked))
    assert {result.name: result.verdict for result in report.results} == dict.fromkeys(asked, Verdict.HOLDS)


def test_a_missing_namespace_is_bad_input_with_its_line(session: Session) -> None:
    with pytest.raises(InputError) as caught:
        split_with(session, ROUTE, ("metadata", "namespace"), "bookshop")
    assert "bookshop" in str(caught.value)
    assert f"{SCENARIO}:" in str(caught.value)
