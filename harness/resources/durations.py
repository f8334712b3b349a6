"""Durations as manifests write them: Go style in the policy group, one whole number and unit elsewhere (§2.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Final

_NANOSECONDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "ns": 1,
        "us": 1_000,
        "\u00b5s": 1_000,  # the micro sign
        "\u03bcs": 1_000,  # the Greek letter
        "ms": 1_000_000,
        "s": 1_000_000_000,
        "m": 60_000_000_000,
        "h": 3_600_000_000_000,
        "d": 86_400_000_000_000,
    }
)
_POLICY_PART: Final = re.compile("([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)(?![^\\W\\d_])")
_GATEWAY_WHOLE: Final = re.compile(r"\+?([0-9]+)(ms|s|m|h|d)")
_GATEWAY_ZERO: Final = re.compile(r"\+?0+")
_MOST_CHARACTERS: Final = 200  # nobody writes a longer one, and int() refuses 4300 digits


class DurationInvalid(ValueError):
    """A text is no duration; the message quotes it and says what is wanted."""


def parse_policy_duration(text: str) -> timedelta:
    """The length of a Go-style duration such as `600ms`, `1h2m`, `-1.5s` or `0` (§2.4, policy group).

    Exact to the microsecond. What is shorter but not 0 counts as 1 µs, because 0 means «no limit».
    raises  DurationInvalid
    """
    unsigned = _checked_size(text).lstrip("+").lstrip("-")
    nanoseconds, position = Fraction(0), 0
    while position < len(unsigned) and unsigned != "0":
        part = _POLICY_PART.match(unsigned, position)
        if part is None:
            raise DurationInvalid(f"'{text}' is not a duration such as 600ms, 1.5s or 1h2m")
        nanoseconds += Fraction(part[1]) * _NANOSECONDS[part[2]]
        position = part.end()
    length = _to_timedelta(nanoseconds, text)
    return -length if text.startswith("-") else length


def parse_gateway_duration(text: str) -> timedelta:
    """The length of a whole number with one unit ms, s, m, h or d, or a bare `0` (§2.4).

    Linkerd reads the timeouts of the gateway group and all timeout annotations so; `1h30m`, which the Gateway API
    allows, is none of them.
    raises  DurationInvalid
    """
    trimmed = _checked_size(text).strip()
    whole = _GATEWAY_WHOLE.fullmatch(trimmed)
    if whole is not None:
        return _to_timedelta(Fraction(int(whole[1]) * _NANOSECONDS[whole[2]]), text)
    if _GATEWAY_ZERO.fullmatch(trimmed):
        return timedelta(0)
    raise DurationInvalid(f"'{text}' is not a whole number with one unit ms, s, m, h or d")


def format_duration(length: timedelta) -> str:
    """A duration as a whole number of the largest unit that fits: `600ms`, `90s`, `2h`; reads back unchanged."""
    sign = "-" if length < timedelta(0) else ""
    microseconds = abs(length) // timedelta(microseconds=1)
    for unit in ("h", "m", "s", "ms"):
        count, rest = divmod(microseconds * 1_000, _NANOSECONDS[unit])
        if count and not rest:
            return f"{sign}{count}{unit}"
    return f"{sign}{microseconds}us" if microseconds else "0s"


def _checked_size(text: str) -> str:
    if len(text) > _MOST_CHARACTERS:
        raise DurationInvalid(f"'{text[:20]}…' is too long for a duration")
    return text


def _to_timedelta(nanoseconds: Fraction, text: str) -> timedelta:
    microseconds = round(nanoseconds / 1_000)
    try:
        return timedelta(microseconds=max(microseconds, 1) if nanoseconds else 0)
    except OverflowError:
        raise DurationInvalid(f"'{text}' is longer than any timer") from None
