"""Outcomes as plots see them: when, how long, and of which of five kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.run import events as ev
from harness.traffic.outcome import Outcome

KINDS = ("2xx", "3xx", "4xx", "5xx", "none")
NAMES = {"2xx": "2xx", "3xx": "3xx", "4xx": "4xx", "5xx": "5xx", "none": "no response"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One outcome, or several of the same kind.

    at       when it was due, in seconds since the recording began
    latency  seconds
    """

    at: float
    kind: str
    latency: float
    count: int = 1


def seen(made: ev.RequestsMade) -> Iterator[Seen]:
    """All outcomes of a burst, those counted together with their number."""
    for outcome in made.outcomes:
        yield Seen(made.began + outcome.scheduled, kind_of(outcome), outcome.latency)
    for bucket in made.buckets:
        for latency, count in bucket.latencies:
            yield Seen(made.began + bucket.scheduled, kind_of(bucket.answer), latency, count)


def kind_of(outcome: Outcome) -> str:
    """The class of its status; informational ones count as 2xx, they are no failure."""
    if outcome.status is None:
        return "none"
    return f"{max(2, min(5, outcome.status // 100))}xx"


def answers(bursts: Iterable[ev.RequestsMade]) -> Counter[str]:
    """How often each status, or each reason for none, was seen."""
    counts: Counter[str] = Counter()
    for made in bursts:
        counts.update(str(o.status if o.error is None else o.error) for o in made.outcomes)
        for bucket in made.buckets:
            counts[str(bucket.answer.status if bucket.answer.error is None else bucket.answer.error)] += bucket.count
    return counts
