"""Why outcomes are consumed in issue order, and that they are."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.traffic.order import IssueOrder
from harness.verdict import Share, ShareJudge, Verdict

RATE = 500
FAILURE_SECONDS = 1.0
"""Failures are timeouts, as with a 504 policy; successes take 20 ms."""


def responses(seed: int) -> list[tuple[float, int, bool]]:
    """When each of 6000 requests is answered, its index, and whether it failed; one in ten does."""
    source = random.Random(seed)
    fates = [source.random() < 0.1 for _ in range(6000)]
    return [(index / RATE + (FAILURE_SECONDS if failed else 0.02), index, failed) for index, failed in enumerate(fates)]


def judged(failures: Iterable[bool]) -> Verdict | None:
    judge = ShareJudge(Share(target=0.10, resolution=0.05))
    for failed in failures:
        if judge.add(failed, 1) is not None:
            break
    return judge.verdict


@pytest.mark.parametrize("seed", range(5))
def test_completion_order_condemns_a_system_that_keeps_its_promise(seed: int) -> None:
    assert judged(failed for _, _, failed in sorted(responses(seed))) is Verdict.BROKEN


@pytest.mark.parametrize("seed", range(5))
def test_issue_order_does_not(seed: int) -> None:
    order: IssueOrder[tuple[int, bool]] = IssueOrder()

    def watermarked() -> Iterable[bool]:
        for _, index, failed in sorted(responses(seed)):
            order.put(index, (index, failed))
            yield from (failed for _, failed in order.take())

    assert judged(watermarked()) is Verdict.HOLDS


@given(st.permutations(range(12)))
def test_whatever_comes_back_first_all_come_out_once_and_in_order(arrivals: list[int]) -> None:
    order: IssueOrder[str] = IssueOrder()
    out: list[str] = []
    for index in arrivals:
        order.put(index, str(index))
        out += order.take()
        assert len(out) == order.watermark
    assert out == [str(index) for index in range(12)]


@pytest.mark.parametrize("again", [0, 1, 3])
def test_a_second_outcome_of_one_request_is_our_own_mistake(again: int) -> None:
    order: IssueOrder[str] = IssueOrder()
    for index in (0, 1, 3):
        order.put(index, "x")
    order.take()
    with pytest.raises(ValueError, match=f"request {again} has two outcomes"):
        order.put(again, "y")
