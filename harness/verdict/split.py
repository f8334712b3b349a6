"""Verdict on a split: several parts that together are all responses, judged as one family.

Each part is a share of its own, decided sequentially from the same responses. The split holds when every part does, so
a wrong «holds» needs a wrong one in the very part that is off and beta needs no correction (intersection-union). It is
broken when one part is, so alpha is divided by the number of parts: by the union bound the chance that *any* of them
is wrongly called broken stays at most alpha, however the parts depend on each other. What belongs to no part breaks
the split at its first response, which is a fact and not an estimate.

source  Berger, Multiparameter hypothesis testing and acceptance sampling (1982); Bonferroni's inequality
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from harness.verdict.claims import ErrorBounds, Share
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge, parts_of
from harness.verdict.wording import percent, points


class SplitJudge:
    """Decides all parts of a split, batch by batch.

    shares      the promised share of each part, as a fraction of 1; two or more, together 1
    resolution  how far from each share a rate must be told apart
    bounds      alpha and beta of the whole split
    clustering  for each part the design effect that its responses show; see ShareJudge
    raises      ValueError unless the shares are those of a split
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        resolution: float,
        bounds: ErrorBounds | None = None,
        *,
        clustering: Mapping[str, Callable[[], float]] | None = None,
    ) -> None:
        if len(shares) < 2 or abs(sum(shares.values()) - 1) > 1e-9:
            raise ValueError(f"a split has two parts or more that add up to 1, not {dict(shares)}")
        self.bounds = bounds or ErrorBounds()
        each = self.bounds.shared_by(len(shares))
        claims = {name: Share(target=rate, resolution=resolution) for name, rate in shares.items()}
        self.resolution = resolution
        self.max_n = max(claim.band().budget(each) for claim in claims.values())
        asked = clustering or {}
        self.parts = {
            name: ShareJudge(claim, each, max_n=self.max_n, clustering=asked.get(name))
            for name, claim in claims.items()
        }
        self._shares = dict(shares)
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
        """Chance of a false «broken» in any of the parts."""
        return self.bounds.alpha

    def add(self, counts: Mapping[str, int]) -> Verdict | None:
        """Count further responses by part; a name that is no part of the split breaks it.

        counts  how many of one batch belong to each part, in issue order of the batches
        """
        total = sum(counts.values())
        if self._verdict is None and total:
            self.total += total
            self.seen.update({name: count for name, count in counts.items() if count})
            for name, part in self.parts.items():
                part.add(counts.get(name, 0), total)
            self._decide()
        return self._verdict

    def finish(self, cause: Cause = Cause.TOO_LITTLE) -> Verdict:
        """No response will follow: inconclusive for `cause` if nothing was decided before."""
        if self._verdict is None:
            open_parts = [part for part in self.parts.values() if part.verdict is None]
            for part in open_parts:
                part.finish(cause)
            self._verdict, self.cause = Verdict.INCONCLUSIVE, open_parts[0].cause if open_parts else cause
        return self._verdict

    def judgement(self, what: str, *, requests: int | None = None) -> Judgement:
        """The verdict in full; raises RuntimeError while undecided.

        what      the responses counted, like «responses»
        requests  requests sent; None if each gave a response
        returns   with hits and interval of the part that decided, or of the last one undecided; `seen` has them all
        """
        if self._verdict is None:
            raise RuntimeError("no verdict yet; call finish() first")
        name = self._decisive()
        low, high = self.parts[name].interval(1 - self.bounds.beta)
        return Judgement(
            verdict=self._verdict,
            hits=self.parts[name].hits,
            total=self.parts[name].total,
            low=low,
            high=high,
            level=1 - self.bounds.beta,
            promised=self._promise(what),
            seen=self._seen(),
            parts=parts_of(self.parts),
            cause=self.cause,
            requests=self.total if requests is None else requests,
        )

    def progress(self) -> str:
        """The parts so far in one line."""
        return (
            ", ".join(f"{name} {self.seen[name]} of {self.total}" for name in self.parts) if self.total else "nothing"
        )

    def decisive(self) -> ShareJudge:
        """The part on which the verdict hangs now."""
        return self.parts[self._decisive()]

    def strays(self) -> dict[str, int]:
        """What belongs to no part, with counts."""
        return {name: count for name, count in self.seen.items() if name not in self.parts}

    def _decide(self) -> None:
        verdicts = {part.verdict for part in self.parts.values()}
        if self.strays() or Verdict.BROKEN in verdicts:
            self._verdict = Verdict.BROKEN
        elif None in verdicts:
            return
        elif Verdict.INCONCLUSIVE in verdicts:
            self._verdict = Verdict.INCONCLUSIVE
            self.cause = next(part.cause for part in self.parts.values() if part.cause is not None)
        else:
            self._verdict = Verdict.HOLDS

    def _decisive(self) -> str:
        """The part on which the verdict hangs: one that decided it, or else the one that knows least."""
        fitting = [name for name, part in self.parts.items() if part.verdict is self._verdict]
        return min(fitting or self.parts, key=lambda name: self.parts[name].evidence.holds)

    def _promise(self, what: str) -> str:
        parts = ", ".join(f"{percent(rate, 3)} {name}" for name, rate in self._shares.items())
        return f"{what} split into {parts} and nothing else (must tell each from {points(self.resolution)} off)"

    def _seen(self) -> str:
        if not self.total:
            return "no response"
        return ", ".join([*(self._told(name, part) for name, part in self.parts.items()), *self._told_strays()])

    def _told(self, name: str, part: ShareJudge) -> str:
        low, high = part.interval(1 - self.bounds.beta)
        verdict = f", {part.verdict}" if part.verdict is not self._verdict and part.verdict else ""
        share = percent(part.hits / part.total)
        return f"{name} {part.hits} of {part.total} ({share}; {percent(low)}..{percent(high)}{verdict})"

    def _told_strays(self) -> list[str]:
        return [f"{count} of {name or 'an unnamed backend'}, which is no part" for name, count in self.strays().items()]
