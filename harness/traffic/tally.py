"""Counts of what came back, by who answered, for messages such as «200 x 812, 500 x 93 (server nginx)»."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.traffic.outcome import PROXY_ERROR_HEADER, SERVER_HEADER, Failure, Outcome

_LISTED = 6
"""Kinds named in one sentence; the rest are summed up."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What responses have in common that are counted together.

    result       status as text («200», «grpc-status 7»), or the word of a Failure
    server       the `server` header; "" if there was none
    proxy_error  the reason a mesh proxy gave for answering itself; "" if the app answered
    """

    result: str
    server: str = ""
    proxy_error: str = ""

    def __str__(self) -> str:
        if self.proxy_error:
            return f"{self.result} (by the proxy: {self.proxy_error})"
        return f"{self.result} (server {self.server})" if self.server else self.result


@dataclass(slots=True)
class Tally:
    """Counts by kind; requests that were never sent are counted apart."""

    counts: Counter[Kind] = field(default_factory=Counter)
    not_sent: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count further outcomes."""
        for outcome in outcomes:
            if outcome.sent:
                self.counts[kind_of(outcome)] += 1
            else:
                self.not_sent += 1

    def merge(self, other: Tally) -> None:
        """Add the counts of another tally, for instance of another sender."""
        self.counts.update(other.counts)
        self.not_sent += other.not_sent

    @property
    def answered(self) -> int:
        """Requests that were sent, whatever came of them."""
        return self.counts.total()

    def words(self) -> Mapping[str, int]:
        """Counts by kind in words, most frequent first."""
        return {str(kind): times for kind, times in self.counts.most_common()}

    def sentence(self) -> str:
        """All counts in one line; «nothing» if there is none."""
        parts = [f"{_inserted(kind, times)}" for kind, times in self.counts.most_common(_LISTED)]
        if others := len(self.counts) - len(parts):
            rest = self.answered - sum(times for _, times in self.counts.most_common(_LISTED))
            parts.append(f"{rest} of {others} other kinds")
        if self.not_sent:
            parts.append(f"{Failure.NOT_SENT} x {self.not_sent}")
        return ", ".join(parts) or "nothing"


def tally_of(outcomes: Iterable[Outcome]) -> Tally:
    """The counts of outcomes."""
    tally = Tally()
    tally.add(outcomes)
    return tally


def kind_of(outcome: Outcome) -> Kind:
    """The kind an outcome is counted under."""
    return Kind(result_of(outcome), outcome.headers.get(SERVER_HEADER, ""), outcome.headers.get(PROXY_ERROR_HEADER, ""))


def result_of(outcome: Outcome) -> str:
    """Its status as text («200», «grpc-status 7»), or the word of its Failure."""
    if outcome.grpc_status is not None:
        return f"grpc-status {outcome.grpc_status}"
    return str(outcome.error if outcome.error is not None else outcome.status)


def _inserted(kind: Kind, times: int) -> str:
    """«500 x 93 (server nginx)»: the count stands behind the result, before who answered."""
    who = str(kind).removeprefix(kind.result)
    return f"{kind.result} x {times}{who}"
