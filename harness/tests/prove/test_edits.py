"""Edits change a copy, exactly where they say, or name the place that is not there."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.prove.edits import REMOVED, Edit, NoSuchPlace, edited, parsed, spelled

ROUTE: dict[str, Any] = {"spec": {"rules": [{"matches": [{"method": "GET"}]}, {"backendRefs": [{"name": "a"}]}]}}


def made(path: str, to: Any) -> Any:
    before = copy.deepcopy(ROUTE)
    changed = edited(ROUTE, [Edit(parsed(path), to)])
    assert before == ROUTE, "the original was touched"
    return changed


def test_a_value_is_replaced_and_nothing_else() -> None:
    changed = made("spec.rules[0].matches[0].method", "POST")
    assert changed == {"spec": {"rules": [{"matches": [{"method": "POST"}]}, {"backendRefs": [{"name": "a"}]}]}}


def test_a_key_may_be_new() -> None:
    assert made("spec.rules[1].backendRefs[0].weight", 0)["spec"]["rules"][1] == {
        "backendRefs": [{"name": "a", "weight": 0}]
    }


def test_items_and_keys_are_taken_away() -> None:
    assert made("spec.rules[0]", REMOVED)["spec"]["rules"] == [{"backendRefs": [{"name": "a"}]}]
    assert made("spec.rules[0].matches[0].method", REMOVED)["spec"]["rules"][0] == {"matches": [{}]}


def test_a_document_can_go_as_a_whole() -> None:
    assert edited(ROUTE, [Edit((), REMOVED)]) is REMOVED


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("spec.rules[2].matches", "spec.rules[2]"),
        ("spec.rules[2]", "spec.rules[2]"),
        ("spec.parentRefs[0].port", "spec.parentRefs"),
        ("spec.rules.matches", "spec.rules.matches"),
        ("spec.rules[0].matches[0].method.name", "spec.rules[0].matches[0].method.name"),
    ],
)
def test_a_place_that_is_not_there_is_named(path: str, told: str) -> None:
    with pytest.raises(NoSuchPlace) as caught:
        made(path, 1)
    assert str(caught.value) == f"there is no {told}"


def test_what_is_not_there_cannot_be_taken_away() -> None:
    with pytest.raises(NoSuchPlace):
        made("spec.hostnames", REMOVED)


PARTS = st.one_of(st.integers(0, 99), st.from_regex(r"[A-Za-z][A-Za-z0-9-]*", fullmatch=True))


@given(st.from_regex(r"[a-z]+", fullmatch=True), st.lists(PARTS, max_size=6))
def test_paths_read_back_what_they_write(first: str, rest: list[str | int]) -> None:
    assert parsed(spelled((first, *rest))) == (first, *rest)


@pytest.mark.parametrize("path", ["", "spec..rules", "spec.rules[]", "spec.rules[x]", "spec.rules[0", ".spec"])
def test_what_is_no_path_is_refused(path: str) -> None:
    if not path:
        assert parsed(path) == ()
        return
    with pytest.raises(ValueError, match="is no path"):
        parsed(path)
