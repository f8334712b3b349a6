"""A recorded run judged again: by scenarios whose claims may have changed since, over the very same responses.

The judges are those of a live run. What they were shown then is shown to them again, in issue order; a claim that now
asks for more certainty than the recorded responses can give is inconclusive, never guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.dialect import Dialect
from harness.forecast.tested import bounds_of
from harness.record.outcomes import expanded
from harness.record.reader import Record
from harness.run import events as ev
from harness.run.bursts import judge_all
from harness.run.by_workload import is_told_by_proxy, workload_judge
from harness.run.counting import counting, criteria_of
from harness.run.judging import against_known_gap
from harness.run.states import state_judgement
from harness.run.tables import only_answered_by
from harness.scenario.claims import Criteria, Every, Share
from harness.scenario.expectations import Claim, Expectation, Metrics, Promise, Send, Watch
from harness.scenario.latency import Latency
from harness.scenario.loading import LoadedScenario
from harness.scenario.request_lines import Request
from harness.scenario.split import Split
from harness.scenario.tables import Case, Each
from harness.traffic.outcome import Outcome
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Cause, Judgement, Verdict

_ROW = re.compile(r"row (\d+)\b")


class NotRecorded(Exception):
    """Why a claim cannot be judged by the record."""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """One expectation, then and now.

    then     the verdict in the record; None if it was not reached
    now      the verdict by the claim as it is written now; None if the record cannot tell
    why_not  why it cannot
    """

    scenario: str
    name: str
    place: str
    then: Judgement | None
    now: Judgement | None
    why_not: str = ""


def rejudge(record: Record, loaded: LoadedScenario, dialect: Dialect) -> Iterator[Rejudged]:
    """All promises of a scenario over what a record has of it, in the order of the file."""
    scenario = loaded.scenario
    then = {result.name: result.judgement for result in record.results() if result.scenario == scenario.name}
    book = _Book(record, loaded)
    for promise in (*scenario.spec.always, *(expectation for _, expectation in scenario.expectations())):
        name = promise.expect
        place = f"{loaded.path}:{loaded.expectation_line(name)}"
        try:
            judgement, _ = against_known_gap(promise, book.judgement(promise), dialect)
        except NotRecorded as why:
            yield Rejudged(scenario.name, name, place, then.get(name), None, str(why))
        else:
            yield Rejudged(scenario.name, name, place, then.get(name), judgement)


@dataclass(frozen=True, slots=True)
class _Book:
    record: Record
    loaded: LoadedScenario

    def judgement(self, promise: Promise) -> Judgement:
        """The verdict on one promise; raises NotRecorded."""
        scenario, bounds = self.loaded.scenario, bounds_of(self.loaded.scenario, promise)
        if isinstance(promise, Watch):
            made = self._made(promise.expect, promise.send)
            return self._of_requests(promise.claim, made, bounds.shared_by(2), scenario.draws_once(promise))
        assert isinstance(promise, Expectation), "a scenario promises nothing else"
        claim, source = scenario.claim_of(promise), scenario.source_of(promise)
        if isinstance(claim, Each):
            return self._table(claim, self._made(promise.expect, None), bounds)
        if isinstance(source, Metrics):
            raise NotRecorded("it reads counters of proxies, and a record has requests")
        if isinstance(source, Send) and promise.about is None:
            made = self._made(promise.expect, source)
            return self._of_requests(claim, made, bounds.shared_by(2), scenario.draws_once(promise))
        if promise.about is not None:
            made = self._made(scenario.asked_by(promise).expect, None)
            return self._of_requests(claim, made, bounds, scenario.draws_once(promise))
        raise NotRecorded("it asks the cluster, and a record has requests")

    def _made(self, name: str, send: Send | None) -> Sequence[ev.RequestsMade]:
        made = self.record.requests(self.loaded.scenario.name, name)
        if not made:
            raise NotRecorded("the recorded run has no requests of it")
        if send is not None and (other := _something_else(made[0], send.request)):
            raise NotRecorded(other)
        return made

    def _of_requests(
        self, claim: Claim, made: Sequence[ev.RequestsMade], bounds: ErrorBounds, drawn_once: bool = False
    ) -> Judgement:
        assert isinstance(claim, Every | Share | Split | Latency), "tables and states are judged elsewhere"
        if isinstance(claim, Share | Split) and is_told_by_proxy(claim):
            judge = workload_judge(claim, bounds)
            for block in made:
                judge.add(dict(block.workloads))
            judge.finish(Cause.TOO_LITTLE)
            return judge.judgement("responses", requests=sum(len(block.outcomes) for block in made))
        outcomes = [outcome for one in made for outcome in expanded(one.outcomes, one.buckets)]
        _must_be_kept(criteria_of(claim), outcomes)
        count = counting(claim, bounds, same_responses=True, drawn_once=drawn_once)
        burst, judgement = judge_all(outcomes, count, bounds)
        if isinstance(claim, Every) and claim.answered_by is not None:
            burst.workloads = _workloads(made)
            judgement = only_answered_by(claim.answered_by, burst, judgement)
        return judgement

    def _table(self, claim: Each, made: Sequence[ev.RequestsMade], bounds: ErrorBounds) -> Judgement:
        by_row = {int(match[1]): one for one in made if (match := _ROW.match(one.case))}
        wrong, verdicts, cases = [], set(), claim.cases()
        for case in cases:
            judgement = self._row(case, by_row, bounds)
            verdicts.add(judgement.verdict)
            if judgement.verdict is not Verdict.HOLDS:
                wrong.append(f"row {case.number} ({case}): promised {judgement.promised}; saw {judgement.seen}")
        verdict = next(v for v in (Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.HOLDS) if v in verdicts)
        seen = "; ".join([f"{len(cases) - len(wrong)} of {len(cases)} rows hold", *wrong])
        promised = f"every response to {len(cases)} kinds of request as its row says"
        told = state_judgement(verdict, promised, seen, hits=len(cases) - len(wrong), total=len(cases))
        return replace(told, requests=sum(len(one.outcomes) for one in made))

    def _row(self, case: Case, by_row: Mapping[int, ev.RequestsMade], bounds: ErrorBounds) -> Judgement:
        if case.number not in by_row:
            raise NotRecorded(f"the recorded run has no requests of row {case.number}")
        made = by_row[case.number]
        if other := _something_else(made, case.request):
            raise NotRecorded(f"row {case.number}: {other}")
        criteria = {name: getattr(case.wanted, name) for name in Criteria.model_fields}
        return self._of_requests(Every.model_construct(**criteria, times=None), [made], bounds)


def _something_else(made: ev.RequestsMade, asked: Request) -> str:
    """A sentence if what is written now is not what was sent then; values that were filled in are not compared."""
    then, now = f"{made.request.method} {made.request.url}", f"{asked.method} {asked.url}"
    path_then, path_now = (text.partition("://")[2].partition("/")[2] for text in (then, now))
    if "${" in now or (then.split()[0] == now.split()[0] and path_then == path_now):
        return ""
    return f"the recorded run asked something else: {then}, not {now}"


def _must_be_kept(criteria: Criteria, outcomes: Sequence[Outcome]) -> None:
    """Raise NotRecorded if a claim looks at what no claim of then asked for: it would seem to be missing."""
    answered = [outcome for outcome in outcomes if outcome.status is not None]
    known = {name.lower() for outcome in answered for name in outcome.headers}
    for name in criteria.header or ():
        if answered and name.lower() not in known:
            raise NotRecorded(f"no response of the record has a header {name}; a header is kept only if a claim asks")
    looks = criteria.body_has or criteria.body_lacks
    if looks and answered and not any(outcome.body_start for outcome in answered):
        raise NotRecorded("the record has no bodies; they are kept only if a claim asks for them")


def _workloads(made: Sequence[ev.RequestsMade]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in made:
        total.update(dict(one.workloads))
    return total
