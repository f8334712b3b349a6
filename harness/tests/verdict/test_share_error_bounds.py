"""The promised error bounds, checked exactly for the claims that scenarios make."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tests.verdict.exact import Decisions, course, decisions
from harness.verdict import Band, ErrorBounds, Share, ShareJudge, Verdict

BOUNDS = ErrorBounds(alpha=1e-6, beta=1e-3)
TENTH = Share(target=0.10, resolution=0.05)
HALF = Share(target=0.50, resolution=0.10)
NEVER = Share(at_most=0.0, resolution=0.01)
SELDOM = Share(at_most=0.05, resolution=0.05)
SLOW = Band(likely=0.0, low=0.0, high=0.01, detect_low=None, detect_high=0.01)  # «p99 < 200ms»

Table = dict[int, Decisions]


@pytest.fixture(scope="module")
def tenth() -> Table:
    return decisions(TENTH, BOUNDS, 4438)


@pytest.fixture(scope="module")
def half() -> Table:
    return decisions(HALF, BOUNDS, 2370)


@pytest.fixture(scope="module")
def seldom() -> Table:
    return decisions(SELDOM, BOUNDS, 1500)


@pytest.mark.parametrize("total", [8, 297, 580, 650, 900])
def test_the_boundaries_that_are_followed_are_all_there_are(tenth: Table, total: int) -> None:
    look = tenth[total]
    for hits in range(total + 1):
        expected = Verdict.HOLDS if hits in look.holding else None
        if hits <= look.few or hits >= look.many:
            expected = Verdict.BROKEN
        assert ShareJudge(TENTH, BOUNDS).add(hits, total) is expected


def test_a_tenth_as_promised_holds_after_758_responses_on_average(tenth: Table) -> None:
    # The first counts to hold lie beside the promised share (54..58 of 600), since 15% is harder to rule out than 5%;
    # a search that begins at exactly 10% overlooks them and finds 811.
    seen = course(tenth, 0.10, 4438)
    assert seen.mean == pytest.approx(758, abs=1)
    assert seen.quantile(0.99) == pytest.approx(1727, abs=3)
    assert seen.breaking < 1e-7
    assert seen.undecided < 1e-6


@pytest.mark.parametrize("edge", [0.05, 0.15])
def test_a_rate_at_the_edge_is_said_to_hold_or_to_break_within_the_bounds(tenth: Table, edge: float) -> None:
    seen = course(tenth, edge, 4438)
    assert seen.holding <= BOUNDS.beta
    assert seen.breaking <= BOUNDS.alpha


@pytest.mark.parametrize(("rate", "responses"), [(0.0, 296), (0.5, 50), (1.0, 8), (0.20, 2035), (0.01, 657)])
def test_a_wrong_rate_breaks_early(tenth: Table, rate: float, responses: int) -> None:
    seen = course(tenth, rate, 4438)
    assert seen.breaking > 0.97
    assert seen.mean == pytest.approx(responses, rel=0.02)


@pytest.mark.parametrize("rate", [0.04, 0.16, 0.2, 0.3])
def test_rates_beyond_the_edge_are_missed_even_less(tenth: Table, rate: float) -> None:
    assert course(tenth, rate, 4438).holding < BOUNDS.beta / 10


def test_one_half_as_promised_holds_after_510_responses_on_average(half: Table) -> None:
    seen = course(half, 0.50, 2370)
    assert seen.mean == pytest.approx(510, abs=1)
    assert seen.quantile(0.99) == pytest.approx(1062, abs=3)
    assert seen.undecided < 1e-6


@pytest.mark.parametrize("edge", [0.40, 0.60])
def test_one_half_keeps_both_bounds_at_its_edges(half: Table, edge: float) -> None:
    seen = course(half, edge, 2370)
    assert seen.holding <= BOUNDS.beta
    assert seen.breaking <= BOUNDS.alpha


def test_never_holds_after_exactly_688_clean_responses() -> None:
    table = decisions(NEVER, BOUNDS, 800)
    assert course(table, 0.0, 800).holds[688] == 1.0
    caught = course(table, 0.01, 800)
    assert caught.holding == pytest.approx(0.99**688)
    assert caught.holding <= BOUNDS.beta
    assert caught.broken[1] == pytest.approx(0.01)


def test_a_one_sided_share_keeps_the_rate_it_allows_and_catches_the_one_it_must(seldom: Table) -> None:
    assert course(seldom, 0.05, 1500).breaking <= BOUNDS.alpha
    assert course(seldom, 0.05, 1500).holding > 0.999
    assert course(seldom, 0.10, 1500).holding <= BOUNDS.beta


@pytest.mark.parametrize(("rate", "responses"), [(0.0, 744), (0.001, 1150)])
def test_a_latency_claim_counts_exceedances(rate: float, responses: int) -> None:
    seen = course(decisions(SLOW, BOUNDS, 4000), rate, 4000)
    assert seen.mean == pytest.approx(responses, rel=0.005)


def test_looking_seldom_changes_no_bound() -> None:
    table = decisions(TENTH, BOUNDS, 4438, every=50)
    assert course(table, 0.05, 4438).holding <= BOUNDS.beta
    assert course(table, 0.10, 4438).mean == pytest.approx(815, abs=1)


@settings(max_examples=20, deadline=None)
@given(
    target=st.floats(0.1, 0.9),
    part=st.floats(0.3, 0.9),
    alpha=st.sampled_from([0.01, 0.05]),
    beta=st.sampled_from([0.02, 0.1]),
)
def test_any_claim_keeps_any_bounds_at_both_edges(target: float, part: float, alpha: float, beta: float) -> None:
    claim = Share(target=target, resolution=part * min(target, 1 - target))
    bounds = ErrorBounds(alpha, beta)
    table = decisions(claim, bounds, 250)
    for edge in (claim.band().low, claim.band().high):
        seen = course(table, edge, 250)
        assert seen.holding <= beta
        assert seen.breaking <= alpha
