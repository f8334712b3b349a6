"""Sequential verdict on a share: stops as soon as the error bounds allow, and may be looked at at any time.

Two bets run against the edges of one declared band. The first bets that the rate lies inside and is paid against the
likeliest rate outside; when it has won 1/beta the claim holds. The second bets that the rate lies outside and is paid
against the likeliest rate inside; when it has won 1/alpha the claim is broken. Under the rates a bet is paid against
its winnings are a non-negative supermartingale, so the chance that they *ever* reach 1/level is at most level: no
matter how often one looks, in what batches responses come, or why one stops. Needed for this is only that each
response, given all before it, is a hit with a chance inside the band; independence is not.

source  Ville, Étude critique de la notion de collectif (1939); Wald (1945); Robbins (1970) for the mixtures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, log

from harness.verdict.claims import Band, ErrorBounds, Share
from harness.verdict.judgement import Cause, Evidence, Judgement, Part, Verdict
from harness.verdict.likelihood import anytime_interval, divergence, log_likelihood, log_sum, not_excluded
from harness.verdict.wording import percent

GRID = 64
"""Rates over which half of each bet is spread; 16 already decide within a percent of the same number of responses."""

ASK_AGAIN = 1.05
"""So many times as many responses must have come before a decision that was held back is looked at again."""


@dataclass(frozen=True, slots=True)
class _Bet:
    """A mixture of rates, each with the logarithm of its stake."""

    rates: tuple[tuple[float, float, float], ...]  # log rate, log (1 - rate), log stake; rates strictly inside 0..1
    log_stake_on_never: float = -inf
    log_stake_on_always: float = -inf

    def log_winnings(self, hits: float, misses: float) -> float:
        """Logarithm of the mixed likelihood of what was seen."""
        logs = [hits * yes + misses * no + stake for yes, no, stake in self.rates]
        if hits == 0:
            logs.append(self.log_stake_on_never)
        if misses == 0:
            logs.append(self.log_stake_on_always)
        return log_sum(logs)


class ShareJudge:
    """Decides a claimed share batch by batch.

    claim           a Share, or the Band of any other claim that counts hits among responses
    bounds          alpha and beta
    design_effect   how many responses carry the information of one independent response; 1 for responses of our own
                    senders, more for correlated counts such as page requests taken from metrics. Hits and totals
                    are divided by it before they count as evidence
    max_n           responses after which the judge stops undecided; None for a budget that a healthy system exceeds
                    about once in a million runs
    clustering      asked when a decision is about to fall: the design effect that the responses themselves show, 1
                    for none. Where they cluster, only what is still decisive after division by it decides. A mixed
                    likelihood of divided counts is at most the plain one to that power (Jensen), so this can only
                    hold a decision back, and both error bounds stay
    """

    def __init__(
        self,
        claim: Share | Band,
        bounds: ErrorBounds | None = None,
        *,
        design_effect: float = 1.0,
        max_n: int | None = None,
        clustering: Callable[[], float] | None = None,
    ) -> None:
        if design_effect < 1:
            raise ValueError(f"design_effect is 1 or more, not {design_effect}")
        if design_effect > 1 and clustering is not None:
            raise ValueError("a design effect is either known before or found in the responses")
        self.claim = claim
        self.band = claim.band() if isinstance(claim, Share) else claim
        self.bounds = bounds or ErrorBounds()
        self.design_effect = design_effect
        self.max_n = ceil(self.band.budget(self.bounds) * design_effect) if max_n is None else max_n
        self.hits = 0
        self.total = 0
        self.cause: Cause | None = None
        self._verdict: Verdict | None = None
        self._clustering = clustering
        self._held_back = 0
        self._inside, self._outside = _bets(self.band)

    @property
    def verdict(self) -> Verdict | None:
        """The decision, or None while there is none."""
        return self._verdict

    def add(self, hits: int, total: int) -> Verdict | None:
        """Count `hits` among `total` further responses in issue order; after the decision nothing is counted."""
        if not 0 <= hits <= total:
            raise ValueError(f"{hits} hits among {total} responses")
        if self._verdict is None and total:
            self.hits += hits
            self.total += total
            self._decide()
        return self._verdict

    def finish(self, cause: Cause = Cause.TOO_LITTLE) -> Verdict:
        """No response will follow: inconclusive for `cause` if nothing was decided before."""
        if self._verdict is None:
            self._verdict, self.cause = Verdict.INCONCLUSIVE, Cause.DEPENDENT if self._held_back else cause
        return self._verdict

    @property
    def alpha(self) -> float:
        """Chance of a false «broken»; nothing if one response against the claim settles it."""
        return 0.0 if self.band.is_point else self.bounds.alpha

    @property
    def evidence(self) -> Evidence:
        """How far the responses so far have come towards either verdict; 1 decides."""
        holds, broken = self._log_evidence()
        return Evidence(holds=holds / -log(self.bounds.beta), broken=broken / -log(self.bounds.alpha))

    def interval(self, level: float | None = None) -> tuple[float, float]:
        """Shares that the responses so far do not exclude; the truth is *ever* excluded with chance 1 - level at most.

        level   between 0 and 1; None for 1 - beta
        """
        hits, misses = self._counts()
        return anytime_interval(hits, misses, 1 - self.bounds.beta if level is None else level)

    def forecast(self) -> int | None:
        """Responses still needed for «holds» if the share stays as seen; None if it lies outside the band."""
        hits, misses = self._counts()
        rate = hits / (hits + misses) if self.total else self.band.likely
        low, high = self.band.detect_low, self.band.detect_high
        if (low is not None and rate <= low) or (high is not None and rate >= high):
            return None
        gain = min(divergence(rate, edge) for edge in (low, high) if edge is not None)
        missing = max(0.0, -log(self.bounds.beta) - self._log_evidence()[0])
        return ceil(missing / gain * self.design_effect)

    def judgement(self, what: str, *, requests: int | None = None) -> Judgement:
        """The verdict in full; raises RuntimeError while undecided.

        what        the responses counted, like «responses with status 500»; the whole promise if the claim is a Band
        requests    requests sent; None if each gave a response
        returns     with «holds», the interval of the very evidence that decided: it lies within the band. Otherwise
                    `interval()`. Each is valid on its own at 1 - beta; both together at 1 - 2 beta
        """
        if self._verdict is None:
            raise RuntimeError("no verdict yet; call finish() first")
        low, high = self._proved_interval() if self._verdict is Verdict.HOLDS else self.interval()
        return Judgement(
            verdict=self._verdict,
            hits=self.hits,
            total=self.total,
            low=low,
            high=high,
            level=1 - self.bounds.beta,
            promised=self.claim.promise(what) if isinstance(self.claim, Share) else what,
            seen=self._seen(low, high),
            cause=self.cause,
            requests=self.total if requests is None else requests,
        )

    def _decide(self) -> None:
        self._verdict = self._decided()
        if self._verdict is not None and self._clustering is not None:
            self._verdict = self._decided_in_spite_of(self._clustering)
        if self._verdict is None and self.total >= self.max_n:
            self.finish(Cause.BUDGET)

    def _decided_in_spite_of(self, clustering: Callable[[], float]) -> Verdict | None:
        """The decision that is left if the responses cluster; asked again only when there are notably more of them."""
        if self.total < self._held_back * ASK_AGAIN and self.total < self.max_n:
            return None
        self.design_effect = max(1.0, clustering())
        decided = self._decided()
        self._held_back = 0 if decided else self.total
        self.design_effect = self.design_effect if decided else 1.0
        return decided

    def _decided(self) -> Verdict | None:
        holds, broken = self._log_evidence()
        if broken >= -log(self.bounds.alpha):
            return Verdict.BROKEN
        return Verdict.HOLDS if holds >= -log(self.bounds.beta) else None

    def _counts(self) -> tuple[float, float]:
        return self.hits / self.design_effect, (self.total - self.hits) / self.design_effect

    def _log_evidence(self) -> tuple[float, float]:
        """Logarithms of the e-values for «holds» and for «broken»."""
        if not self.total:
            return 0.0, 0.0
        hits, misses = self._counts()
        inside = self._inside.log_winnings(hits, misses)
        edges = (self.band.detect_low, self.band.detect_high)
        holds = min(inside - log_likelihood(edge, hits, misses) for edge in edges if edge is not None)
        sides = [_quotient(bet.log_winnings(hits, misses), edge, hits, misses) for edge, bet in self._outside]
        return holds, log_sum(sides) - log(len(sides)) if sides else -inf

    def _proved_interval(self) -> tuple[float, float]:
        hits, misses = self._counts()
        return not_excluded(hits, misses, self._inside.log_winnings(hits, misses) + log(self.bounds.beta))

    def _seen(self, low: float, high: float) -> str:
        if not self.total:
            return "no response"
        counts = f"{self.hits} of {self.total}"
        level = percent(1 - self.bounds.beta, 4)
        if self._verdict is Verdict.HOLDS and self.band.is_point:
            return f"{counts}; {self._excluded()} is excluded ({level})"
        return f"{counts} ({percent(self.hits / self.total)}; {level} interval {percent(low)}..{percent(high)})"

    def _excluded(self) -> str:
        if self.band.detect_high is not None:
            return f"a share of {percent(self.band.detect_high, 3)} or more"
        assert self.band.detect_low is not None  # a Band catches at least one side
        return f"a share of {percent(self.band.detect_low, 3)} or less"


@lru_cache(maxsize=128)
def _bets(band: Band) -> tuple[_Bet, tuple[tuple[float, _Bet], ...]]:
    """The bet on the inside, and for each side that has an outside its edge with the bet on what lies beyond."""
    if band.is_point:
        inside = _bet(band.likely, ())
    else:
        inside = _bet(
            band.likely, _cells(band.detect_low or 0.0, 1.0 if band.detect_high is None else band.detect_high)
        )
    outside = []
    if band.low > 0:
        outside.append((band.low, _bet(0.0, _cells(0.0, band.low))))
    if band.high < 1:
        outside.append((band.high, _bet(1.0, _cells(band.high, 1.0))))
    return inside, tuple(outside)


def parts_of(judges: Mapping[str, ShareJudge]) -> tuple[Part, ...]:
    """The parts of a claim; their intervals are right together with the confidence that one alone would have."""
    return tuple(Part(name, *judge.interval(1 - judge.bounds.beta / len(judges))) for name, judge in judges.items())


def _cells(low: float, high: float) -> tuple[float, ...]:
    return tuple(low + (high - low) * (cell + 0.5) / GRID for cell in range(GRID))


def _bet(point: float, spread: tuple[float, ...]) -> _Bet:
    """Half the stake on `point` and half over `spread`; all on `point` if there is no spread."""
    on_point = -log(2) if spread else 0.0
    rates = [(log(rate), log(1 - rate), -log(2 * len(spread))) for rate in spread]
    if 0 < point < 1:
        rates.append((log(point), log(1 - point), on_point))
    return _Bet(
        tuple(rates),
        log_stake_on_never=on_point if point == 0 else -inf,
        log_stake_on_always=on_point if point == 1 else -inf,
    )


def _quotient(log_winnings: float, edge: float, hits: float, misses: float) -> float:
    """Winnings over the likelihood at the edge; a sequence the edge cannot produce refutes it outright."""
    against = log_likelihood(edge, hits, misses)
    return inf if against == -inf else log_winnings - against
