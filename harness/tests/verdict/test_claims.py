import pytest

from harness.verdict import Band, ErrorBounds, Every, Share


def test_a_target_keeps_and_catches_the_same_edges() -> None:
    band = Share(target=0.889, resolution=0.04).band()
    assert (band.low, band.high) == (0.849, 0.929)
    assert (band.detect_low, band.detect_high) == (0.849, 0.929)
    assert band.likely == 0.889


def test_at_most_keeps_all_below_and_catches_from_the_resolution_on() -> None:
    band = Share(at_most=0.05, resolution=0.02).band()
    assert (band.low, band.high, band.detect_low, band.detect_high) == (0.0, 0.05, None, 0.07)


def test_at_least_is_its_mirror() -> None:
    band = Share(at_least=0.95, resolution=0.02).band()
    assert (band.low, band.high, band.detect_low, band.detect_high) == (0.95, 1.0, 0.93, None)


def test_edges_that_reach_exactly_zero_and_one_are_allowed() -> None:
    assert Share(target=0.1, resolution=0.1).band().detect_low == 0.0
    assert Share(target=0.7, resolution=0.3).band().detect_high == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "exactly one of is, at-most and at-least"),
        ({"target": 0.1, "at_most": 0.2}, "not is and at-most"),
        ({"target": 1.2}, "is is a share between 0% and 100%, not 120%"),
        ({"at_most": float("nan")}, "at-most is a share"),
        ({"target": 0.1, "resolution": 0.0}, "resolution is a difference above 0pp and below 100pp, not 0pp"),
        ({"target": 0.03, "resolution": 0.05}, "3% with resolution 5pp must catch -2%; say at-most"),
        ({"target": 0.98, "resolution": 0.05}, "98% with resolution 5pp must catch 103%; say at-least"),
        ({"at_most": 0.98, "resolution": 0.05}, "this cannot break"),
        ({"at_least": 0.02, "resolution": 0.05}, "this cannot break"),
    ],
)
def test_a_share_without_meaning_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Share(**{"resolution": 0.05} | values)


def test_all_faults_of_a_share_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"exactly one.*; resolution is"):
        Share(resolution=2)


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (Share(target=0.1, resolution=0.05), "10% of x (must tell from 5% and 15%)"),
        (Share(at_most=0.0, resolution=0.01), "no x (must catch 1%)"),
        (Share(at_most=0.001, resolution=0.0005), "at most 0.1% of x (must tell from 0.15%)"),
        (Share(at_least=0.99, resolution=0.01), "at least 99% of x (must tell from 98%)"),
    ],
)
def test_a_promise_in_words(share: Share, sentence: str) -> None:
    assert share.promise("x") == sentence


def test_the_budget_is_several_times_what_any_test_needs() -> None:
    band = Share(target=0.9, resolution=0.05).band()
    assert band.least_responses(ErrorBounds()) == pytest.approx(634, abs=1)
    assert band.budget(ErrorBounds()) > 3465  # undecided once in a million runs


@pytest.mark.parametrize("value", [0, 1, -0.1, float("nan")])
def test_error_bounds_are_probabilities(value: float) -> None:
    with pytest.raises(ValueError, match="alpha is a probability"):
        ErrorBounds(alpha=value)
    with pytest.raises(ValueError, match="beta is a probability"):
        ErrorBounds(beta=value)


def test_bounds_shared_by_several_claims_divide_alpha_alone() -> None:
    assert ErrorBounds(1e-6, 1e-3).shared_by(4) == ErrorBounds(2.5e-7, 1e-3)
    with pytest.raises(ValueError, match="one claim or more"):
        ErrorBounds().shared_by(0)


@pytest.mark.parametrize(
    "edges",
    [
        {"low": 0.2, "likely": 0.1, "high": 0.3, "detect_low": None, "detect_high": 0.4},
        {"low": 0.1, "likely": 0.1, "high": 0.1, "detect_low": None, "detect_high": None},
        {"low": 0.1, "likely": 0.1, "high": 0.1, "detect_low": 0.2, "detect_high": None},
        {"low": 0.1, "likely": 0.1, "high": 0.3, "detect_low": None, "detect_high": 0.2},
    ],
)
def test_a_band_in_disorder_is_refused(edges: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"band|detect"):
        Band(**edges)


def test_every_needs_a_positive_number() -> None:
    assert Every(times=50).promise("200") == "only 200, 50 times"
    assert Every().promise("200") == "only 200"
    with pytest.raises(ValueError, match="times: 0"):
        Every(times=0)
