"""The claim `latency`: quantiles of response times, each within a range.

A quantile is a share in disguise: «p99 is at most 200ms» says that at most 1% of the responses are slower. So each end
of a range is a claim that one share is not exceeded, and needs no resolution of its own: what is excluded when the
claim holds is the same line that must be crossed for it to be broken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Annotated, Any, ClassVar, Final

from harness.scenario.claims import Criteria
from harness.scenario.part import Part, Problem
from harness.scenario.spelled import Spelled, refused, shown, text_like
from harness.scenario.units import format_duration, parse_duration

_RANGE: Final = re.compile(r"([0-9hms]*)\.\.([0-9hms]*)")
_LENGTH: Final = "([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"
_QUANTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class LatencyRange:
    """Response times, written `600ms..700ms`, `..200ms` or `600ms..`.

    low, high  None for an open end; not both
    """

    low: timedelta | None
    high: timedelta | None

    def __str__(self) -> str:
        low, high = ("" if end is None else format_duration(end) for end in (self.low, self.high))
        return f"{low}..{high}"


def parse_latency_range(value: Any) -> LatencyRange:
    """The times that `600ms..700ms` spans."""
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[0] == "..":
        raise refused(f"{shown(value)} is no range of times; write one like 600ms..700ms, ..200ms or 600ms..")
    low, high = (parse_duration(end) if end else None for end in match.groups())
    if low is not None and high is not None and low >= high:
        raise refused(f"{shown(value)} is empty; the shorter time comes first")
    return LatencyRange(low, high)


Times = Annotated[
    LatencyRange,
    Spelled(
        parse_latency_range,
        str,
        text_like(rf"{_LENGTH}\.\.{_LENGTH}", "600ms..700ms", "..200ms", "600ms.."),
        LatencyRange,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBound:
    """One end of the range of one quantile: a share of the responses that must not be exceeded.

    quantile  as YAML spells it, such as p99
    limit     the end of the range
    slower    which responses lie beyond it: the slower ones, or the faster ones
    at_most   how many of the responses may, as a fraction of 1; more must be caught
    """

    quantile: str
    limit: timedelta
    slower: bool
    at_most: float

    def is_beyond(self, seconds: float | None) -> bool:
        """Whether a response that took so long lies beyond the limit; None for one that never came, the slowest."""
        if seconds is None:
            return self.slower
        limit = self.limit.total_seconds()
        return seconds > limit if self.slower else seconds < limit

    def __str__(self) -> str:
        return f"{self.quantile} at {'most' if self.slower else 'least'} {format_duration(self.limit)}"


class Latency(Part):
    """Quantiles of the time from the scheduled sending to the end of the response, each within a range."""

    said: ClassVar[str] = "'latency'"
    of: Criteria | None = None
    """Which responses are meant; left out, all, and a request without a response counts as slower than any time."""
    p50: Times | None = None
    """Half of the responses are faster."""
    p75: Times | None = None
    p90: Times | None = None
    p95: Times | None = None
    p99: Times | None = None
    """One response in a hundred is slower; telling takes 744 responses at least."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        if not set(present) & set(_QUANTILES):
            yield "", f"{cls.said} names no quantile; known are {', '.join(_QUANTILES)}"

    @classmethod
    def schema_rules(cls) -> list[dict[str, Any]]:
        return [{"anyOf": [{"required": [key]} for key in _QUANTILES]}]

    def value_problems(self) -> Iterable[Problem]:
        for key in ("answered-by", "faster-than"):
            if self.of is not None and key in self.of.given():
                why = "tells how many each workload answered, not which" if key == "answered-by" else "is itself a time"
                yield "of", f"'{key}' selects no responses for 'latency'; it {why}"
        for (lower, one), (higher, other) in combinations(self.quantiles().items(), 2):
            if one.low is not None and other.high is not None and one.low >= other.high:
                yield higher, f"{higher} is never below {lower}, so {one} and {other} cannot both be true"

    def quantiles(self) -> dict[str, LatencyRange]:
        """The ranges by quantile, the smallest quantile first."""
        written = {name: getattr(self, name) for name in _QUANTILES}
        return {name: times for name, times in written.items() if times is not None}

    def bounds(self) -> tuple[LatencyBound, ...]:
        """What must be judged, one share after the other."""
        return tuple(self._bounds())

    def _bounds(self) -> Iterator[LatencyBound]:
        for name, times in self.quantiles().items():
            below = _QUANTILES[name]
            if times.low is not None:
                yield LatencyBound(quantile=name, limit=times.low, slower=False, at_most=below)
            if times.high is not None:
                above = round(1 - below, 12)
                yield LatencyBound(quantile=name, limit=times.high, slower=True, at_most=above)
