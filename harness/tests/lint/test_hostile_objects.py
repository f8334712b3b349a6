"""Whatever the documents are, lint ends with findings and never with a crash."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dialect import GATEWAY_API, LINKERD_2_14, LINKERD_EDGE
from harness.lint.lint import lint_objects
from harness.tests.oracle.test_hostile_objects import JUNK, PLACES, with_junk


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PLACES), JUNK, st.sampled_from([LINKERD_2_14, LINKERD_EDGE, GATEWAY_API]))
def test_one_wrong_value_anywhere(place: tuple[Any, ...], junk: object, dialect: Any) -> None:
    lint_objects(with_junk(place, junk), dialect)


@settings(max_examples=50, deadline=None)
@given(st.lists(JUNK, min_size=1, max_size=3))
def test_documents_that_are_no_objects(documents: list[Any]) -> None:
    assert {problem.index for problem in lint_objects(documents, LINKERD_EDGE)} == set(range(len(documents)))
