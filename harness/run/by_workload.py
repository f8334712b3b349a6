"""Shares and splits by workload: claims on who answered, told by the counters of the sender's own proxy.

A proxy counts how many responses each workload gave, and tells it of no single one. Its counters grow in the order in
which responses *end*, and early ones are the fast ones; so requests go out in blocks, and the counters are read when
all responses of a block have come. A judge may look at blocks of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Protocol

from harness.forecast.tested import tested_share
from harness.kube.client import Kube
from harness.run.answered import Answerers
from harness.run.bursts import Burst, Telling, conclude, gather, lost_judge
from harness.run.counting import share_progress
from harness.run.senders import Sender
from harness.scenario.claims import Share
from harness.scenario.sendable import MAX_REQUESTS
from harness.scenario.split import Split
from harness.traffic.plan import Plan
from harness.traffic.tally import tally_of
from harness.verdict.claims import BUDGET_FACTOR, ErrorBounds
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge
from harness.verdict.split import SplitJudge

BLOCKS = 8
"""Into so many blocks the responses are cut without which no test can say «holds»; a gross error shows in the first."""


class Workloads(Protocol):
    """A claim on who answered, fed with counts by workload."""

    max_n: int

    @property
    def verdict(self) -> Verdict | None: ...

    @property
    def alpha(self) -> float: ...

    def add(self, counts: Mapping[str, int]) -> Verdict | None: ...

    def finish(self, cause: Cause) -> Verdict: ...

    def judgement(self, what: str, *, requests: int | None = None) -> Judgement: ...

    def progress(self) -> str: ...

    def decisive(self) -> ShareJudge: ...


class _OneWorkload:
    """A share of the responses that one workload answered."""

    def __init__(self, claim: Share, bounds: ErrorBounds) -> None:
        assert claim.of.answered_by is not None, "only shares by workload are judged here"
        self._name = claim.of.answered_by
        self._judge = ShareJudge(tested_share(claim), bounds)
        self.max_n = self._judge.max_n

    @property
    def verdict(self) -> Verdict | None:
        return self._judge.verdict

    @property
    def alpha(self) -> float:
        return self._judge.alpha

    def add(self, counts: Mapping[str, int]) -> Verdict | None:
        return self._judge.add(counts.get(self._name, 0), sum(counts.values()))

    def finish(self, cause: Cause) -> Verdict:
        return self._judge.finish(cause)

    def judgement(self, what: str, *, requests: int | None = None) -> Judgement:
        return self._judge.judgement(f"{what} answered by {self._name}", requests=requests)

    def progress(self) -> str:
        return share_progress(self._judge)

    def decisive(self) -> ShareJudge:
        return self._judge


def is_told_by_proxy(claim: object) -> bool:
    """Whether a claim asks how many each workload answered, which only the sender's proxy knows."""
    if isinstance(claim, Split):
        return claim.answered_by is not None
    return isinstance(claim, Share) and claim.of.answered_by is not None


def workload_judge(claim: Share | Split, bounds: ErrorBounds) -> Workloads:
    """The judge of a claim that the sender's proxy decides."""
    if isinstance(claim, Split):
        return SplitJudge(claim.shares, claim.resolution, bounds)
    return _OneWorkload(claim, bounds)


def send_in_blocks(
    kube: Kube,
    sender: Sender,
    plan: Plan,
    claim: Share | Split,
    bounds: ErrorBounds,
    tell: Telling,
) -> tuple[Burst, Judgement, float]:
    """Carry out a plan block by block until the sender's proxy has counted enough; also the claim's alpha.

    raises  ClusterLost, EnvironmentFailed if the sender or its proxy goes away
    """
    judge = workload_judge(claim, bounds)
    burst, lost, whole = Burst(), lost_judge(bounds), Answerers(kube, sender)
    size = min(ceil(judge.max_n / (BLOCKS * BUDGET_FACTOR)), MAX_REQUESTS)
    while judge.verdict is None and lost.verdict is not Verdict.BROKEN:
        block = _send_block(kube, sender, replace(plan, limit=size), lost, tell, judge.progress)
        burst.outcomes += block.outcomes
        burst.lost, burst.not_sent = burst.lost + block.lost, burst.not_sent + block.not_sent
        judge.add(block.workloads or {})
        burst.tracker.look(judge.decisive())
        if burst.not_sent or burst.requests >= judge.max_n:
            judge.finish(Cause.LATE if burst.not_sent else Cause.BUDGET)
        if burst.requests >= MAX_REQUESTS:
            break
    judge.finish(Cause.TOO_LITTLE)
    burst.workloads = whole.workloads()
    burst.answered = "; ".join(filter(None, (whole.told(), tally_of(burst.outcomes).sentence())))
    judgement = judge.judgement("responses", requests=burst.requests)
    return burst, conclude(judgement, lost, burst), judge.alpha


def _send_block(
    kube: Kube, sender: Sender, plan: Plan, lost: ShareJudge, tell: Telling, progress: Callable[[], str]
) -> Burst:
    """One block with all its responses, and who gave them."""
    answerers = Answerers(kube, sender)
    block = Burst(plan=plan, grown=answerers.grown)
    try:
        with sender.client.send(plan) as sending:
            for batch in sending:
                gather(batch, block, lost)
                tell.progress(progress)
        block.workloads = answerers.by_whom()
    finally:
        tell.made(block)
    return block
