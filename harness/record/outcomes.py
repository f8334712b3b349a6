"""Outcomes of one burst in little room: what the answers have in common is written once, the rest in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import exp, log
from typing import Any

from harness.traffic.outcome import Bucket, Failure, Outcome

BUCKET_SECONDS = 0.1
LATENCY_STEP = 1.05
"""Latencies of a bucket are rounded to the nearest power of this: within 2.5%."""
MOST_BODIES = 200
"""Different answers of one burst whose bodies are kept; a body that never repeats would fill the record."""

Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Packed:
    """One burst as a record has it.

    answers   different answers, each {"status" or "error", "headers", "body", "body_left_out"}
    outcomes  columns in issue order: answer (an index of `answers`), index, scheduled, lag, latency, service, and
              connection where it is known
    buckets   what followed: {"scheduled", "answer", "latencies": [[seconds, count], ...]}
    """

    answers: list[dict[str, Any]]
    outcomes: Columns
    buckets: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """The three as keys of a line."""
        return {"answers": self.answers, "outcomes": self.outcomes, "buckets": self.buckets}

    @classmethod
    def of(cls, document: dict[str, Any]) -> Packed:
        """The same from a line, taken out of it; raises ValueError if one is missing."""
        try:
            return cls(document.pop("answers"), document.pop("outcomes"), document.pop("buckets"))
        except KeyError as missing:
            raise ValueError(f"requests without {missing}") from None


def pack(outcomes: Sequence[Outcome], buckets: Sequence[Bucket], individually: int) -> Packed:
    """Outcomes for a record: the first ones each, those that exceed `individually` counted in buckets."""
    book = _Answers()
    each, rest = outcomes[:individually], outcomes[individually:]
    columns: Columns = {
        "answer": [book.number(outcome) for outcome in each],
        "index": [outcome.index for outcome in each],
        "scheduled": [round(outcome.scheduled, 6) for outcome in each],
        "lag": [round(outcome.lag, 6) for outcome in each],
        "latency": [round(outcome.latency, 6) for outcome in each],
        "service": [round(outcome.service_time, 6) for outcome in each],
    }
    if any(outcome.connection is not None for outcome in each):
        columns["connection"] = [outcome.connection for outcome in each]
    together = [
        {"scheduled": b.scheduled, "answer": book.number(b.answer), "latencies": [list(pair) for pair in b.latencies]}
        for b in (*gather(rest), *buckets)
    ]
    return Packed(book.documents, columns, together)


def unpack(packed: Packed) -> tuple[tuple[Outcome, ...], tuple[Bucket, ...]]:
    """The outcomes one by one, and the buckets behind them; raises ValueError if the columns do not fit."""
    columns = [packed.outcomes[name] for name in ("answer", "index", "scheduled", "lag", "latency", "service")]
    columns.append(packed.outcomes.get("connection", [None] * len(columns[0])))
    patterns = [_answer(document) for document in packed.answers]
    fields = ("index", "scheduled", "lag", "latency", "service_time", "connection")
    outcomes = tuple(
        replace(patterns[answer], **dict(zip(fields, values, strict=True)))
        for answer, *values in zip(*columns, strict=True)
    )
    buckets = tuple(
        Bucket(
            scheduled=told["scheduled"],
            answer=patterns[told["answer"]],
            latencies=tuple((float(seconds), int(count)) for seconds, count in told["latencies"]),
        )
        for told in packed.buckets
    )
    return outcomes, buckets


def expanded(outcomes: Sequence[Outcome], buckets: Sequence[Bucket]) -> Iterator[Outcome]:
    """The outcomes of a burst; those a record counted together are as many of the same kind."""
    yield from outcomes
    index = len(outcomes)
    for bucket in buckets:
        for seconds, count in bucket.latencies:
            for _ in range(count):
                yield replace(bucket.answer, index=index, scheduled=bucket.scheduled, latency=seconds)
                index += 1


def gather(outcomes: Sequence[Outcome]) -> list[Bucket]:
    """The outcomes counted together: by the tenth of a second in which they were due, and by their answer."""
    buckets = []
    for tenth, group in groupby(outcomes, key=lambda outcome: int(outcome.scheduled / BUCKET_SECONDS)):
        by_answer: dict[str, list[Outcome]] = {}
        for outcome in group:
            by_answer.setdefault(_key(outcome), []).append(outcome)
        buckets += [
            Bucket(scheduled=round(tenth * BUCKET_SECONDS, 6), answer=same[0], latencies=_rounded(same))
            for same in by_answer.values()
        ]
    return buckets


def _rounded(outcomes: Sequence[Outcome]) -> tuple[tuple[float, int], ...]:
    counts: dict[float, int] = {}
    for outcome in outcomes:
        power = round(log(max(outcome.latency, 1e-6)) / log(LATENCY_STEP))
        seconds = round(exp(power * log(LATENCY_STEP)), 6)
        counts[seconds] = counts.get(seconds, 0) + 1
    return tuple(sorted(counts.items()))


def _key(outcome: Outcome) -> str:
    return repr((outcome.status, outcome.error, sorted(outcome.headers.items()), outcome.body_start))


class _Answers:
    """Numbers answers in the order in which they are first seen."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}
        self._bodies = 0

    def number(self, outcome: Outcome) -> int:
        key = _key(outcome)
        if key not in self._numbers and outcome.body_start and self._bodies >= MOST_BODIES:
            outcome = replace(outcome, body_start="")
            return self._numbers.setdefault(f"left out {_key(outcome)}", self._add(outcome, left_out=True))
        if key not in self._numbers:
            self._bodies += bool(outcome.body_start)
            self._numbers[key] = self._add(outcome)
        return self._numbers[key]

    def _add(self, outcome: Outcome, *, left_out: bool = False) -> int:
        document: dict[str, Any] = {} if outcome.status is None else {"status": outcome.status}
        document |= {} if outcome.error is None else {"error": str(outcome.error)}
        document |= {"headers": dict(outcome.headers)} if outcome.headers else {}
        document |= {"body": outcome.body_start} if outcome.body_start else {}
        document |= {"body_left_out": True} if left_out else {}
        self.documents.append(document)
        return len(self.documents) - 1


def _answer(document: dict[str, Any]) -> Outcome:
    error = document.get("error")
    return Outcome(
        index=0,
        scheduled=0.0,
        lag=0.0,
        latency=0.0,
        service_time=0.0,
        status=document.get("status"),
        error=None if error is None else Failure(error),
        headers=document.get("headers", {}),
        body_start=document.get("body", ""),
    )
