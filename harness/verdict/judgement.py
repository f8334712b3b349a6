"""The verdict on one claim, and everything a report needs to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """What can be said about a claim."""

    HOLDS = "holds"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """Why a claim could not be decided; the text completes «inconclusive: …»."""

    BUDGET = "the request budget is spent; the share lies too near an edge of what must be told apart"
    TOO_LITTLE = "too few responses came in the time allowed"
    LATE = "the sender could not keep its schedule"
    DEPENDENT = "the responses depend on each other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How far a claim has come towards either verdict: 0 is nothing yet, 1 decides.

    Both are logarithms of e-values over the logarithm of the bound they must reach. They can be negative.
    """

    holds: float
    broken: float


@dataclass(frozen=True, slots=True)
class Part:
    """Of one part of a claim, the interval for its true share."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict with its reasons.

    hits        responses counted by the claim (for «every»: those that satisfied it)
    total       responses the verdict rests on; later ones do not change it
    low, high   interval for the true share, valid although it was looked at continually; see ShareJudge.judgement
    level       confidence of the interval, for instance 0.999
    promised    the claim in words
    seen        the counts in words
    parts       of a claim of several parts, an interval for each, which at that level are all right; hits and interval
                above are of the part that decides, which may be another one in another run
    cause       why the verdict is inconclusive; None otherwise
    requests    requests sent for it, with those that got no say (not sent in time, still open)
    """

    verdict: Verdict
    hits: int
    total: int
    low: float
    high: float
    level: float
    promised: str
    seen: str
    parts: tuple[Part, ...] = ()
    cause: Cause | None = None
    requests: int = 0

    def __str__(self) -> str:
        sentence = f"{self.verdict}: promised {self.promised}; saw {self.seen}"
        return f"{sentence}; {self.cause}" if self.cause else sentence


class Judge(Protocol):
    """Takes responses in issue order, in batches of any size, until it knows.

    The first decision is final: what is added later is not counted.
    """

    @property
    def verdict(self) -> Verdict | None:
        """The decision, or None while there is none."""

    @property
    def alpha(self) -> float:
        """Chance that the claim is called broken although it is kept: its part of the run's budget."""

    def add(self, hits: int, total: int) -> Verdict | None:
        """Count `hits` among `total` further responses; returns the verdict as it then is."""

    def finish(self, cause: Cause = Cause.TOO_LITTLE) -> Verdict:
        """No response will follow: decide now, inconclusive for `cause` unless the claim allows better."""

    def judgement(self, what: str, *, requests: int | None = None) -> Judgement:
        """The verdict in full; `what` names the responses counted. Raises RuntimeError while undecided."""
