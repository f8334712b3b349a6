"""Expectations judged: requests sent, counters read or the cluster's state watched, until the claim is decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

from harness.dialect import Dialect
from harness.errors import Finding, InputError
from harness.forecast.tested import DEFAULTS, bounds_of, tested_share
from harness.kube.client import Kube
from harness.run.always import StepChange, Watching
from harness.run.answered import wait_until_at_rest
from harness.run.bursts import Burst, Telling, Throttle, plan_for_send, send_until_known
from harness.run.by_workload import is_told_by_proxy, send_in_blocks
from harness.run.counting import counting, criteria_of, share_progress
from harness.run.criteria import described
from harness.run.diagnosis import logs_of_involved
from harness.run.events import Emit, ExpectationResult, FailureExplained, Progress, RequestsMade
from harness.run.foretold import foretold
from harness.run.looked_at import NOTHING, LookedAt
from harness.run.offenders import Sent, offence_of
from harness.run.senders import Sender
from harness.run.states import judge_state
from harness.run.tables import TableRun, not_asked, only_answered_by
from harness.run.windows import DESIGN_EFFECT, Window, watch_share
from harness.scenario.claims import Every, ResourceState, Share
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Claim, Expectation, Metrics, Promise, Send, Watch
from harness.scenario.latency import Latency
from harness.scenario.loading import LoadedScenario
from harness.scenario.split import Split
from harness.scenario.tables import Each
from harness.scenario.values import Unfillable
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge


@dataclass(slots=True)
class Judging:
    """Judges the expectations of one scenario, one after the other.

    check    raises ClusterLost if a part of the cluster has died; asked before anything is called broken
    alpha    chance of a false «broken» of each claim whose author wrote none
    windows  open metric windows by expectation name
    values   what `${name}` stands for; tables add to it
    sent     bursts by the expectation that sent them
    keep     what is kept of responses besides what claims of the scenario look at
    hint     what to do next about a claim that does not hold
    options  of the command line, by which the same cluster is asked for again
    """

    loaded: LoadedScenario
    kube: Kube
    senders: dict[str, Sender]
    pace: Pace
    dialect: Dialect
    emit: Emit
    check: Callable[[], None]
    alpha: float = DEFAULTS.alpha
    windows: dict[str, Window] = field(default_factory=dict)
    alphas: list[float] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    sent: dict[str, list[Sent]] = field(default_factory=dict)
    keep: LookedAt = NOTHING
    hint: str = ""
    options: str = ""
    _bursts: dict[str, Burst] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)
    """Senders whose last requests were not waited for."""

    def judge(self, step: str, expectation: Expectation) -> ExpectationResult:
        """The verdict on one expectation with everything a report needs."""
        begin = time.monotonic()
        burst, judgement = self._judge(expectation)
        if judgement.verdict is not Verdict.HOLDS:
            self.check()
        judgement, notes = against_known_gap(expectation, judgement, self.dialect)
        if judgement.verdict is not Verdict.HOLDS:
            stops_there = f"signalbox run {self.loaded.path}{self.options} --pause   (stops there with the cluster up)"
            notes.append(f"next: {self.hint or stops_there}")
        return ExpectationResult(
            scenario=self.loaded.scenario.name,
            step=step,
            name=expectation.expect,
            place=f"{self.loaded.path}:{self.loaded.expectation_line(expectation.expect)}",
            judgement=judgement,
            seconds=time.monotonic() - begin,
            requests=judgement.requests,
            answered=burst.answered,
            notes=(*burst.notes, *notes),
            why=expectation.why or "",
            trail=burst.tracker.trail(),
            known_gap=judgement.verdict is Verdict.HOLDS and bool(notes),
        )

    def judge_always(self, watching: Watching, changes: Sequence[StepChange]) -> ExpectationResult:
        """The verdict on a claim that was watched through the whole story, and what fell into each of its changes."""
        watch = watching.watch
        # As for every burst: half of alpha for the claim, half for requests without a response.
        halves = self.bounds(watch).shared_by(2)
        burst, judgement, alpha = watching.end(halves, drawn_once=self.loaded.scenario.draws_once(watch))
        self.alphas.append(alpha if isinstance(watch.claim, Every) else alpha + halves.alpha)
        if judgement.verdict is not Verdict.HOLDS:
            self.check()
        judgement, notes = against_known_gap(watch, judgement, self.dialect)
        self._made(watch.expect, Sent(burst, watch.send.from_))
        return ExpectationResult(
            scenario=self.loaded.scenario.name,
            step="always",
            name=watch.expect,
            place=f"{self.loaded.path}:{self.loaded.expectation_line(watch.expect)}",
            judgement=judgement,
            seconds=time.monotonic() - watching.began,
            requests=judgement.requests,
            answered=burst.answered,
            notes=(*burst.notes, *notes, *watching.fell_into(changes)),
            why=watch.why or "",
            trail=burst.tracker.trail(),
            known_gap=judgement.verdict is Verdict.HOLDS and bool(notes),
        )

    def bounds(self, expectation: Promise) -> ErrorBounds:
        """The error bounds of a claim."""
        return bounds_of(self.loaded.scenario, expectation, self.alpha)

    def _judge(self, expectation: Expectation) -> tuple[Burst, Judgement]:
        claim = self.loaded.scenario.claim_of(expectation)
        match claim:
            case ResourceState():
                return Burst(), judge_state(self.kube, claim)
            case Each():
                return self._table(expectation, claim)
        if expectation.about is not None:
            return self._about(expectation, claim)
        source = self.loaded.scenario.source_of(expectation)
        if isinstance(source, Metrics):
            assert isinstance(claim, Share), "the language lets only shares of counters through"
            burst = Burst()
            return burst, self._metrics(expectation, claim, source, burst)
        assert isinstance(source, Send), "the language lets no claim without a source through"
        try:
            filled = source.filled(self.values)
        except Unfillable as why:
            self._bursts[expectation.expect] = Burst()
            return Burst(), not_asked(why)
        return self._send(expectation, claim, filled)

    def _send(self, expectation: Expectation, claim: Claim, send: Send) -> tuple[Burst, Judgement]:
        assert isinstance(claim, Every | Share | Split | Latency), "tables and states are judged elsewhere"
        # The claim and the requests without a response that go with it may each be called broken: half a chance each.
        halves = self.bounds(expectation).shared_by(2)
        once = self.loaded.scenario.draws_once(expectation)
        # A ramp says itself how many responses there are.
        count = counting(claim, halves, same_responses=send.ramp is not None, drawn_once=once)
        sender = self.senders[send.from_]
        if is_told_by_proxy(claim) or (isinstance(claim, Every) and claim.answered_by is not None):
            self._let_rest([send.from_])
        plan = plan_for_send(send, self._looked_at(expectation), self.pace, count.limit)
        tell = Telling(
            self._progress(expectation.expect), lambda burst: self._made(expectation.expect, Sent(burst, send.from_))
        )
        if isinstance(claim, Share | Split) and is_told_by_proxy(claim):
            burst, judgement, alpha = send_in_blocks(self.kube, sender, plan, claim, halves, tell)
        else:
            burst, judgement = send_until_known(self.kube, sender, plan, count, halves, tell)
            alpha = count.alpha
        self._bursts[expectation.expect] = burst
        if burst.requests + burst.not_sent < plan.limit:
            self._given_up.add(send.from_)
        self.alphas.append(alpha if isinstance(claim, Every) else alpha + halves.alpha)
        burst.notes += filter(None, (count.warning(),))
        if isinstance(claim, Every) and claim.answered_by is not None:
            judgement = only_answered_by(claim.answered_by, burst, judgement)
        return burst, judgement

    def _let_rest(self, names: Iterable[str]) -> None:
        """Requests that an earlier claim has given up are not to be counted as those of the next."""
        for name in self._given_up.intersection(names):
            wait_until_at_rest(self.kube, self.senders[name])
            self._given_up.discard(name)

    def _about(self, expectation: Expectation, claim: Claim) -> tuple[Burst, Judgement]:
        assert isinstance(claim, Every | Share | Split | Latency), "the language lets no other ask a second question"
        self._kept(expectation, claim)
        burst = self._bursts[self.loaded.scenario.asked_by(expectation).expect]
        once = self.loaded.scenario.draws_once(expectation)
        count = counting(claim, self.bounds(expectation), same_responses=True, drawn_once=once)
        told = Burst(answered=burst.answered)
        count.feed([o for o in burst.outcomes if count.counts_lost or o.status is not None])
        if (decisive := count.decisive()) is not None:
            told.tracker.look(decisive)
        count.finish(Cause.TOO_LITTLE)
        self.alphas.append(count.alpha)
        judgement = count.judgement(0)
        told.notes += filter(None, (count.warning(),))
        if isinstance(claim, Every) and claim.answered_by is not None:
            judgement = only_answered_by(claim.answered_by, burst, judgement)
        return told, judgement

    def _table(self, expectation: Expectation, claim: Each) -> tuple[Burst, Judgement]:
        self._let_rest(case.sender for case in claim.cases() if case.wanted.answered_by is not None)
        table = TableRun(
            self.kube,
            self.senders,
            self.pace,
            self.bounds(expectation),
            self.values,
            self._looked_at(expectation),
            made=lambda sent: self._made(expectation.expect, sent),
        )
        burst, judgement = table.judge(claim, self._progress(expectation.expect))
        self._bursts[expectation.expect] = burst
        return burst, judgement

    def _looked_at(self, expectation: Expectation) -> LookedAt:
        """What this claim, and every question about its responses, looks at; with what is kept in any case."""
        scenario = self.loaded.scenario
        claims = map(scenario.claim_of, scenario.asking_of(expectation))
        return reduce(or_, (LookedAt.by(criteria_of(claim)) for claim in claims), self.keep)

    def _kept(self, expectation: Expectation, claim: Claim) -> None:
        """Raise InputError if a claim looks at what was not kept of the responses: it would seem to be missing."""
        looks = LookedAt.by(criteria_of(claim))
        plans = (sent.burst.plan for sent in self.sent_for(expectation))
        missing = dict.fromkeys(part for plan in plans if plan is not None for part in looks.not_kept_by(plan))
        if missing:
            earlier = self.loaded.scenario.asked_by(expectation).expect
            why = f"about: '{expectation.expect}' looks at {', '.join(missing)}, which '{earlier}' has not kept"
            raise InputError([Finding(self.loaded.path, self.loaded.expectation_line(expectation.expect), why)])

    def sent_for(self, promise: Promise) -> Sequence[Sent]:
        """The bursts that a promise was judged by; those of another if it is about that one's responses."""
        asked = self.loaded.scenario.asked_by(promise) if isinstance(promise, Expectation) else promise
        return self.sent.get(asked.expect, [])

    def explain(self, result: ExpectationResult) -> FailureExplained:
        """The requests that broke an expectation, and the logs of everybody who had to do with them."""
        promise = self._promise(result.name)
        if promise is None:
            return FailureExplained(result.scenario, result.step, result.name)
        claim = promise.claim if isinstance(promise, Watch) else self.loaded.scenario.claim_of(promise)
        sent = self.sent_for(promise)
        workloads = dict.fromkeys(name for one in sent for name in one.burst.workloads or () if name)
        if isinstance(promise, Expectation) and isinstance(source := self.loaded.scenario.source_of(promise), Metrics):
            workloads[source.proxy.name] = None
        senders = [self.senders[name] for name in dict.fromkeys(one.sender for one in sent)]
        pieces = tuple(logs_of_involved(self.kube, senders, list(workloads)))
        found = [(one, offence_of(one, claim, result.judgement)) for one in sent]
        offending = [(one, offence) for one, offence in found if offence is not None]
        # A watch lasts through all changes, and the objects are those of its end: only what holds then is told.
        held = [(one, () if isinstance(promise, Watch) else offence.outcomes) for one, offence in offending]
        asked = held or [(one, ()) for one in sent]
        return FailureExplained(
            result.scenario,
            result.step,
            result.name,
            tuple(offence for _, offence in offending),
            foretold(promise, asked, self.kube, self.loaded.scenario, self.dialect),
            pieces,
        )

    def _promise(self, name: str) -> Expectation | Watch | None:
        """What a result is about; None for a change that did not settle."""
        scenario = self.loaded.scenario
        promises: list[Expectation | Watch] = [*(e for _, e in scenario.expectations()), *scenario.spec.always]
        return next((promise for promise in promises if promise.expect == name), None)

    def _made(self, name: str, sent: Sent) -> None:
        """Remember what became of the requests of a burst, and tell the reports."""
        burst = sent.burst
        if burst.plan is None:
            return
        self.sent.setdefault(name, []).append(sent)
        steps = {e.expect: step.name for step, e in self.loaded.scenario.expectations()}
        self.emit(
            RequestsMade(
                scenario=self.loaded.scenario.name,
                step=steps.get(name, "always"),
                expectation=name,
                sender=sent.sender,
                request=burst.plan.request,
                rate=burst.plan.rate_per_second,
                began=burst.began,
                outcomes=tuple(burst.outcomes),
                workloads=tuple((burst.workloads or {}).items()),
                case=sent.case,
                protocol=burst.plan.protocol,
            )
        )

    def _metrics(self, expectation: Expectation, claim: Share, metrics: Metrics, burst: Burst) -> Judgement:
        window = self.windows[expectation.expect]
        judge = ShareJudge(tested_share(claim), self.bounds(expectation), design_effect=DESIGN_EFFECT)
        progress = self._progress(expectation.expect)
        until = window.opened + self.pace.window(metrics.during).total_seconds()

        def look() -> None:
            burst.tracker.look(judge)
            progress(lambda: share_progress(judge))

        watch_share(window, judge, claim.of, until=until, progress=look)
        self.alphas.append(judge.alpha)
        length = time.monotonic() - window.opened
        without = f" without {metrics.without}" if metrics.without else ""
        noun = f"{metrics.direction} responses of {metrics.proxy}{without}"
        judgement = judge.judgement(described(claim.of, noun), requests=0)
        return replace(judgement, seen=f"{judgement.seen} in a window of {length:.1f} s")

    def _progress(self, name: str) -> Throttle:
        return Throttle(lambda text: self.emit(Progress(name, text)))


def against_known_gap(promise: Promise, judgement: Judgement, dialect: Dialect) -> tuple[Judgement, list[str]]:
    """Where a gap is known the promise must fail; that it holds is the news."""
    gap = promise.known_gap
    if gap is None or not gap.covers(dialect) or judgement.verdict is Verdict.INCONCLUSIVE:
        return judgement, []
    if judgement.verdict is Verdict.BROKEN:
        return replace(judgement, verdict=Verdict.HOLDS), [f"known gap ({gap}): the promise is not kept, as known"]
    seen = f"{judgement.seen}; known gap ({gap}) is closed in {dialect.version}: drop the mark"
    return replace(judgement, verdict=Verdict.BROKEN, seen=seen), []
