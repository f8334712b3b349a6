"""Units are written; a bare number never passes, and the sentence shows the right spelling."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harness.scenario.units import (
    Duration,
    ErrorRate,
    Percent,
    Points,
    Rate,
    format_duration,
    format_percent,
    format_points,
    format_rate,
    parse_duration,
    parse_percent,
    parse_points,
    parse_rate,
)

DURATION: TypeAdapter[Any] = TypeAdapter(Duration)
RATE: TypeAdapter[Any] = TypeAdapter(Rate)
PERCENT: TypeAdapter[Any] = TypeAdapter(Percent)
POINTS: TypeAdapter[Any] = TypeAdapter(Points)
ERROR_RATE: TypeAdapter[Any] = TypeAdapter(ErrorRate)


@pytest.mark.parametrize(
    ("adapter", "text", "value"),
    [
        (DURATION, "600ms", timedelta(milliseconds=600)),
        (DURATION, "2m", timedelta(minutes=2)),
        (DURATION, "1m30s", timedelta(seconds=90)),
        (DURATION, "24h", timedelta(days=1)),
        (RATE, "100/s", 100.0),
        (RATE, "0.5/s", 0.5),
        (PERCENT, "10%", 0.1),
        (PERCENT, "88.9%", 0.889),
        (PERCENT, "0%", 0.0),
        (PERCENT, "100%", 1.0),
        (POINTS, "5pp", 0.05),
        (POINTS, "0.5pp", 0.005),
        (ERROR_RATE, "0.0001%", 1e-6),
    ],
)
def test_a_written_unit_is_read(adapter: TypeAdapter[Any], text: str, value: object) -> None:
    assert adapter.validate_python(text) == value


@pytest.mark.parametrize(
    ("adapter", "wrong", "sentence"),
    [
        (DURATION, 2, "2 has no unit; write 2s, or use ms, m or h"),
        (DURATION, 0.6, "0.6 has no unit; write 0.6s, or use ms, m or h"),
        (DURATION, "2", "'2' is not a duration; write one like 600ms, 30s or 2m"),
        (DURATION, "1.5s", "'1.5s' is not a duration; write one like 600ms, 30s or 2m"),
        (DURATION, "", "'' is not a duration; write one like 600ms, 30s or 2m"),
        (DURATION, "0s", "'0s' is out of range; a duration is more than 0s and at most 24h"),
        (DURATION, "25h", "'25h' is out of range; a duration is more than 0s and at most 24h"),
        (DURATION, True, "true is not a duration; write one like 600ms, 30s or 2m"),
        (DURATION, ["2m"], "a list is not a duration; write one like 600ms, 30s or 2m"),
        (RATE, 100, "100 has no unit; write 100/s"),
        (RATE, "100/m", "'100/m' is not a rate; write one like 100/s"),
        (RATE, "0/s", "'0/s' is out of range; a rate is more than 0/s and at most 10000/s"),
        (PERCENT, 0.1, "0.1 has no unit; write 10%"),
        (PERCENT, 10, "10 has no unit; write 10%"),
        (PERCENT, "0.1", "'0.1' is not a percentage; write one from 0% to 100%"),
        (PERCENT, "101%", "'101%' is not a percentage; write one from 0% to 100%"),
        (PERCENT, "10pp", "'10pp' is a distance between two shares; a share is written 10%"),
        (POINTS, 5, "5 has no unit; write 5pp (percentage points)"),
        (POINTS, 0.05, "0.05 has no unit; write 5pp (percentage points)"),
        (POINTS, "5%", "'5%' could be read as relative; write 5pp (percentage points)"),
        (POINTS, "0pp", "'0pp' is not a distance between two shares; write percentage points like 5pp"),
        (ERROR_RATE, "50%", "'50%' is out of range; a chance of error is more than 0% and at most 10%"),
        (ERROR_RATE, 1e-6, "1e-06 has no unit; write 0.0001%"),
    ],
)
def test_anything_else_is_refused_with_the_right_spelling(adapter: TypeAdapter[Any], wrong: Any, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(wrong)
    assert [error["msg"] for error in caught.value.errors()] == [sentence]


@given(st.integers(1, 86_400_000))
def test_durations_print_as_they_are_read(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length


@given(st.integers(0, 100_000))
def test_percentages_print_as_they_are_read(thousandths: int) -> None:
    text = f"{thousandths / 1000:g}%" if thousandths % 1000 else f"{thousandths // 1000}%"
    assert parse_percent(format_percent(parse_percent(text))) == parse_percent(text)


@given(st.integers(1, 10_000))
def test_points_print_as_they_are_read(hundredths: int) -> None:
    points = hundredths / 10_000
    assert parse_points(format_points(points)) == pytest.approx(points, abs=1e-12)


@given(st.integers(1, 100_000))
def test_rates_print_as_they_are_read(tenths: int) -> None:
    assert parse_rate(format_rate(tenths / 10)) == tenths / 10
