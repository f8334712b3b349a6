"""Tells whether responses cluster, so that they carry less information than their number says.

A mesh that draws a backend per request gives independent responses. One that chooses per connection, or fails in
bursts, gives runs of equal responses, and error bounds computed per request then promise too much. The test counts
the runs in issue order, given the number of hits; its distribution is exact, so it is as right for a share of 0.5%
as for one half. Too *many* runs (round robin) are harmless: they only make a verdict more careful than it need be.

source  Wald and Wolfowitz, On a test whether two samples are from the same population (1940)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import exp, lgamma

from harness.verdict.wording import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """How strongly neighbouring responses agree beyond chance.

    total           responses looked at
    correlation     of a response with the one issued before it, -1..1; 0 for independent responses
    chance          that independent responses would cluster this much or more
    """

    total: int
    correlation: float
    chance: float

    @property
    def design_effect(self) -> float:
        """How many of these responses are worth one independent response; at least 1."""
        bounded = min(max(self.correlation, 0.0), 1 - 1 / max(self.total, 2))
        return (1 + bounded) / (1 - bounded)

    def warning(self, level: float = 1e-3) -> str | None:
        """A sentence if responses cluster beyond chance `level`, else None."""
        if self.chance > level:
            return None
        effective = max(1, round(self.total / self.design_effect))
        return (
            f"responses come in runs (correlation {self.correlation:.2f}, chance {percent(self.chance, 2)}): "
            f"{self.total} of them are worth about {effective} independent ones; is the backend chosen per connection? "
            "write connections: fresh"
        )


class Runs:
    """Counts runs of equal responses as they come in issue order."""

    def __init__(self) -> None:
        self.hits = 0
        self.total = 0
        self.runs = 0
        self._last: bool | None = None

    def add(self, responses: Iterable[bool]) -> None:
        """Take further responses: True for a hit."""
        for hit in responses:
            self.total += 1
            self.hits += hit
            self.runs += hit is not self._last
            self._last = hit

    def dependence(self) -> Dependence:
        """What the runs so far say; a sequence without both hits and misses says nothing."""
        misses = self.total - self.hits
        if not self.hits or not misses:
            return Dependence(total=self.total, correlation=0.0, chance=1.0)
        expected_changes = 2 * self.hits * misses / self.total
        return Dependence(
            total=self.total,
            correlation=1 - (self.runs - 1) / expected_changes,
            chance=_chance_of_at_most(self.runs, self.hits, misses),
        )


class Clusters:
    """Watches responses for two ways to depend on each other: in the order of issue, and within their connection.

    Bursts show in issue order. A backend that is chosen per connection shows there only while few connections are in
    use; with the responses ordered by connection it shows at once. Each test has half the level.

    Where all connections have drawn the same backend no order shows anything: one in ten is then seen as none in any
    number of responses. So it must be known, not found, that a backend is drawn once for each connection.

    drawn_once  it is known
    """

    LEVEL = 1e-3

    def __init__(self, *, drawn_once: bool = False) -> None:
        self._responses: list[tuple[int, bool]] = []
        self._drawn_once = drawn_once

    def add(self, hit: bool, connection: int | None) -> None:
        """Take the next response in issue order; None if the connection it came by is not known."""
        self._responses.append((-1 if connection is None else connection, hit))

    def dependence(self) -> Dependence:
        """The less likely of the two orders, its chance doubled because there were two to choose from."""
        seen = [self._runs([hit for _, hit in self._responses])]
        if any(connection >= 0 for connection, _ in self._responses):
            by_connection = sorted(self._responses, key=lambda response: response[0])  # keeps issue order within
            seen.append(self._runs([hit for _, hit in by_connection]))
        worst = min(seen, key=lambda dependence: dependence.chance)
        return replace(worst, chance=min(1.0, worst.chance * len(seen)))

    def design_effect(self) -> float:
        """How many responses are worth one independent one; 1 unless they cluster beyond chance."""
        if draws := self._draws_alike():
            return len(self._responses) / draws
        dependence = self.dependence()
        return dependence.design_effect if dependence.chance <= self.LEVEL else 1.0

    def warning(self) -> str | None:
        """A sentence if they cluster beyond chance, or may for all that can be seen."""
        if draws := self._draws_alike():
            return (
                f"all {len(self._responses)} responses are alike, and outside the mesh a backend is drawn once for "
                f"each of the {draws} connections: they are worth no more than {draws} independent ones; "
                "write connections: fresh"
            )
        return self.dependence().warning(self.LEVEL)

    def _draws_alike(self) -> int:
        """How many connections there were, if each stands for one draw and all have drawn alike; else 0."""
        if not self._drawn_once or len({hit for _, hit in self._responses}) > 1:
            return 0
        return len({connection for connection, _ in self._responses if connection >= 0})

    @staticmethod
    def _runs(hits: list[bool]) -> Dependence:
        runs = Runs()
        runs.add(hits)
        return runs.dependence()


def _chance_of_at_most(runs: int, hits: int, misses: int) -> float:
    """Chance that a random arrangement of these hits and misses has so few runs or fewer."""
    arrangements = _log_choose(hits + misses, hits)
    most = min(runs, 2 * min(hits, misses) + 1)
    return min(1.0, sum(_chance_of(number, hits, misses, arrangements) for number in range(2, most + 1)))


def _chance_of(runs: int, hits: int, misses: int, log_arrangements: float) -> float:
    """Chance of exactly so many runs: the hits are cut into about half as many pieces, and so are the misses."""
    half = runs // 2
    if runs % 2 == 0:
        return 2 * exp(_log_choose(hits - 1, half - 1) + _log_choose(misses - 1, half - 1) - log_arrangements)
    chance = 0.0
    if half <= hits - 1:
        chance += exp(_log_choose(hits - 1, half) + _log_choose(misses - 1, half - 1) - log_arrangements)
    if half <= misses - 1:
        chance += exp(_log_choose(hits - 1, half - 1) + _log_choose(misses - 1, half) - log_arrangements)
    return chance


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
