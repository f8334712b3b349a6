from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.resources.durations import (
    DurationInvalid,
    format_duration,
    parse_gateway_duration,
    parse_policy_duration,
)

MS = timedelta(milliseconds=1)
S = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", 0 * S),
        ("0s", 0 * S),
        ("600ms", 600 * MS),
        ("1h2m", 3720 * S),
        ("1.5s", 1500 * MS),
        (".5s", 500 * MS),
        ("5.s", 5 * S),
        ("10.5s4m", 250.5 * S),
        ("+5s", 5 * S),
        ("-5s", -5 * S),
        ("-2m3.4s", -123.4 * S),
        ("11us", timedelta(microseconds=11)),
        ("12\u00b5s", timedelta(microseconds=12)),
        ("12\u03bcs", timedelta(microseconds=12)),
        ("52763797000ns", 52.763797 * S),
        ("0.3333333333333333333h", 1200 * S),
    ],
)
def test_policy_group_takes_go_durations_2_4(text: str, length: timedelta) -> None:
    assert parse_policy_duration(text) == length


@pytest.mark.parametrize("text", ["5", "s", ".s", "1d", "1 s", "5s0", "1e3s", "1sec", "1mss", "five", "1h-5m", "９s"])
def test_policy_group_refuses_2_4(text: str) -> None:
    with pytest.raises(DurationInvalid, match="600ms"):
        parse_policy_duration(text)


@pytest.mark.parametrize("text", ["9" * 150 + "h", "9" * 5000 + "s"])
def test_absurd_lengths_are_refused_and_not_computed(text: str) -> None:
    for parse in (parse_policy_duration, parse_gateway_duration):
        with pytest.raises(DurationInvalid):
            parse(text)


def test_one_nanosecond_is_not_no_limit_2_4() -> None:
    assert parse_policy_duration("1ns") == timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", 0 * S),
        ("00", 0 * S),
        ("0ms", 0 * S),
        ("600ms", 600 * MS),
        ("10s", 10 * S),
        (" 5m ", 300 * S),
        ("2h", 7200 * S),
        ("1d", 86400 * S),
        ("+7s", 7 * S),
    ],
)
def test_gateway_group_takes_one_whole_number_2_4(text: str, length: timedelta) -> None:
    assert parse_gateway_duration(text) == length


@pytest.mark.parametrize("text", ["", "5", "1h30m", "0.5s", "0.0s", "-5s", "10x", "10us", "1s1", "s", "999999999999d"])
def test_gateway_group_refuses_2_4(text: str) -> None:
    with pytest.raises(DurationInvalid):
        parse_gateway_duration(text)


@given(st.timedeltas())
def test_a_formatted_duration_reads_back(length: timedelta) -> None:
    assert parse_policy_duration(format_duration(length)) == length


@given(st.integers(0, 10**12).map(lambda count: count * MS))
def test_whole_milliseconds_read_back_in_the_gateway_group_too(length: timedelta) -> None:
    assert parse_gateway_duration(format_duration(length)) == length


@pytest.mark.parametrize(("text", "short"), [("90s", "90s"), ("1h2m", "62m"), ("1.5s", "1500ms"), ("0", "0s")])
def test_the_largest_whole_unit_is_written(text: str, short: str) -> None:
    assert format_duration(parse_policy_duration(text)) == short


@given(st.text(st.sampled_from("0123456789.+-hmsnuµ ")))
def test_parsers_answer_or_refuse_and_never_crash(text: str) -> None:
    for parse in (parse_policy_duration, parse_gateway_duration):
        with suppress(DurationInvalid):
            assert isinstance(parse(text), timedelta)
