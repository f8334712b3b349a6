"""Verdict on «each response, without exception»: the first violation breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.verdict.claims import ErrorBounds, Every
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.likelihood import anytime_interval
from harness.verdict.wording import percent

_LISTED = 5
"""Kinds of responses named in a sentence; the rest are summed up."""


class EveryJudge:
    """Decides that each response satisfies a condition, after `claim.times` of them or at the first that does not.

    claim   how many must be seen
    bounds  beta sets the level of the interval shown; the verdict itself needs no bound
    """

    def __init__(self, claim: Every, bounds: ErrorBounds | None = None) -> None:
        self.claim = claim
        self.bounds = bounds or ErrorBounds()
        self.hits = 0
        self.total = 0
        self.seen: Counter[str] = Counter()
        self.cause: Cause | None = None
        self._verdict: Verdict | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The decision, or None while there is none."""
        return self._verdict

    @property
    def alpha(self) -> float:
        """Nothing: a response that violates the claim is a fact, not an estimate."""
        return 0.0

    def add(self, hits: int, total: int, seen: Mapping[str, int] | None = None) -> Verdict | None:
        """Count `hits` that satisfy the condition among `total` further responses.

        seen    what these responses were, in words with counts, for the sentence of the judgement
        """
        if not 0 <= hits <= total:
            raise ValueError(f"{hits} hits among {total} responses")
        if self._verdict is None and total:
            self.hits += hits
            self.total += total
            self.seen.update(seen or {})
            self._decide()
        return self._verdict

    def finish(self, cause: Cause = Cause.TOO_LITTLE) -> Verdict:
        """No response will follow: holds if the number did not matter and at least one came, else inconclusive."""
        if self._verdict is None:
            if self.claim.times is None and self.total:
                self._verdict = Verdict.HOLDS
            else:
                self._verdict, self.cause = Verdict.INCONCLUSIVE, cause
        return self._verdict

    def judgement(self, what: str, *, requests: int | None = None) -> Judgement:
        """The verdict in full; raises RuntimeError while undecided.

        what        the responses wanted, like «responses with status 200 or 500»
        requests    requests sent; None if each gave a response
        """
        if self._verdict is None:
            raise RuntimeError("no verdict yet; call finish() first")
        low, high = self._interval()
        return Judgement(
            verdict=self._verdict,
            hits=self.hits,
            total=self.total,
            low=low,
            high=high,
            level=1 - self.bounds.beta,
            promised=self.claim.promise(what),
            seen=self._sentence(low),
            cause=self.cause,
            requests=self.total if requests is None else requests,
        )

    def _decide(self) -> None:
        if self.hits < self.total:
            self._verdict = Verdict.BROKEN
        elif self.claim.times is not None and self.total >= self.claim.times:
            self._verdict = Verdict.HOLDS

    def _interval(self) -> tuple[float, float]:
        if self.hits == self.total and self.total:
            return self.bounds.beta ** (1 / self.total), 1.0  # the smallest share that such a run still allows
        return anytime_interval(self.hits, self.total - self.hits, 1 - self.bounds.beta)

    def _sentence(self, low: float) -> str:
        if not self.total:
            return "no response"
        counts = f"{self.hits} of {self.total}"
        if self.seen:
            listed = [f"{kind} x {times}" for kind, times in self.seen.most_common(_LISTED)]
            others = len(self.seen) - len(listed)
            counts += f" ({', '.join(listed)}{f' and {others} other kinds' if others else ''})"
        if self._verdict is Verdict.HOLDS:
            counts += f"; exceptions of {percent(1 - low)} or more are excluded ({percent(1 - self.bounds.beta, 4)})"
        return counts
