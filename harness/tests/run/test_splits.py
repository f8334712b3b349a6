"""Splits that responses show themselves: to which part each belongs, and which belong to none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.run.splits import SplitCounting
from harness.scenario.split import Split
from harness.traffic.outcome import Outcome
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Verdict

HALVES = {"A": "50%", "B": "50%"}


def response(body: str = "", headers: Mapping[str, str] | None = None) -> Outcome:
    return Outcome(
        index=0, scheduled=0, lag=0, latency=0, service_time=0, status=200, headers=headers or {}, body_start=body
    )


def counted(claim: Mapping[str, Any], *responses: Outcome) -> SplitCounting:
    count = SplitCounting(Split.model_validate({**claim, "resolution": "10pp"}), ErrorBounds())
    while count.verdict is None:
        count.feed(responses)
    return count


def test_bodies_tell_the_parts() -> None:
    assert counted({"body-has": HALVES}, response("A"), response("xB")).verdict is Verdict.HOLDS
    assert counted({"body-has": HALVES}, response("A"), response("A"), response("B")).verdict is Verdict.BROKEN


def test_a_header_tells_the_parts_whatever_the_case_of_its_name() -> None:
    claim = {"header": {"X-Version": HALVES}}
    right = counted(claim, response(headers={"x-version": "A"}), response(headers={"x-version": "B"}))
    assert right.verdict is Verdict.HOLDS
    judgement = counted(claim, response(headers={"x-version": "A"}), response()).judgement(2)
    assert judgement.verdict is Verdict.BROKEN
    assert "1 of no X-Version, which is no part" in judgement.seen


@pytest.mark.parametrize(("body", "told"), [("C", "something else"), ("A and B", "several parts at once")])
def test_a_response_of_no_part_or_of_two_is_told(body: str, told: str) -> None:
    judgement = counted({"body-has": HALVES}, response("A"), response("B"), response(body)).judgement(3)
    assert judgement.verdict is Verdict.BROKEN
    assert f"1 of {told}, which is no part" in judgement.seen
