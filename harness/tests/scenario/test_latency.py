"""The claim on response times: ranges of quantiles, and the shares that they amount to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from harness.scenario.latency import Latency, LatencyBound, parse_latency_range
from harness.scenario.words import Statuses


def _latency(text: str) -> Latency:
    return Latency.model_validate(yaml.safe_load(text))


def _complaints(text: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        _latency(text)
    return [error["msg"] for error in caught.value.errors()]


def _ms(count: int) -> timedelta:
    return timedelta(milliseconds=count)


@pytest.mark.parametrize("text", ["600ms..700ms", "..200ms", "1s..", "1m30s..2m"])
def test_a_range_prints_as_written(text: str) -> None:
    assert str(parse_latency_range(text)) == text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("600ms", "'600ms' is no range of times; write one like 600ms..700ms, ..200ms or 600ms.."),
        ("..", "'..' is no range of times; write one like 600ms..700ms, ..200ms or 600ms.."),
        (200, "200 is no range of times; write one like 600ms..700ms, ..200ms or 600ms.."),
        ("600..700ms", "'600' is not a duration; write one like 600ms, 30s or 2m"),
        ("700ms..600ms", "'700ms..600ms' is empty; the shorter time comes first"),
        ("1s..1000ms", "'1s..1000ms' is empty; the shorter time comes first"),
    ],
)
def test_what_is_no_range_is_quoted(wrong: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_latency_range(wrong)
    assert str(caught.value) == sentence


def test_each_end_of_a_range_is_a_share_that_is_not_exceeded() -> None:
    claim = _latency("{of: {status: 504}, p50: 550ms..700ms, p99: ..900ms}")
    assert claim.of is not None
    assert claim.of.status == Statuses((504,))
    assert claim.bounds() == (
        LatencyBound(quantile="p50", limit=_ms(550), slower=False, at_most=0.5),
        LatencyBound(quantile="p50", limit=_ms(700), slower=True, at_most=0.5),
        LatencyBound(quantile="p99", limit=_ms(900), slower=True, at_most=0.01),
    )
    assert [str(bound) for bound in claim.bounds()] == ["p50 at least 550ms", "p50 at most 700ms", "p99 at most 900ms"]


@pytest.mark.parametrize(
    ("quantile", "below"), [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)]
)
def test_what_may_be_faster_and_what_may_be_slower_are_all(quantile: str, below: float) -> None:
    faster, slower = _latency(f"{{{quantile}: 1ms..2ms}}").bounds()
    assert faster.at_most == below
    assert slower.at_most == pytest.approx(1 - below, abs=1e-12)


def test_the_limit_itself_is_within_and_no_response_is_the_slowest() -> None:
    slower = LatencyBound(quantile="p50", limit=_ms(200), slower=True, at_most=0.5)
    faster = LatencyBound(quantile="p50", limit=_ms(200), slower=False, at_most=0.5)
    times = (0.1, 0.2, 0.3, None)
    assert [slower.is_beyond(seconds) for seconds in times] == [False, False, True, True]
    assert [faster.is_beyond(seconds) for seconds in times] == [True, False, False, False]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{of: {status: 200}}", "'latency' names no quantile; known are p50, p75, p90, p95, p99"),
        ("{p98: ..1s}", "'p98' is not a key of 'latency'; did you mean 'p99'?"),
        (
            "{of: {answered-by: a}, p50: ..1s}",
            "'answered-by' selects no responses for 'latency'; it tells how many each workload answered, not which",
        ),
        ("{of: {faster-than: 1s}, p50: ..1s}", "'faster-than' selects no responses for 'latency'; it is itself a time"),
        (
            "{p50: 600ms..700ms, p99: ..500ms}",
            "p99 is never below p50, so 600ms..700ms and ..500ms cannot both be true",
        ),
    ],
)
def test_what_cannot_be_claimed_is_said(text: str, complaint: str) -> None:
    assert complaint in _complaints(text)
