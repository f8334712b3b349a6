"""Expectations judged: requests sent, counters read or the cluster's state watched, until the claim is decided."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from harness.kube.client import Kube
from harness.kube.objects import workload
from harness.kube.waits import WaitFailed, wait_deployment_condition, wait_pods_condition
from harness.run.answered import Answerers
from harness.run.criteria import described, satisfies
from harness.run.events import Emit, ExpectationResult, Progress
from harness.run.senders import Sender
from harness.run.windows import DESIGN_EFFECT, Window, watch_share
from harness.scenario.claims import DEFAULT_TIMES, Criteria, Every, ResourceState, Share
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Expectation, Metrics, Send
from harness.scenario.loading import LoadedScenario
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Plan
from harness.traffic.plan import Request as TrafficRequest
from harness.traffic.tally import Tally
from harness.verdict import claims
from harness.verdict.claims import ErrorBounds
from harness.verdict.every import EveryJudge
from harness.verdict.independence import Runs
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge

PROGRESS_SECONDS = 0.2
LOST = claims.Share(at_most=0.001, resolution=0.01)
"""Requests that got no response at all are no evidence for or against a claim about responses; they have a bound of
their own: more than one in a thousand is called broken, within the claim's error bounds."""


@dataclass(slots=True)
class Burst:
    """The responses that one expectation got, in issue order."""

    outcomes: list[Outcome] = field(default_factory=list)
    lost: int = 0
    not_sent: int = 0
    answered: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Judging:
    """Judges the expectations of one scenario, one after the other.

    check    raises ClusterLost if a part of the cluster has died; asked before anything is called broken
    windows  open metric windows by expectation name
    """

    loaded: LoadedScenario
    kube: Kube
    senders: dict[str, Sender]
    pace: Pace
    emit: Emit
    check: Callable[[], None]
    windows: dict[str, Window] = field(default_factory=dict)
    alphas: list[float] = field(default_factory=list)
    _bursts: dict[str, Burst] = field(default_factory=dict)

    def judge(self, step: str, expectation: Expectation) -> ExpectationResult:
        """The verdict on one expectation with everything a report needs."""
        begin = time.monotonic()
        result = replace(self._judge(expectation), scenario=self.loaded.scenario.name, step=step)
        if result.verdict is not Verdict.HOLDS:
            self.check()
            look = f"next: signalbox run {self.loaded.path} --pause   (stops there with the cluster up)"
            result = replace(result, notes=(*result.notes, look))
        return replace(result, seconds=time.monotonic() - begin)

    def _judge(self, expectation: Expectation) -> ExpectationResult:
        claim = self.loaded.scenario.claim_of(expectation)
        if isinstance(claim, ResourceState):
            return self._result(expectation, self._judge_resource(claim))
        if expectation.about is not None:
            return self._judge_about(expectation, claim, self._bursts[expectation.about])
        source = self.loaded.scenario.source_of(expectation)
        if isinstance(source, Metrics):
            assert isinstance(claim, Share), "the language lets only shares of counters through"
            return self._judge_metrics(expectation, claim, source)
        assert isinstance(source, Send), "the language lets no claim without a source through"
        return self._judge_send(expectation, claim, source)

    # -- requests of our own ---------------------------------------------------------------------------------------

    def _judge_send(self, expectation: Expectation, claim: Every | Share, send: Send) -> ExpectationResult:
        judge = self._judge_for(expectation, claim)
        sender = self.senders[send.from_]
        answerers = Answerers(self.kube, sender)
        burst = self._bursts[expectation.expect] = Burst()
        lost = ShareJudge(LOST, self._bounds(expectation))
        limit = judge.max_n if isinstance(judge, ShareJudge) else claim_times(claim)
        progress = _Throttle(self.emit, expectation.expect)
        with sender.client.send(self._plan(send, claim, limit)) as sending:
            for batch in sending:
                self._feed(batch, burst, judge, lost, claim)
                progress(lambda: _how_far(judge))
                if judge.verdict is not None or lost.verdict is Verdict.BROKEN:
                    break
        judge.finish(Cause.LATE if burst.not_sent else Cause.TOO_LITTLE)
        burst.answered = _answer(answerers.told(), burst)
        judgement = self._conclude(judge, lost, claim, burst)
        self._account(judge)
        burst.notes += _dependence(burst, claim)
        return self._result(expectation, judgement, burst)

    def _feed(
        self,
        batch: Sequence[Outcome],
        burst: Burst,
        judge: ShareJudge | EveryJudge,
        lost: ShareJudge,
        claim: Every | Share,
    ) -> None:
        sent = [outcome for outcome in batch if outcome.sent]
        burst.not_sent += len(batch) - len(sent)
        answered = [outcome for outcome in sent if outcome.status is not None]
        lost.add(len(sent) - len(answered), len(sent))
        burst.lost += len(sent) - len(answered)
        # A request without a response is no response with the property, so it breaks «every».
        counted = sent if isinstance(judge, EveryJudge) else answered
        burst.outcomes += counted
        _add(judge, counted, claim)

    def _conclude(
        self, judge: ShareJudge | EveryJudge, lost: ShareJudge, claim: Every | Share, burst: Burst
    ) -> Judgement:
        if lost.verdict is not Verdict.BROKEN:
            if burst.lost and isinstance(judge, ShareJudge):
                burst.notes.append(f"{burst.lost} requests got no response and are not counted")
            return judge.judgement(described(_criteria(claim)), requests=len(burst.outcomes) + burst.lost)
        about_lost = lost.judgement("requests without a response", requests=lost.total)
        promised = judge.judgement(described(_criteria(claim))).promised
        return replace(about_lost, promised=f"{promised}, and a response to each request")

    def _plan(self, send: Send, claim: Every | Share, limit: int) -> Plan:
        wanted = _criteria(claim)
        body, headers = _body(send)
        return Plan(
            request=TrafficRequest(
                method=send.request.method, url=send.request.url, headers=tuple(headers.items()), body=body
            ),
            rate_per_second=self.pace.rate(send.rate),
            limit=limit,
            timeout_seconds=send.timeout.total_seconds(),
            keep_headers=tuple(wanted.header or ()),
            body_start_bytes=65536 if wanted.body_has or wanted.body_lacks else 0,
        )

    # -- the same responses, a second question -----------------------------------------------------------------------

    def _judge_about(self, expectation: Expectation, claim: Every | Share, burst: Burst) -> ExpectationResult:
        judge: ShareJudge | EveryJudge
        if isinstance(claim, Every):
            judge = EveryJudge(claims.Every(), self._bounds(expectation))
        else:
            judge = ShareJudge(_share(claim), self._bounds(expectation))
        _add(judge, burst.outcomes, claim)
        judge.finish(Cause.TOO_LITTLE)
        self._account(judge)
        judgement = judge.judgement(described(_criteria(claim)), requests=0)
        return self._result(expectation, judgement, Burst(answered=burst.answered))

    # -- counters ----------------------------------------------------------------------------------------------------

    def _judge_metrics(self, expectation: Expectation, claim: Share, metrics: Metrics) -> ExpectationResult:
        window = self.windows[expectation.expect]
        judge = ShareJudge(_share(claim), self._bounds(expectation), design_effect=DESIGN_EFFECT)
        progress = _Throttle(self.emit, expectation.expect)
        until = window.opened + self.pace.window(metrics.during).total_seconds()
        watch_share(window, judge, claim.of, until=until, progress=lambda: progress(lambda: _how_far(judge)))
        self._account(judge)
        length = time.monotonic() - window.opened
        noun = f"{metrics.direction} responses of {metrics.proxy}" + (
            f" without {metrics.without}" if metrics.without else ""
        )
        judgement = judge.judgement(described(claim.of, noun), requests=0)
        counted = f"{judgement.seen} in a window of {length:.1f} s"
        return self._result(expectation, replace(judgement, seen=counted))

    # -- the cluster's state -------------------------------------------------------------------------------------------

    def _judge_resource(self, claim: ResourceState) -> Judgement:
        target = claim.pods or claim.deployment
        if claim.within is not None:
            promised = f"{target} {claim.condition} within {claim.within.total_seconds():g} s"
            try:
                took = self._wait_state(claim, claim.within.total_seconds(), met=claim.condition.met)
            except WaitFailed as failure:
                return _state(Verdict.BROKEN, promised, failure.message)
            return _state(Verdict.HOLDS, promised, f"{claim.condition} after {took:.1f} s")
        assert claim.for_ is not None, "the language lets no state without a time through"
        length = claim.for_.total_seconds()
        promised = f"{target} {claim.condition} for {length:g} s"
        try:
            # It holds all the time if waiting for the opposite runs out of time.
            took = self._wait_state(claim, length, met=not claim.condition.met)
        except WaitFailed:
            return _state(Verdict.HOLDS, promised, f"{claim.condition} for {length:g} s without a break")
        return _state(Verdict.BROKEN, promised, f"no longer so after {took:.1f} s")

    def _wait_state(self, claim: ResourceState, seconds: float, *, met: bool) -> float:
        name = claim.condition.name
        if claim.pods is not None:
            labels = f"{claim.pods.label}={claim.pods.value}"
            return wait_pods_condition(self.kube, claim.pods.namespace, labels, name, met=met, within=seconds)
        ref = workload("Deployment", str(claim.deployment))
        return wait_deployment_condition(self.kube, ref, name, met=met, within=seconds).seconds

    # -- what they share -----------------------------------------------------------------------------------------------

    def _judge_for(self, expectation: Expectation, claim: Every | Share) -> ShareJudge | EveryJudge:
        if isinstance(claim, Every):
            return EveryJudge(claims.Every(times=claim_times(claim)), self._bounds(expectation))
        return ShareJudge(_share(claim), self._bounds(expectation))

    def _account(self, judge: ShareJudge | EveryJudge) -> None:
        self.alphas.append(judge.alpha)

    def _bounds(self, expectation: Expectation) -> ErrorBounds:
        written = [expectation.verdict, self.loaded.scenario.spec.verdict]
        default = ErrorBounds()
        false_alarm = next((w.false_alarm for w in written if w and w.false_alarm is not None), default.alpha)
        miss = next((w.miss for w in written if w and w.miss is not None), default.beta)
        return ErrorBounds(false_alarm, miss)

    def place(self, expectation: Expectation) -> str:
        """file:line of an expectation."""
        return f"{self.loaded.path}:{self.loaded.expectation_line(expectation.expect)}"

    def _result(self, expectation: Expectation, judgement: Judgement, burst: Burst | None = None) -> ExpectationResult:
        burst = burst or Burst()
        return ExpectationResult(
            scenario="",
            step="",
            name=expectation.expect,
            place=self.place(expectation),
            judgement=judgement,
            seconds=0.0,
            requests=judgement.requests,
            answered=burst.answered,
            notes=tuple(burst.notes),
        )


