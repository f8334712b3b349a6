from harness.verdict import Every, EveryJudge, Judge, Share, ShareJudge, false_alarms


def test_the_bound_is_the_sum_over_claims_that_rest_on_chance() -> None:
    judges: list[Judge] = [
        ShareJudge(Share(target=0.1, resolution=0.05)),
        ShareJudge(Share(at_least=0.9, resolution=0.05)),
        ShareJudge(Share(at_most=0.0, resolution=0.01)),
        EveryJudge(Every(times=50)),
    ]
    alarms = false_alarms(judge.alpha for judge in judges)
    assert (alarms.claims, alarms.bound) == (2, 2e-6)
    assert alarms.sentence() == (
        "the chance that this run is red by bad luck is at most 0.0002% (2 statistical claims)"
    )


def test_a_run_without_statistics_cannot_be_unlucky() -> None:
    assert "nothing in this run" in false_alarms([0.0]).sentence()


def test_a_bound_is_never_more_than_certainty() -> None:
    assert false_alarms([0.7, 0.7]).bound == 1
