"""The yardstick: a test of fixed size with the same bounds."""

import time

import pytest

from harness.verdict import Band, ErrorBounds, Share, fixed_size

LAX = ErrorBounds(alpha=1e-3, beta=1e-3)


@pytest.mark.parametrize(
    ("target", "resolution", "strict", "lax"),
    [(0.90, 0.05, 2735, 1766), (0.10, 0.05, 2735, 1766), (0.50, 0.10, 1586, 1014), (0.90, 0.03, 7125, 4592)],
)
def test_two_sided_shares(target: float, resolution: float, strict: int, lax: int) -> None:
    claim = Share(target=target, resolution=resolution)
    assert fixed_size(claim) == strict
    assert fixed_size(claim, LAX) == lax


def test_never_and_always_cost_the_same_as_the_sequential_judge_pays() -> None:
    assert fixed_size(Share(at_most=0.0, resolution=0.01)) == 688
    assert fixed_size(Share(at_least=1.0, resolution=0.01)) == 688


def test_one_sided_shares_spend_all_of_alpha_on_their_side() -> None:
    one_sided = fixed_size(Share(at_most=0.05, resolution=0.05))
    assert one_sided == fixed_size(Share(at_least=0.95, resolution=0.05))
    assert one_sided < fixed_size(Share(target=0.05, resolution=0.05))


def test_it_is_fast_enough_for_a_benchmark() -> None:
    began = time.process_time()
    rare = Band(likely=0.01, low=0.005, high=0.02, detect_low=0.005, detect_high=0.02)
    assert fixed_size(rare) == pytest.approx(19085, rel=0.02)
    assert time.process_time() - began < 2
