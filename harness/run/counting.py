"""Claims about responses as things that are fed with outcomes until they know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.forecast.tested import tested_bound, tested_share
from harness.run.criteria import described, satisfies, seconds_against
from harness.run.lateness import Lateness
from harness.run.splits import SplitCounting
from harness.scenario.claims import DEFAULT_TIMES, Criteria, Every, Share
from harness.scenario.expectations import Claim
from harness.scenario.latency import Latency, LatencyBound
from harness.scenario.split import Split
from harness.traffic.outcome import Outcome
from harness.traffic.tally import Tally
from harness.verdict import claims
from harness.verdict.claims import ErrorBounds
from harness.verdict.every import EveryJudge
from harness.verdict.independence import Clusters
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge, parts_of


class Counting(Protocol):
    """One claim under way.

    limit         requests after which sending is of no use
    counts_lost   whether a request without a response is counted too, as one that lacks every property
    """

    limit: int
    counts_lost: bool

    @property
    def verdict(self) -> Verdict | None:
        """The decision, or None while there is none."""

    @property
    def alpha(self) -> float:
        """The chance that it is wrongly called broken."""

    def feed(self, outcomes: Sequence[Outcome]) -> None:
        """Count further outcomes in issue order."""

    def finish(self, cause: Cause) -> None:
        """Nothing will follow."""

    def judgement(self, requests: int) -> Judgement:
        """The verdict in full."""

    def progress(self) -> str:
        """How far it is, in a few words."""

    def decisive(self) -> ShareJudge | None:
        """The share whose evidence the verdict hangs on now; None if it is no matter of evidence."""

    def warning(self) -> str | None:
        """What is wrong with the responses as evidence; None if nothing is."""


def counting(
    claim: Every | Share | Split | Latency,
    bounds: ErrorBounds,
    *,
    same_responses: bool = False,
    drawn_once: bool = False,
) -> Counting:
    """The counting of a claim.

    same_responses  how many responses there are is said elsewhere, by another claim or by a ramp; it takes them all
    drawn_once      outside the mesh, a backend is drawn once for each connection
    """
    match claim:
        case Every():
            return EveryCounting(claim, bounds, None if same_responses else claim.times or DEFAULT_TIMES)
        case Share():
            return ShareCounting(claim, bounds, drawn_once=drawn_once)
        case Split():
            return SplitCounting(claim, bounds, drawn_once=drawn_once)
        case Latency():
            return LatencyCounting(claim, bounds)


class ShareCounting:
    """A share of the responses."""

    counts_lost = False

    def __init__(self, claim: Share, bounds: ErrorBounds, *, drawn_once: bool = False) -> None:
        self._claim = claim
        # A bound on one side is no claim about a draw: that all responses keep it is what it says.
        self.clusters = Clusters(drawn_once=drawn_once and claim.is_ is not None)
        self.judge = ShareJudge(tested_share(claim), bounds, clustering=self.clusters.design_effect)
        self.limit = self.judge.max_n

    @property
    def verdict(self) -> Verdict | None:
        return self.judge.verdict

    @property
    def alpha(self) -> float:
        return self.judge.alpha

    def feed(self, outcomes: Sequence[Outcome]) -> None:
        hits = [satisfies(outcome, self._claim.of) for outcome in outcomes]
        for hit, outcome in zip(hits, outcomes, strict=True):
            self.clusters.add(hit, outcome.connection)
        self.judge.add(sum(hits), len(hits))

    def finish(self, cause: Cause) -> None:
        self.judge.finish(cause)

    def judgement(self, requests: int) -> Judgement:
        return self.judge.judgement(described(self._claim.of), requests=requests)

    def progress(self) -> str:
        return share_progress(self.judge)

    def decisive(self) -> ShareJudge | None:
        return self.judge

    def warning(self) -> str | None:
        return self.clusters.warning()


class EveryCounting:
    """Each response, without exception."""

    counts_lost = True

    def __init__(self, claim: Every, bounds: ErrorBounds, times: int | None) -> None:
        self._claim = claim
        self._judge = EveryJudge(claims.Every(times=times), bounds)
        self._lateness = Lateness(claim.faster_than.total_seconds() if claim.faster_than else None)
        self._stands = False
        self.limit = times or 0

    @property
    def verdict(self) -> Verdict | None:
        return self._judge.verdict

    @property
    def alpha(self) -> float:
        return self._judge.alpha

    def feed(self, outcomes: Sequence[Outcome]) -> None:
        tally = Tally()
        tally.add(outcomes)
        wrong = [outcome for outcome in outcomes if not satisfies(outcome, self._claim)]
        self._lateness.add(outcomes)
        self._stands |= any(not satisfies(replace(o, latency=o.service_time), self._claim) for o in wrong)
        self._judge.add(len(outcomes) - len(wrong), len(outcomes), tally.words())

    def finish(self, cause: Cause) -> None:
        self._judge.finish(cause)

    def judgement(self, requests: int) -> Judgement:
        judgement = self._judge.judgement(described(self._claim), requests=requests)
        caused = judgement.verdict is Verdict.BROKEN and not self._stands  # each was in time but for the sender's lag
        return self._lateness.refused(judgement) if caused else judgement

    def progress(self) -> str:
        return f"{self._judge.hits} of {self._judge.total}"

    def decisive(self) -> ShareJudge | None:
        return None

    def warning(self) -> str | None:
        return self._lateness.warning()


@dataclass(frozen=True, slots=True)
class _Bound:
    """One end of a range.

    without_lag  asked the same of the times since the requests really left: what it breaks, lag has not caused
    """

    bound: LatencyBound
    judge: ShareJudge
    without_lag: ShareJudge


class LatencyCounting:
    """Quantiles of the responses' latency: each end of each range is a share that must not be exceeded.

    The claim holds when every bound does and is broken when one is.
    """

    counts_lost = True

    def __init__(self, claim: Latency, bounds: ErrorBounds) -> None:
        self._claim = claim
        each = bounds.shared_by(len(claim.bounds()))
        self._bounds = [
            _Bound(bound, ShareJudge(tested_bound(bound), each), ShareJudge(tested_bound(bound), each))
            for bound in claim.bounds()
        ]
        self._seconds: list[float] = []
        self._lateness = Lateness(min(bound.limit.total_seconds() for bound in claim.bounds()))
        self.limit = max(bound.judge.max_n for bound in self._bounds)

    @property
    def verdict(self) -> Verdict | None:
        verdicts = {bound.judge.verdict for bound in self._bounds}
        if Verdict.BROKEN in verdicts:
            return Verdict.BROKEN
        if None in verdicts:
            return None
        return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.HOLDS

    @property
    def alpha(self) -> float:
        return sum(bound.judge.alpha for bound in self._bounds)

    def feed(self, outcomes: Sequence[Outcome]) -> None:
        meant = [o for o in outcomes if self._claim.of is None or satisfies(o, self._claim.of)]
        self._lateness.add(meant)
        self._seconds += [outcome.latency for outcome in meant if outcome.status is not None]
        for bound in self._bounds:
            times = [seconds_against(outcome, bound.bound) for outcome in meant]
            bound.judge.add(sum(bound.bound.is_beyond(time) for time in times), len(times))
            since_sent = [None if outcome.status is None else outcome.service_time for outcome in meant]
            bound.without_lag.add(sum(bound.bound.is_beyond(time) for time in since_sent), len(since_sent))

    def finish(self, cause: Cause) -> None:
        for bound in self._bounds:
            bound.judge.finish(cause)

    def judgement(self, requests: int) -> Judgement:
        decisive = next((b for b in self._bounds if b.judge.verdict is self.verdict), self._bounds[0])
        of = described(self._claim.of) if self._claim.of else "responses"
        promised = f"latency of {of}: " + ", ".join(str(bound.bound) for bound in self._bounds)
        told = decisive.judge.judgement(promised, requests=requests)
        beyond = "slower" if decisive.bound.slower else "faster"
        seen = (
            f"{self._quantiles()}; {told.hits} of {told.total} {beyond} than {decisive.bound.limit.total_seconds():g} s"
        )
        parts = parts_of({str(bound.bound): bound.judge for bound in self._bounds})
        judgement = replace(told, promised=promised, seen=seen, parts=parts)
        # What holds in spite of the lag stands, and so does what would be broken without it.
        broken = decisive.bound.slower and told.verdict is Verdict.BROKEN
        caused = broken and decisive.without_lag.verdict is not Verdict.BROKEN
        return self._lateness.refused(judgement) if caused else judgement

    def progress(self) -> str:
        return self._quantiles()

    def warning(self) -> str | None:
        return self._lateness.warning()

    def decisive(self) -> ShareJudge | None:
        return min((bound.judge for bound in self._bounds), key=lambda judge: judge.evidence.holds)

    def _quantiles(self) -> str:
        ordered = sorted(self._seconds)
        if not ordered:
            return "no response"
        names = self._claim.quantiles()
        return ", ".join(
            f"{name} {ordered[min(len(ordered) - 1, int(len(ordered) * int(name[1:]) / 100))] * 1000:.0f}ms"
            for name in names
        )


def share_progress(judge: ShareJudge) -> str:
    """Counts, interval and forecast."""
    if not judge.total:
        return "no response yet"
    low, high = judge.interval()
    more = judge.forecast()
    ahead = f", about {more} more" if more else ""
    return f"{judge.hits} of {judge.total} = {judge.hits / judge.total:.1%} (between {low:.1%} and {high:.1%}{ahead})"


def criteria_of(claim: Claim) -> Criteria:
    """What a claim looks at in each response; nothing for a table (its rows do) and for a state."""
    match claim:
        case Every():
            return claim
        case Share():
            return claim.of
        case Split():
            return claim.looked_at
        case Latency(of=Criteria() as of):
            return of
    return Criteria.model_construct()