def claim_times(claim: Every | Share) -> int:
    """How many requests an `every` claim sends."""
    return (claim.times if isinstance(claim, Every) else None) or DEFAULT_TIMES


def _criteria(claim: Every | Share) -> Criteria:
    return claim if isinstance(claim, Every) else claim.of


def _share(claim: Share) -> claims.Share:
    return claims.Share(target=claim.is_, at_most=claim.at_most, at_least=claim.at_least, resolution=claim.resolution)


def _add(judge: ShareJudge | EveryJudge, outcomes: Sequence[Outcome], claim: Every | Share) -> None:
    """Feed a judge; an `every` claim also hears what was seen, up to its first violation."""
    hits = [satisfies(outcome, _criteria(claim)) for outcome in outcomes]
    if isinstance(judge, EveryJudge):
        judge.add(sum(hits), len(hits), _tally(outcomes).words())
    else:
        judge.add(sum(hits), len(hits))


def _tally(outcomes: Sequence[Outcome]) -> Tally:
    tally = Tally()
    tally.add(outcomes)
    return tally


def _body(send: Send) -> tuple[bytes, dict[str, str]]:
    headers = dict(send.headers)
    if send.json_ is not None:
        headers.setdefault("content-type", "application/json")
        return json.dumps(send.json_).encode(), headers
    return (send.body or "").encode(), headers


