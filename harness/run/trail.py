"""How a verdict came about: the evidence after each look, thinned so that a long run costs no more than a short one."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.verdict.claims import Band
from harness.verdict.share import ShareJudge

MOST_POINTS = 256
"""A plot shows no more; beyond it every second point is dropped, the first and the last are not."""
EVIDENCE_CAP = 3.0
"""One refuting response of a zero-tolerance claim is infinite evidence; a plot needs a number. 1 decides already."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was known after so many responses.

    low, high      interval for the true share, as fractions of 1
    holds, broken  evidence for either verdict: 0 is nothing, 1 decides; -3..3
    """

    hits: int
    total: int
    low: float
    high: float
    holds: float
    broken: float


@dataclass(frozen=True, slots=True)
class Trail:
    """The way to a verdict on a share.

    promised            the share promised, as a fraction of 1
    caught_below/above  shares that must be caught; None where the claim has no such side
    """

    promised: float
    caught_below: float | None
    caught_above: float | None
    points: tuple[Point, ...]


@dataclass(slots=True)
class Tracker:
    """Takes points as they come."""

    _points: list[Point] = field(default_factory=list)
    _every: int = 1
    _seen: int = 0
    _last: Point | None = None
    _band: Band | None = None

    def look(self, judge: ShareJudge) -> None:
        """Remember how far a judge is, unless nothing has changed; of no responses there is no share to remember."""
        point = _point(judge)
        if point.total == (0 if self._last is None else self._last.total):
            return
        self._band, self._last = judge.band, point
        if self._seen % self._every == 0:
            self._points.append(point)
        self._seen += 1
        if len(self._points) > MOST_POINTS:
            self._points = self._points[::2]
            self._every *= 2

    def trail(self) -> Trail | None:
        """The way so far; None if nobody was looked at, or before anything was answered."""
        if self._band is None or self._last is None:
            return None
        points = self._points if self._points[-1] == self._last else [*self._points, self._last]
        return Trail(self._band.likely, self._band.detect_low, self._band.detect_high, tuple(points))


def _point(judge: ShareJudge) -> Point:
    evidence, (low, high) = judge.evidence, judge.interval()
    return Point(judge.hits, judge.total, low, high, _capped(evidence.holds), _capped(evidence.broken))


def _capped(evidence: float) -> float:
    return max(-EVIDENCE_CAP, min(EVIDENCE_CAP, evidence))
