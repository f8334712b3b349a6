"""How late the sender itself was, and which verdicts on times that forbids.

Latencies count from when a request was due, so the sender's own lag is in each of them. A verdict that lag alone may
have caused says nothing about the mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.traffic.dispatch import percentile
from harness.traffic.outcome import Outcome
from harness.verdict.judgement import Cause, Judgement, Verdict

ALLOWED = 0.1
"""Part of a claimed time that the latest hundredth of the requests may have been late; traffic-verdicts 0."""


class Lateness:
    """Watches the lag of the requests of a claim.

    limit  the time that is claimed, in seconds; None if the claim is about no time
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._lags: list[float] = []

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take further outcomes."""
        if self._limit is not None:
            self._lags += [outcome.lag for outcome in outcomes]

    def refused(self, judgement: Judgement) -> Judgement:
        """The judgement; inconclusive if the sender was too late for it."""
        if self.warning() is None:
            return judgement
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, cause=Cause.LATE)

    def warning(self) -> str | None:
        """A sentence if the sender was too late for the claimed time."""
        lag = percentile(self._lags, 0.99)
        if self._limit is None or lag <= ALLOWED * self._limit:
            return None
        return (
            f"one request in a hundred left {lag * 1000:.0f} ms late or more, over a tenth of the {self._limit:g} s "
            "claimed: lower the rate, or give the sender a core of its own"
        )
