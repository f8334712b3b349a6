"""A split as one family: error bounds that hold for all parts together, and what is said of each."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest

from harness.tests.verdict.exact import course, decisions
from harness.verdict import Cause, ErrorBounds, Share, SplitJudge, Verdict

THREE = {"a": 0.7, "b": 0.2, "c": 0.1}


def judged(judge: SplitJudge, rates: Mapping[str, float], source: random.Random) -> SplitJudge:
    names, weights = list(rates), list(rates.values())
    while judge.verdict is None:
        judge.add(Counter(source.choices(names, weights, k=10)))
    return judge


def test_all_parts_as_promised_hold() -> None:
    judge = SplitJudge(THREE, 0.05)
    judge.add({"a": 1400, "b": 400, "c": 200})
    judgement = judge.judgement("responses")
    assert judge.verdict is Verdict.HOLDS
    assert judgement.promised == (
        "responses split into 70% a, 20% b, 10% c and nothing else (must tell each from 5pp off)"
    )
    assert "b 400 of 2000 (20%" in judgement.seen


@pytest.mark.parametrize(
    ("seen", "culprit"),
    [({"a": 700, "b": 50, "c": 250}, "b"), ({"a": 200, "b": 700, "c": 100}, "a"), ({"a": 800, "b": 200}, "c")],
)
def test_one_part_that_is_off_breaks_the_split(seen: dict[str, int], culprit: str) -> None:
    judge = SplitJudge(THREE, 0.05)
    assert judge.add(seen) is Verdict.BROKEN
    assert judge.parts[culprit].verdict is Verdict.BROKEN


def test_one_response_of_no_part_breaks_it() -> None:
    judge = SplitJudge({"a": 0.5, "b": 0.5}, 0.1)
    assert judge.add({"a": 5, "b": 4, "c": 1}) is Verdict.BROKEN
    assert "1 of c, which is no part" in judge.judgement("responses").seen


def test_too_few_responses_are_inconclusive() -> None:
    judge = SplitJudge(THREE, 0.05)
    judge.add({"a": 7, "b": 2, "c": 1})
    assert judge.finish() is Verdict.INCONCLUSIVE
    assert judge.judgement("responses").cause is Cause.TOO_LITTLE


def test_a_part_at_the_edge_spends_the_budget() -> None:
    judge = SplitJudge({"a": 0.5, "b": 0.5}, 0.1)
    judge.add({"a": 60, "b": 40})
    while judge.verdict is None:
        judge.add({"a": 6, "b": 4})
    assert (judge.verdict, judge.cause) == (Verdict.INCONCLUSIVE, Cause.BUDGET)
    assert judge.total == judge.max_n


@pytest.mark.parametrize("wrong", [{"a": 1.0}, {"a": 0.5, "b": 0.4}, {"a": 0.9, "b": 0.2}])
def test_parts_that_are_no_split_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="two parts or more"):
        SplitJudge(wrong, 0.05)


def test_the_family_keeps_alpha_exactly() -> None:
    """By the exact chances of the parts: their sum bounds the family's, whatever they have to do with each other."""
    bounds, parts = ErrorBounds(alpha=0.05, beta=0.1), {"a": 0.6, "b": 0.4}
    judge, false = SplitJudge(parts, 0.15, bounds), 0.0
    for rate in parts.values():
        claim = Share(target=rate, resolution=0.15)
        table = decisions(claim, bounds.shared_by(len(parts)), judge.max_n)
        at_edges = [course(table, edge, judge.max_n) for edge in (claim.band().low, claim.band().high)]
        false += max(course.breaking for course in at_edges)
        # The part that is off must be missed for the whole to hold, so beta needs no division.
        assert max(course.holding for course in at_edges) <= bounds.beta
    assert false <= bounds.alpha


def test_in_simulation_no_split_is_wrongly_broken_and_none_wrongly_holds() -> None:
    source, bounds, parts = random.Random(7), ErrorBounds(alpha=0.05, beta=0.1), {"a": 0.5, "b": 0.3, "c": 0.2}
    runs = 120
    kept = [judged(SplitJudge(parts, 0.1, bounds), parts, source) for _ in range(runs)]
    assert sum(judge.verdict is Verdict.BROKEN for judge in kept) <= runs * 0.05 + 3 * (runs * 0.05) ** 0.5
    assert sum(judge.verdict is Verdict.HOLDS for judge in kept) > 0.8 * runs
    off = {"a": 0.4, "b": 0.4, "c": 0.2}  # two parts at their very edges
    missed = [judged(SplitJudge(parts, 0.1, bounds), off, source) for _ in range(runs)]
    assert sum(judge.verdict is Verdict.HOLDS for judge in missed) <= runs * 0.1 + 3 * (runs * 0.1) ** 0.5
