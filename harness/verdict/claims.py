"""What can be claimed about responses, and the error bounds a verdict on it must keep.

    Share   a proportion: «10%, resolution 5pp», «at most 0%, resolution 1pp»
    Every   each response, without exception
    Band    what a Share means for a test: which rates are kept and which must be caught

A Share is what a person writes; a Band is what the mathematics needs. Claims of other kinds that count hits among
responses (a backend's part of a split, latencies beyond a limit) make a Band and use the same judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, isfinite, log

from harness.verdict.likelihood import divergence
from harness.verdict.wording import percent, points

BUDGET_FACTOR = 7
"""Responses after which a judge gives up, in units of the least that any test would need on average.

Exact enumeration puts the point where a healthy system is undecided once in a million runs at 5.5 to 6.7 times that
lower bound (90% ± 5pp: 5.5, 50% ± 10pp: 6.0, 1% in 0.5%..2%: 6.7).
"""

GROSS_FACTOR = 1.2
"""The stake of a bet that is spread over two sides and a grid is lost before it wins: at most log 4 of log 1e6."""


@dataclass(frozen=True, slots=True)
class ErrorBounds:
    """How often a verdict may be wrong, whatever the traffic does and whenever one looks.

    alpha   chance that a system that keeps its promise is called broken: the flakes. Costs nothing on the way to
            «holds», so it is small
    beta    chance that a system that breaks its promise is said to hold. Sets the number of requests
    raises  ValueError unless both lie between 0 and 1
    """

    alpha: float = 1e-6
    beta: float = 1e-3

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < value < 1:
                raise ValueError(f"{name} is a probability between 0 and 1, not {value}")

    def shared_by(self, claims: int) -> ErrorBounds:
        """The bounds of one of several claims that together keep these.

        Only alpha is divided: all claims must hold for the whole to hold, so a wrong «holds» needs no division.
        """
        if claims < 1:
            raise ValueError("error bounds are shared by one claim or more")
        return ErrorBounds(self.alpha / claims, self.beta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The rates that a claim keeps and those that it must catch; all are fractions of 1.

    likely        the rate on which the test bets most: the promise itself, or 0 or 1 for a one-sided claim
    low, high     a rate in low..high is called broken with a chance of at most alpha
    detect_low    this rate and all below are said to hold with a chance of at most beta; None if there is no such rate
    detect_high   this rate and all above likewise
    """

    likely: float
    low: float
    high: float
    detect_low: float | None
    detect_high: float | None

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.likely <= self.high <= 1:
            raise ValueError(f"a band needs 0 <= low <= likely <= high <= 1, not {self}")
        if self.detect_low is None and self.detect_high is None:
            raise ValueError("a band that catches no rate promises nothing")
        if self.detect_low is not None and not 0 <= self.detect_low <= self.low:
            raise ValueError(f"detect_low must lie between 0 and low, not {self}")
        if self.detect_high is not None and not self.high <= self.detect_high <= 1:
            raise ValueError(f"detect_high must lie between high and 1, not {self}")

    @property
    def is_point(self) -> bool:
        """One rate alone is kept («never», «always»), so the first response against it breaks the claim."""
        return self.low == self.high

    def separations(self) -> Iterator[tuple[float, float]]:
        """For each side the kept rate that is hardest to tell from the caught one, and that caught rate."""
        for kept, caught in ((self.low, self.detect_low), (self.high, self.detect_high)):
            if caught is not None:
                yield (self.likely if kept == caught else kept), caught

    def least_responses(self, bounds: ErrorBounds) -> float:
        """The average number of responses below which no test whatever can say «holds» within `bounds`.

        source  Wald, Sequential Tests of Statistical Hypotheses (1945)
        """
        return -log(bounds.beta) / min(divergence(kept, caught) for kept, caught in self.separations())

    def budget(self, bounds: ErrorBounds) -> int:
        """The number of responses after which it is reasonable to stop undecided, all wrong claims included."""
        return ceil(max(BUDGET_FACTOR * self.least_responses(bounds), GROSS_FACTOR * self._gross(bounds)))

    def _gross(self, bounds: ErrorBounds) -> float:
        """Responses that refute the claim if each one speaks against it, where that takes longer."""
        sides = [(0.0, self.low), (1.0, self.high)] if not self.is_point else []
        gains = [divergence(extreme, kept) for extreme, kept in sides if kept != extreme]
        return -log(bounds.alpha) / min(gains) if gains else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A proportion of responses, and what it must be told apart from; all are fractions of 1 (5pp is 0.05).

    target      the share promised; rates from target - resolution to target + resolution are not called broken
    at_most     the largest share allowed; at_most + resolution and more is caught
    at_least    the smallest share allowed; at_least - resolution and less is caught
    resolution  required, because a share without it has no meaning
    raises      ValueError with every fault found, unless exactly one of the three is given and all caught rates
                lie within 0..1
    """

    target: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    resolution: float

    def __post_init__(self) -> None:
        if faults := list(self._faults()):
            raise ValueError("; ".join(faults))

    @property
    def rate(self) -> float:
        """The one share that the author wrote."""
        return next(value for value in (self.target, self.at_most, self.at_least) if value is not None)

    def band(self) -> Band:
        """The rates kept and caught; edges are rounded so that 0.1 + 0.05 is 0.15."""
        below, above = self._edges()
        if self.target is not None:
            return Band(likely=self.target, low=below, high=above, detect_low=below, detect_high=above)
        if self.at_most is not None:
            return Band(likely=0.0, low=0.0, high=self.at_most, detect_low=None, detect_high=above)
        return Band(likely=1.0, low=self.rate, high=1.0, detect_low=below, detect_high=None)

    def promise(self, what: str) -> str:
        """The claim as a sentence; `what` names the responses counted, like «responses with status 500»."""
        rate, below, above = (percent(_clean(edge), 3) for edge in (self.rate, *self._edges()))
        if self.target is not None:
            return f"{rate} of {what} (must tell from {below} and {above})"
        if self.at_least is not None:
            return f"at least {rate} of {what} (must tell from {below})"
        return (
            f"at most {rate} of {what} (must tell from {above})" if self.at_most else f"no {what} (must catch {above})"
        )

    def _edges(self) -> tuple[float, float]:
        return _clean(self.rate - self.resolution), _clean(self.rate + self.resolution)

    def _faults(self) -> Iterator[str]:
        given = {"is": self.target, "at-most": self.at_most, "at-least": self.at_least}
        written = {name: value for name, value in given.items() if value is not None}
        if len(written) != 1:
            yield "a share says exactly one of is, at-most and at-least" + (
                f", not {' and '.join(written)}" if written else ""
            )
        for name, value in written.items():
            if not (isfinite(value) and 0 <= value <= 1):
                yield f"{name} is a share between 0% and 100%, not {percent(value)}"
        if not (isfinite(self.resolution) and 0 < self.resolution < 1):
            yield f"resolution is a difference above 0pp and below 100pp, not {points(self.resolution)}"
        elif len(written) == 1 and 0 <= self.rate <= 1:
            yield from self._unreachable()

    def _unreachable(self) -> Iterator[str]:
        """Rates that would have to be caught but do not exist, so the claim could not break on that side."""
        below, above = self._edges()
        wanted = f"{percent(self.rate)} with resolution {points(self.resolution)} must catch"
        if self.at_least is None and above > 1:
            yield f"{wanted} {percent(above)}; {'say at-least' if self.target is not None else 'this cannot break'}"
        if self.at_most is None and below < 0:
            yield f"{wanted} {percent(below)}; {'say at-most' if self.target is not None else 'this cannot break'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """Each response satisfies a condition, without exception.

    times   responses that must be seen; None for as many as another claim about the same responses needs
    """

    times: int | None = None

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"every needs at least one response, not times: {self.times}")

    def promise(self, what: str) -> str:
        """The claim as a sentence; `what` names the responses wanted, like «responses with status 200 or 500»."""
        return f"only {what}, {self.times} times" if self.times else f"only {what}"


def _clean(share: float) -> float:
    return round(share, 12)
