"""Outcomes as plots see them: when, how long, and of which of seven kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.run import events as ev
from harness.traffic.outcome import Outcome
from harness.traffic.tally import result_of

KINDS = ("2xx", "3xx", "4xx", "5xx", "ok", "failed", "none")
NAMES = {
    **{kind: kind for kind in ("2xx", "3xx", "4xx", "5xx")},
    "ok": "grpc-status 0",
    "failed": "another grpc-status",
    "none": "no response",
}


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
        yield Seen(made.began + outcome.scheduled, kind_of(outcome, call=made.is_calls), outcome.latency)
    for bucket in made.buckets:
        for latency, count in bucket.latencies:
            yield Seen(made.began + bucket.scheduled, kind_of(bucket.answer, call=made.is_calls), latency, count)


def kind_of(outcome: Outcome, *, call: bool = False) -> str:
    """The class of its status; informational ones count as 2xx, they are no failure.

    call  of gRPC: HTTP's status is 200 whatever became of it, and an answer without a status of its own is none
    """
    if outcome.status is None:
        return "none"
    if call or outcome.grpc_status is not None:
        return "ok" if outcome.grpc_status == 0 else "failed"
    return f"{max(2, min(5, outcome.status // 100))}xx"


def answers(bursts: Iterable[ev.RequestsMade]) -> Counter[str]:
    """How often each status, or each reason for none, was seen."""
    counts: Counter[str] = Counter()
    for made in bursts:
        counts.update(result_of(outcome) for outcome in made.outcomes)
        for bucket in made.buckets:
            counts[result_of(bucket.answer)] += bucket.count
    return counts
