"""Requests of one expectation: sent until the claim is decided, with everything a report wants to know of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.kube.client import Kube
from harness.run.answered import Answerers
from harness.run.counting import Counting
from harness.run.looked_at import LookedAt
from harness.run.senders import Sender
from harness.run.trail import Tracker
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Send
from harness.scenario.request_lines import Request
from harness.scenario.sendable import MAX_REQUESTS
from harness.traffic.outcome import Outcome
from harness.traffic.plan import HTTP_1, MAX_BODY_START_BYTES, Plan
from harness.traffic.plan import Request as TrafficRequest
from harness.traffic.tally import tally_of
from harness.verdict import claims
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge

LOST = claims.Share(at_most=0.001, resolution=0.01)
"""Requests that got no response at all are no evidence for or against a claim about responses; they have a bound of
their own: more than one in a thousand is called broken, within the claim's error bounds."""


@dataclass(slots=True)
class Burst:
    """The responses that one expectation got, in issue order.

    workloads  how many each Deployment answered, as the sender's proxy counted; None if it has none
    began      moment of the monotonic clock at which sending began
    plan       what was sent; None if nothing was
    tracker    how the evidence grew
    grown      what the sender's proxy counted meanwhile, a line per series
    """

    outcomes: list[Outcome] = field(default_factory=list)
    lost: int = 0
    not_sent: int = 0
    answered: str = ""
    workloads: Mapping[str, int] | None = None
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    plan: Plan | None = None
    tracker: Tracker = field(default_factory=Tracker)
    grown: Callable[[], tuple[str, ...]] = tuple

    @property
    def requests(self) -> int:
        """Requests that really left."""
        return len(self.outcomes)


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told of a burst.

    progress  how far the claim is, after every batch
    made      the burst, when no more requests will follow, also if that is because something failed
    """

    progress: Callable[[Callable[[], str]], None] = lambda text: None
    made: Callable[[Burst], None] = lambda burst: None


def send_until_known(
    kube: Kube,
    sender: Sender,
    plan: Plan,
    count: Counting,
    bounds: ErrorBounds,
    tell: Telling,
) -> tuple[Burst, Judgement]:
    """Carry out a plan until the claim is decided; the verdict, and what came back.

    raises  ClusterLost, EnvironmentFailed if the sender goes away
    """
    answerers = Answerers(kube, sender)
    burst, lost = Burst(plan=plan, grown=answerers.grown), lost_judge(bounds)
    held: list[Outcome] = []
    try:
        with sender.client.send(plan) as sending:
            for batch in sending:
                held += gather(batch, burst, lost)
                if burst.requests + burst.not_sent >= plan.ramp_requests:  # a claim about a ramp is about all of it
                    _feed(held, burst, count)
                    held.clear()
                tell.progress(count.progress)
                if count.verdict is not None or lost.verdict is Verdict.BROKEN:
                    break
        burst.workloads = answerers.workloads()
    finally:
        tell.made(burst)
    count.finish(Cause.LATE if burst.not_sent else Cause.TOO_LITTLE)
    burst.answered = "; ".join(filter(None, (answerers.told(), tally_of(burst.outcomes).sentence())))
    return burst, _conclude(count, lost, burst)


def judge_all(outcomes: Sequence[Outcome], count: Counting, bounds: ErrorBounds) -> tuple[Burst, Judgement]:
    """The verdict on responses that have all come: the same bounds as while they come, looked at once."""
    burst, lost = Burst(), lost_judge(bounds)
    _feed(gather(outcomes, burst, lost), burst, count)
    count.finish(Cause.LATE if burst.not_sent else Cause.TOO_LITTLE)
    return burst, _conclude(count, lost, burst)


def lost_judge(bounds: ErrorBounds) -> ShareJudge:
    """The bound on requests without a response that goes with every claim about responses."""
    return ShareJudge(LOST, bounds)


def gather(batch: Sequence[Outcome], burst: Burst, lost: ShareJudge) -> list[Outcome]:
    """Add a batch to a burst and to the bound on lost requests; returns the outcomes of those that were sent."""
    sent = [outcome for outcome in batch if outcome.sent]
    missing = sum(outcome.status is None for outcome in sent)
    burst.not_sent += len(batch) - len(sent)
    burst.lost += missing
    burst.outcomes += sent
    lost.add(missing, len(sent))
    return sent


def _feed(sent: Sequence[Outcome], burst: Burst, count: Counting) -> None:
    count.feed(sent if count.counts_lost else [outcome for outcome in sent if outcome.status is not None])
    if (decisive := count.decisive()) is not None:
        burst.tracker.look(decisive)


def _conclude(count: Counting, lost: ShareJudge, burst: Burst) -> Judgement:
    return conclude(count.judgement(burst.requests), lost, burst, counts_lost=count.counts_lost)


def conclude(judgement: Judgement, lost: ShareJudge, burst: Burst, *, counts_lost: bool = False) -> Judgement:
    """The judgement, or that on lost requests if there were too many; a few are told in a note."""
    if lost.verdict is Verdict.BROKEN and judgement.verdict is not Verdict.BROKEN:
        about_lost = lost.judgement("requests without a response", requests=lost.total)
        return replace(about_lost, promised=f"{judgement.promised}, and a response to each request")
    if burst.lost and not counts_lost:
        burst.notes.append(f"{burst.lost} requests got no response and are not counted")
    return judgement


def plan_for(
    request: Request,
    *,
    headers: Mapping[str, str],
    body: str | None,
    data: object,
    rate: float,
    limit: int,
    timeout_seconds: float,
    keep: LookedAt,
    fresh: bool = False,
    protocol: str = HTTP_1,
    message: bytes = b"",
) -> Plan:
    """The plan of one request as a scenario writes it.

    data       a body sent as JSON, if not None
    rate       requests per second
    limit      requests, from 1 to MAX_REQUESTS
    keep       what is kept of each response
    fresh      a new connection for each request
    message    the body of a call of gRPC
    raises     ValueError for what no sender sends, which lint finds
    """
    sent = dict(headers)
    content = message or (body or "").encode()
    if data is not None:
        sent.setdefault("content-type", "application/json")
        content = json.dumps(data).encode()
    return Plan(
        request=TrafficRequest(method=request.method, url=request.url, headers=tuple(sent.items()), body=content),
        rate_per_second=rate,
        limit=limit,
        timeout_seconds=timeout_seconds,
        fresh_connections=fresh,
        protocol=protocol,
        keep_headers=tuple(sorted(keep.headers)),
        body_start_bytes=MAX_BODY_START_BYTES if keep.bodies else 0,
    )


def plan_for_send(send: Send, keep: LookedAt, pace: Pace, limit: int) -> Plan:
    """The plan of a `send`, at the rate that the profile allows.

    limit  how many requests are of use; a ramp has its own number, and nothing sends more than MAX_REQUESTS
    """
    plan = plan_for(
        send.request,
        headers=send.headers,
        body=send.body,
        data=send.json_,
        rate=pace.rate(send.rate),
        limit=min(max(1, limit), MAX_REQUESTS),  # a ramp's own number follows
        timeout_seconds=send.timeout.total_seconds(),
        keep=keep,
        fresh=send.connections == "fresh",
        protocol=send.protocol,
        message=send.message or b"",
    )
    if send.ramp is None:
        return plan
    begins = replace(
        plan,
        ramp_from_per_second=pace.rate(send.ramp.from_),
        ramp_seconds=send.ramp.over.total_seconds(),
    )
    return replace(begins, limit=max(plan.limit, begins.ramp_requests))


class Throttle:
    """Emits progress a few times a second, whatever the rate of responses."""

    SECONDS = 0.2

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._next = 0.0

    def __call__(self, text: Callable[[], str]) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self.SECONDS
            self._emit(text())
