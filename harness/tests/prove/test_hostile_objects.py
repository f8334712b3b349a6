"""Whatever a manifest holds, it has mutants or none, and never makes `prove` crash."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.prove.edits import edited
from harness.prove.policies import OPERATORS
from harness.tests.oracle.test_hostile_objects import JUNK, PLACES, with_junk


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PLACES), JUNK)
def test_one_wrong_value_anywhere(place: tuple[Any, ...], junk: object) -> None:
    for obj in with_junk(place, junk):
        operator = OPERATORS.get(str(obj.get("kind"))) if isinstance(obj, dict) else None
        for change in operator(obj) if operator else ():
            assert change.said
            assert edited(obj, change.edits) != obj