def _how_far(judge: ShareJudge | EveryJudge) -> str:
    if isinstance(judge, EveryJudge) or not judge.total:
        return f"{judge.hits} of {judge.total}"
    low, high = judge.interval()
    more = judge.forecast()
    ahead = f", about {more} more" if more else ""
    return f"{judge.hits} of {judge.total} = {judge.hits / judge.total:.1%} (between {low:.1%} and {high:.1%}{ahead})"


def _answer(told: str, burst: Burst) -> str:
    kinds = _tally(burst.outcomes).sentence()
    return f"{told}; {kinds}" if told else kinds


def _dependence(burst: Burst, claim: Every | Share) -> list[str]:
    if isinstance(claim, Every):
        return []
    runs = Runs()
    runs.add(satisfies(outcome, claim.of) for outcome in burst.outcomes)
    warning = runs.dependence().warning()
    return [warning] if warning else []


def _state(verdict: Verdict, promised: str, seen: str) -> Judgement:
    """A judgement on a state: nothing was counted."""
    return Judgement(verdict=verdict, hits=0, total=0, low=0.0, high=1.0, level=1.0, promised=promised, seen=seen)


class _Throttle:
    """Emits progress a few times a second, whatever the rate of responses."""

    def __init__(self, emit: Emit, expectation: str) -> None:
        self._emit = emit
        self._expectation = expectation
        self._next = 0.0

    def __call__(self, text: Callable[[], str]) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_SECONDS
            self._emit(Progress(self._expectation, text()))
