from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdict.binomial import at_least, at_most


@given(st.integers(1, 40), st.integers(-1, 41), st.fractions(0, 1, max_denominator=20))
def test_tails_agree_with_whole_number_arithmetic(total: int, hits: int, rate: Fraction) -> None:
    exact = sum(comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(min(hits, total) + 1))
    assert at_most(hits, total, float(rate)) == pytest.approx(float(exact), abs=1e-14)
    assert at_least(hits + 1, total, float(rate)) == pytest.approx(float(1 - exact), abs=1e-14)


def test_far_tails_keep_their_digits() -> None:
    assert at_most(0, 1000, 0.5) == pytest.approx(0.5**1000, rel=1e-9)
    assert at_least(300, 300, 0.1) == pytest.approx(1e-300, rel=1e-9)
