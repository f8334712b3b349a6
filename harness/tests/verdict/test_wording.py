import pytest

from harness.verdict.wording import count, percent, points


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.1, "10%"),
        (0.889, "88.9%"),
        (0.0004, "0.04%"),
        (2e-6, "0.0002%"),
        (2e-7, "0.00002%"),
        (0.9999, "99.99%"),
        (0.99999999, "99.99%"),
        (1.0004, "100%"),
        (-0.02, "-2%"),
    ],
)
def test_a_share_that_is_not_nothing_or_all_never_reads_so(share: float, text: str) -> None:
    assert percent(share) == text


def test_points_and_counts() -> None:
    assert points(0.05) == "5pp"
    assert points(0.0025) == "0.25pp"
    assert count(1, "response") == "1 response"
    assert count(688, "response") == "688 responses"
