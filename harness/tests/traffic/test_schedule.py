import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.traffic.schedule import MIN_PAUSE_SECONDS, ConstantRate, EvenRamp, OpenLoop


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_request_is_due_at_once_and_the_others_at_equal_distances() -> None:
    clock = Clock()
    loop = OpenLoop(ConstantRate(100), 3, clock)
    assert loop.pause() == 0
    assert loop.take() == [(0, 0.0)]
    assert loop.take() == []
    clock.now += 0.0201
    assert loop.take() == [(1, 0.01), (2, 0.02)]
    assert loop.pause() is None


def test_after_a_delay_it_catches_up_without_skipping_or_shifting() -> None:
    clock = Clock()
    loop = OpenLoop(ConstantRate(100), 1000, clock)
    loop.take()
    clock.now += 0.505
    assert loop.take() == [(index, index / 100) for index in range(1, 51)]
    clock.now += 0.01
    assert [index for index, _ in loop.take()] == [51]


def test_it_never_sleeps_less_than_an_event_loop_can() -> None:
    clock = Clock()
    loop = OpenLoop(ConstantRate(10_000), 10, clock)
    loop.take()
    assert loop.pause() == MIN_PAUSE_SECONDS


def test_a_long_wait_is_slept_in_one() -> None:
    loop = OpenLoop(ConstantRate(0.5), 2, Clock())
    loop.take()
    assert loop.pause() == 2.0


@given(st.floats(0.1, 5000), st.lists(st.floats(0, 0.3), max_size=20))
def test_at_any_time_exactly_what_was_due_has_been_handed_out(rate: float, steps: list[float]) -> None:
    clock = Clock()
    loop = OpenLoop(ConstantRate(rate), 10**6, clock)
    handed_out: list[tuple[int, float]] = []
    for step in steps:
        clock.now += step
        handed_out += loop.take()
        due = len(handed_out)
        assert due == 0 or (due - 1) / rate <= loop.elapsed()
        assert due / rate > loop.elapsed()
    assert [index for index, _ in handed_out] == list(range(len(handed_out)))


@given(st.floats(0.5, 2000), st.floats(0.5, 2000), st.floats(0.5, 60), st.integers(0, 5000))
def test_a_ramp_sends_as_many_as_the_area_below_its_rate(first: float, last: float, seconds: float, index: int) -> None:
    due = EvenRamp(first, last, seconds).due(index)
    ramped = min(due, seconds)
    area = first * ramped + (last - first) * ramped**2 / (2 * seconds) + last * (due - ramped)
    assert area == pytest.approx(index, rel=1e-6, abs=1e-6)


def test_a_ramp_begins_at_one_rate_and_ends_at_the_other() -> None:
    ramp = EvenRamp(10, 100, 10)  # 550 requests
    assert ramp.due(0) == 0
    assert ramp.due(1) - ramp.due(0) == pytest.approx(1 / 10, rel=0.1)
    assert ramp.due(549) - ramp.due(548) == pytest.approx(1 / 100, rel=0.01)
    assert ramp.due(550) == pytest.approx(10)
    assert ramp.due(650) == pytest.approx(11), "the last rate stays"
    falling = EvenRamp(100, 10, 10)
    assert falling.due(1) == pytest.approx(1 / 100, rel=0.01)
    assert falling.due(560) == pytest.approx(11)
    assert EvenRamp(50, 50, 3).due(100) == pytest.approx(2), "as a constant rate"
