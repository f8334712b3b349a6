"""Exact operating characteristics of a sequential judge, by dynamic programming over all counts; no simulation.

A judge that was told «k of n» decides by k and n alone. So the chance of every course of events is found by carrying
along the chances of all counts that are undecided, and taking out those that decide, response by response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, floor, log

from harness.verdict import Band, ErrorBounds, Share, ShareJudge, Verdict

Decide = Callable[[int, int], Verdict | None]


@dataclass(frozen=True, slots=True)
class Decisions:
    """For each number of responses the hits that decide: broken up to `few` and from `many`, holds within `holding`."""

    few: int
    many: int
    holding: range


@dataclass(frozen=True, slots=True)
class Course:
    """What happens at one true share: chances of either verdict by number of responses, and of none."""

    holds: dict[int, float]
    broken: dict[int, float]
    undecided: float
    budget: int

    @property
    def holding(self) -> float:
        """Chance that it is ever said to hold."""
        return sum(self.holds.values())

    @property
    def breaking(self) -> float:
        """Chance that it is ever called broken."""
        return sum(self.broken.values())

    @property
    def mean(self) -> float:
        """Average number of responses used."""
        decided = sum(n * chance for n, chance in (*self.holds.items(), *self.broken.items()))
        return decided + self.undecided * self.budget

    def quantile(self, share: float) -> int:
        """Number of responses by which a decision has fallen with chance `share`."""
        reached = 0.0
        for n in range(1, self.budget + 1):
            reached += self.holds.get(n, 0.0) + self.broken.get(n, 0.0)
            if reached >= share:
                return n
        return self.budget


@cache
def decisions(claim: Share | Band, bounds: ErrorBounds, budget: int, every: int = 1) -> dict[int, Decisions]:
    """What the judge says for every count at each look; a look comes after `every` responses."""
    band = claim.band() if isinstance(claim, Share) else claim

    def decide(hits: int, total: int) -> Verdict | None:
        return ShareJudge(band, bounds, max_n=10**9).add(hits, total)

    return dict(_walk(decide, _clearest(band), budget, every))


def _clearest(band: Band) -> float:
    """The share that lies equally far from both caught shares: where «holds» is said first."""
    low, high = band.detect_low, band.detect_high
    if low is None or high is None:
        return band.likely
    against_misses = log((1 - low) / (1 - high))
    return against_misses / (log(high / low) + against_misses)


def _walk(decide: Decide, clearest: float, budget: int, every: int) -> Iterator[tuple[int, Decisions]]:
    """Follow the four boundaries from look to look; each moves little, so few counts are tried."""
    few, short_of_many, low, high = -1, 0, 0, -1
    for n in range(every, budget + 1, every):
        while decide(few + 1, n) is Verdict.BROKEN and few + 1 < n:
            few += 1
        while few >= 0 and decide(few, n) is not Verdict.BROKEN:
            few -= 1
        while short_of_many < n and decide(n - short_of_many, n) is Verdict.BROKEN:
            short_of_many += 1
        while short_of_many and decide(n - short_of_many + 1, n) is not Verdict.BROKEN:
            short_of_many -= 1
        near = (floor(clearest * n), ceil(clearest * n))
        centre = next((hits for hits in near if decide(hits, n) is Verdict.HOLDS), None)
        if centre is not None:
            low, high = (low, high) if low <= centre <= high else (centre, centre)
            low = _last(decide, n, low, -1)
            high = _last(decide, n, high, +1)
            yield n, Decisions(few, n - short_of_many + 1, range(low, high + 1))
        else:
            yield n, Decisions(few, n - short_of_many + 1, range(0))


def _last(decide: Decide, n: int, hits: int, step: int) -> int:
    """The outermost count in direction `step` that still holds, searched from where it was before."""
    while decide(hits, n) is not Verdict.HOLDS:
        hits -= step
    while 0 <= hits + step <= n and decide(hits + step, n) is Verdict.HOLDS:
        hits += step
    return hits


def course(decided: dict[int, Decisions], rate: float, budget: int) -> Course:
    """The chances of all events if each response is a hit with chance `rate`."""
    alive: list[float] = [1.0]  # chances of `first`, first + 1, … hits without a decision
    first = 0
    holds: dict[int, float] = {}
    broken: dict[int, float] = {}
    for n in range(1, budget + 1):
        misses = [chance * (1 - rate) for chance in alive] + [0.0]
        hits = [0.0] + [chance * rate for chance in alive]
        alive = [miss + hit for miss, hit in zip(misses, hits, strict=True)]
        if (look := decided.get(n)) is not None:
            holds[n] = _take(alive, look.holding.start - first, look.holding.stop - first)
            broken[n] = _take(alive, 0, look.few + 1 - first) + _take(alive, look.many - first, len(alive))
        first += _trim(alive)
        if not alive:
            return Course(holds, broken, 0.0, budget)
    return Course(holds, broken, sum(alive), budget)


def _take(alive: list[float], start: int, stop: int) -> float:
    """Remove and sum the chances of a range of counts."""
    start = max(0, start)
    stop = max(start, min(len(alive), stop))
    taken = sum(alive[start:stop])
    alive[start:stop] = [0.0] * (stop - start)
    return taken


def _trim(alive: list[float]) -> int:
    """Cut impossible counts off both ends, those below 1e-40 included; returns how many went in front."""
    while alive and alive[-1] < 1e-40:
        alive.pop()
    leading = next((place for place, chance in enumerate(alive) if chance >= 1e-40), 0)
    del alive[:leading]
    return leading
