"""Durations, rates, percentages and points. A bare number is refused, and the sentence shows the right spelling."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from harness.scenario.sendable import MAX_RATE
from harness.scenario.spelled import Spelled, is_number, refused, shown, text_like

_LONGEST: Final = timedelta(days=1)
_LIKELIEST_ERROR: Final = 0.1
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,6})(?:\.[0-9]{1,6})?"
_DURATION: Final = re.compile(r"(?=.)(?:([0-9]{1,2})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})s)?(?:([0-9]{1,8})ms)?")
_RATE: Final = re.compile(f"({_NUMBER})/s")
_PERCENT: Final = re.compile(f"({_NUMBER})%")
_POINTS: Final = re.compile(f"({_NUMBER})pp")


def parse_duration(value: Any) -> timedelta:
    """The length that `2m`, `600ms` or `1m30s` writes; more than nothing, at most a day."""
    if is_number(value):
        raise refused(f"{shown(value)} has no unit; write {shown(value)}s, or use ms, m or h")
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"{shown(value)} is not a duration; write one like 600ms, 30s or 2m")
    hours, minutes, seconds, milliseconds = map(int, match.groups("0"))
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
    if not timedelta(0) < length <= _LONGEST:
        raise refused(f"{shown(value)} is out of range; a duration is more than 0s and at most 24h")
    return length


def format_duration(length: timedelta) -> str:
    """The spelling that `parse_duration` reads back."""
    milliseconds = round(length / timedelta(milliseconds=1))
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_rate(value: Any) -> float:
    """The requests per second that `100/s` writes."""
    if is_number(value):
        raise refused(f"{shown(value)} has no unit; write {shown(value)}/s")
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"{shown(value)} is not a rate; write one like 100/s")
    rate = float(match[1])
    if not 0 < rate <= MAX_RATE:
        raise refused(f"{shown(value)} is out of range; a rate is more than 0/s and at most {format_rate(MAX_RATE)}")
    return rate


def format_rate(per_second: float) -> str:
    """The spelling that `parse_rate` reads back."""
    return f"{round(per_second, 6):.15g}/s"


def parse_percent(value: Any) -> float:
    """The share that `10%` writes, as a fraction of 1."""
    if is_number(value):
        raise refused(f"{shown(value)} has no unit; write {_as_percent(value)}%")
    if isinstance(value, str) and (points := _POINTS.fullmatch(value)):
        raise refused(f"{shown(value)} is a distance between two shares; a share is written {points[1]}%")
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or Decimal(match[1]) > 100:
        raise refused(f"{shown(value)} is not a percentage; write one from 0% to 100%")
    return float(Decimal(match[1]) / 100)


def format_percent(fraction: float) -> str:
    """The spelling that `parse_percent` reads back; a fraction of 1, to a hundred-millionth of a percent."""
    return f"{_hundredfold(fraction)}%"


def parse_points(value: Any) -> float:
    """The distance between two shares that `5pp` writes, as a fraction of 1."""
    if is_number(value):
        raise refused(f"{shown(value)} has no unit; write {_as_percent(value)}pp (percentage points)")
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value)):
        raise refused(f"{shown(value)} could be read as relative; write {percent[1]}pp (percentage points)")
    match = _POINTS.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < Decimal(match[1]) <= 100:
        raise refused(f"{shown(value)} is not a distance between two shares; write percentage points like 5pp")
    return float(Decimal(match[1]) / 100)


def format_points(fraction: float) -> str:
    """The spelling that `parse_points` reads back; a fraction of 1."""
    return f"{_hundredfold(fraction)}pp"


def parse_error_rate(value: Any) -> float:
    """The chance of a wrong verdict that `0.1%` writes, as a fraction of 1."""
    chance = parse_percent(value)
    if not 0 < chance <= _LIKELIEST_ERROR:
        raise refused(f"{shown(value)} is out of range; a chance of error is more than 0% and at most 10%")
    return chance


def _as_percent(value: Any) -> str:
    return f"{value * 100 if isinstance(value, float) and abs(value) < 1 else value:.6g}"


def _hundredfold(fraction: float) -> str:
    return f"{round(fraction * 100, 8):.15g}"


_PERCENT_PATTERN: Final = r"100(\.0+)?%|[1-9]?[0-9](\.[0-9]{1,6})?%"

Duration = Annotated[
    timedelta, Spelled(parse_duration, format_duration, text_like(_DURATION.pattern, "600ms", "30s", "2m"), timedelta)
]
"""A length of time."""
Rate = Annotated[float, Spelled(parse_rate, format_rate, text_like(_RATE.pattern, "100/s"))]
"""Requests per second."""
Percent = Annotated[float, Spelled(parse_percent, format_percent, text_like(_PERCENT_PATTERN, "10%", "88.9%"))]
"""A share as a fraction of 1."""
Points = Annotated[float, Spelled(parse_points, format_points, text_like(_POINTS.pattern, "5pp"))]
"""A distance between two shares as a fraction of 1."""
ErrorRate = Annotated[float, Spelled(parse_error_rate, format_percent, text_like(_PERCENT_PATTERN, "0.1%"))]
"""A chance of a wrong verdict as a fraction of 1."""
