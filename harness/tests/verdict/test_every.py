import pytest

from harness.verdict import Cause, Every, EveryJudge, Verdict


def test_holds_after_the_number_wanted() -> None:
    judge = EveryJudge(Every(times=50))
    assert judge.add(49, 49) is None
    assert judge.add(1, 1) is Verdict.HOLDS
    judgement = judge.judgement("responses with status 200")
    assert (judgement.hits, judgement.total) == (50, 50)
    assert judgement.seen == "50 of 50; exceptions of 12.9% or more are excluded (99.9%)"


def test_the_first_violation_breaks_it_and_the_rest_is_not_counted() -> None:
    judge = EveryJudge(Every(times=50))
    assert judge.add(9, 10, {"200": 9, "500 (server nginx)": 1}) is Verdict.BROKEN
    assert judge.add(40, 40, {"200": 40}) is Verdict.BROKEN
    assert judge.judgement("responses with status 200").seen == "9 of 10 (200 x 9, 500 (server nginx) x 1)"


def test_a_long_list_of_what_was_seen_is_cut() -> None:
    judge = EveryJudge(Every(times=50))
    judge.add(0, 7, {str(500 + number): 1 for number in range(7)})
    assert judge.judgement("x").seen.endswith("504 x 1 and 2 other kinds)")


def test_without_a_number_it_holds_when_the_responses_end() -> None:
    judge = EveryJudge(Every())
    assert judge.add(700, 700) is None
    assert judge.finish() is Verdict.HOLDS


@pytest.mark.parametrize(("claim", "responses"), [(Every(), 0), (Every(times=50), 49)])
def test_too_few_responses_are_inconclusive(claim: Every, responses: int) -> None:
    judge = EveryJudge(claim)
    judge.add(responses, responses)
    assert judge.finish() is Verdict.INCONCLUSIVE
    assert judge.judgement("x").cause is Cause.TOO_LITTLE


def test_a_judgement_before_the_verdict_is_our_own_mistake() -> None:
    with pytest.raises(RuntimeError, match="no verdict yet"):
        EveryJudge(Every()).judgement("x")


def test_more_hits_than_responses_are_refused() -> None:
    with pytest.raises(ValueError, match="2 hits among 1"):
        EveryJudge(Every()).add(2, 1)


def test_it_can_never_be_broken_by_bad_luck() -> None:
    assert EveryJudge(Every()).alpha == 0
