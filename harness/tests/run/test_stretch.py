"""A stretch of a story: which expectations are judged, and where it ends."""

from __future__ import annotations

from harness.run.stretch import WHOLE, Stretch
from harness.scenario.expectations import Expectation

ROW = {"from": "a", "request": "GET http://b/", "status": 200}


def expectation(name: str, **row: object) -> Expectation:
    return Expectation.model_validate({"expect": name, "each": {"times": 1, "rows": [{**ROW, **row}]}})


PLAIN, SAVING = expectation("plain"), expectation("saving", save={"id": "json.id"})


def test_all_of_the_story_is_judged_by_default() -> None:
    assert WHOLE.of_step(0, [PLAIN, SAVING]) == [PLAIN, SAVING]
    assert not WHOLE.ends_after(99)


def test_earlier_steps_and_other_names_are_not_judged() -> None:
    stretch = Stretch(first=1, last=2, only=frozenset({"plain"}))
    assert stretch.of_step(0, [PLAIN]) == []
    assert stretch.of_step(1, [PLAIN, expectation("other")]) == [PLAIN]
    assert [index for index in range(4) if stretch.ends_after(index)] == [2, 3]


def test_what_saves_values_for_later_is_always_judged() -> None:
    assert Stretch(first=1).of_step(0, [PLAIN, SAVING]) == [SAVING]
    assert Stretch(only=frozenset({"plain"})).of_step(0, [PLAIN, SAVING]) == [PLAIN, SAVING]
