"""How the judge of shares behaves towards its caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdict import Cause, ErrorBounds, Share, ShareJudge, Verdict

TENTH = Share(target=0.10, resolution=0.05)
NEVER = Share(at_most=0.0, resolution=0.01)
WHAT = "responses with status 500"


def fed(judge: ShareJudge, hits: int, total: int) -> ShareJudge:
    while judge.add(hits, total) is None:
        pass
    return judge


def test_the_first_decision_is_final_and_later_responses_are_not_counted() -> None:
    judge = fed(ShareJudge(TENTH), 1, 10)
    total = judge.total
    assert judge.add(1000, 1000) is Verdict.HOLDS
    assert judge.total == total
    assert judge.finish() is Verdict.HOLDS


def test_a_share_near_the_edge_ends_inconclusive_when_the_budget_is_spent() -> None:
    judge = fed(ShareJudge(TENTH), 15, 100)
    assert judge.verdict is Verdict.INCONCLUSIVE
    assert judge.cause is Cause.BUDGET
    assert judge.total >= judge.max_n > judge.total - 100


def test_the_budget_can_be_set() -> None:
    judge = ShareJudge(TENTH, max_n=50)
    assert judge.add(5, 49) is None
    assert judge.add(0, 1) is Verdict.INCONCLUSIVE


def test_too_few_responses_end_inconclusive_with_the_cause_given() -> None:
    judge = ShareJudge(TENTH)
    judge.add(1, 10)
    assert judge.finish(Cause.LATE) is Verdict.INCONCLUSIVE
    assert judge.judgement(WHAT).cause is Cause.LATE
    assert str(Cause.LATE) in str(judge.judgement(WHAT))


def test_never_breaks_on_the_first_hit() -> None:
    judge = ShareJudge(NEVER)
    judge.add(0, 600)
    assert judge.add(1, 1) is Verdict.BROKEN


def test_never_holds_with_the_688th_clean_response() -> None:
    judge = ShareJudge(NEVER)
    assert judge.add(0, 687) is None
    assert judge.forecast() == 1
    assert judge.add(0, 1) is Verdict.HOLDS
    assert judge.judgement("responses with status 5xx").seen == "0 of 688; a share of 1% or more is excluded (99.9%)"


def test_always_holds_after_688_hits_and_breaks_on_a_miss() -> None:
    always = Share(at_least=1.0, resolution=0.01)
    assert ShareJudge(always).add(688, 688) is Verdict.HOLDS
    assert ShareJudge(always).add(9, 10) is Verdict.BROKEN


def test_one_hit_among_a_batch_breaks_never_even_with_a_design_effect() -> None:
    assert ShareJudge(NEVER, design_effect=4).add(1, 5000) is Verdict.BROKEN


def test_a_share_whose_lower_edge_is_zero_does_not_hold_without_any_hit() -> None:
    judge = ShareJudge(Share(target=0.05, resolution=0.05))
    assert fed(judge, 0, 100).verdict is Verdict.INCONCLUSIVE


def test_a_design_effect_of_two_needs_twice_the_responses() -> None:
    once, twice = fed(ShareJudge(TENTH), 1, 10), fed(ShareJudge(TENTH, design_effect=2), 1, 10)
    assert twice.total == pytest.approx(2 * once.total, abs=20)
    assert twice.max_n == pytest.approx(2 * once.max_n, abs=1)


def test_a_design_effect_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        ShareJudge(TENTH, design_effect=0.5)


def test_more_hits_than_responses_are_refused() -> None:
    with pytest.raises(ValueError, match="3 hits among 2"):
        ShareJudge(TENTH).add(3, 2)


def test_a_judgement_before_the_verdict_is_our_own_mistake() -> None:
    with pytest.raises(RuntimeError, match="no verdict yet"):
        ShareJudge(TENTH).judgement(WHAT)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(9, 20)), min_size=1, max_size=20))
def test_evidence_depends_on_sums_only_not_on_batches(batches: list[tuple[int, int]]) -> None:
    in_parts, at_once = ShareJudge(TENTH), ShareJudge(TENTH)
    for hits, total in batches:
        in_parts.add(hits, total)
    at_once.add(in_parts.hits, in_parts.total)
    assert at_once.evidence == in_parts.evidence


def test_evidence_reaches_one_exactly_when_it_decides() -> None:
    judge = ShareJudge(TENTH)
    while judge.verdict is None:
        assert judge.evidence.holds < 1
        assert judge.evidence.broken < 1
        judge.add(1, 10)
    assert judge.evidence.holds >= 1


def test_the_forecast_ends_where_the_verdict_falls() -> None:
    judge = ShareJudge(TENTH)
    judge.add(30, 300)
    ahead = judge.forecast()
    assert ahead is not None
    assert 300 + ahead == pytest.approx(fed(judge, 1, 10).total, rel=0.05)


def test_there_is_no_forecast_outside_the_band() -> None:
    judge = ShareJudge(TENTH)
    judge.add(2, 100)
    assert judge.forecast() is None


def test_a_forecast_before_the_first_response_is_at_least_what_any_test_needs() -> None:
    assert (ShareJudge(TENTH).forecast() or 0) >= 633


def test_when_it_holds_the_interval_lies_within_what_must_be_told_apart() -> None:
    judgement = fed(ShareJudge(TENTH), 1, 10).judgement(WHAT)
    assert 0.05 < judgement.low < 0.10 < judgement.high < 0.15
    assert judgement.level == 0.999


def test_when_it_breaks_the_interval_holds_the_share_seen() -> None:
    judgement = fed(ShareJudge(TENTH), 0, 50).judgement(WHAT, requests=311)
    assert judgement.low == 0.0
    assert judgement.high < 0.05
    assert judgement.requests == 311


def test_the_interval_never_loses_the_share_seen_and_narrows() -> None:
    judge, width = ShareJudge(TENTH, max_n=10**6), 1.0
    for _ in range(20):
        judge.add(3, 20)
        low, high = judge.interval()
        assert low < 0.15 < high
        assert high - low < width
        width = high - low
    assert ShareJudge(TENTH).interval() == (0.0, 1.0)


def test_a_judgement_says_what_was_promised_and_what_was_seen() -> None:
    assert str(fed(ShareJudge(TENTH), 0, 10).judgement(WHAT)).startswith(
        "broken: promised 10% of responses with status 500 (must tell from 5% and 15%); saw 0 of 300 (0%; 99.9%"
    )


def test_nothing_seen_is_said_in_words() -> None:
    judge = ShareJudge(TENTH)
    judge.finish()
    assert judge.judgement(WHAT).seen == "no response"


def test_other_bounds_need_other_numbers_of_responses() -> None:
    strict, lax = ErrorBounds(beta=1e-4), ErrorBounds(beta=1e-2)
    assert fed(ShareJudge(TENTH, lax), 1, 10).total < fed(ShareJudge(TENTH, strict), 1, 10).total
