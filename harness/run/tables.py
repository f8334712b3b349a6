"""Decision tables: each row a request sent some times, each response to it as the row says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.kube.client import Kube
from harness.run.bursts import Burst, Telling, plan_for, send_until_known
from harness.run.counting import EveryCounting
from harness.run.criteria import described
from harness.run.looked_at import NOTHING, LookedAt
from harness.run.offenders import Sent
from harness.run.senders import Sender
from harness.run.states import state_judgement
from harness.scenario.claims import Every
from harness.scenario.clusters import Pace
from harness.scenario.expectations import DEFAULT_TIMEOUT, TABLE_RATE
from harness.scenario.tables import Case, Each
from harness.scenario.values import Unfillable
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Judgement, Verdict

Report = Callable[[Callable[[], str]], None]


@dataclass(frozen=True, slots=True)
class TableRun:
    """Runs the rows of a table in order.

    values     what `${name}` stands for; rows that save something add to it
    keep       what is kept of responses besides what their rows look at
    made       told what became of the requests of each row
    """

    kube: Kube
    senders: dict[str, Sender]
    pace: Pace
    bounds: ErrorBounds
    values: dict[str, str]
    keep: LookedAt = NOTHING
    made: Callable[[Sent], None] = lambda sent: None

    def judge(self, claim: Each, progress: Report) -> tuple[Burst, Judgement]:
        """All responses of all rows, and the verdict on the table: broken if one row is."""
        whole, wrong, cases = Burst(), list[str](), claim.cases()
        verdicts = set()
        for case in cases:
            progress(lambda case=case: f"row {case.number} of {len(cases)}")  # type: ignore[misc]
            burst, judgement = self._row(case)
            whole.outcomes += burst.outcomes
            whole.workloads = Counter(whole.workloads or {}) + Counter(burst.workloads or {})
            verdicts.add(judgement.verdict)
            if judgement.verdict is not Verdict.HOLDS:
                wrong.append(f"row {case.number} ({case}): promised {judgement.promised}; saw {judgement.seen}")
                whole.notes.append(f"row {case.number}: answered by {burst.answered}")
        verdict = next(v for v in (Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.HOLDS) if v in verdicts)
        promised = f"every response to {len(cases)} kinds of request as its row says"
        right = len(cases) - len(wrong)
        seen = "; ".join([f"{right} of {len(cases)} rows hold, {whole.requests} responses", *wrong])
        told = state_judgement(verdict, promised, seen, hits=right, total=len(cases))
        return whole, replace(told, requests=whole.requests)

    def _row(self, case: Case) -> tuple[Burst, Judgement]:
        try:
            sent = case.filled(self.values)
        except Unfillable as why:
            return Burst(), not_asked(why)
        wanted = Every.model_construct(**{name: getattr(case.wanted, name) for name in _CRITERIA}, times=case.times)
        count = EveryCounting(wanted, self.bounds, case.times)
        plan = plan_for(
            sent.request,
            headers=sent.headers,
            body=sent.body,
            data=sent.json,
            rate=self.pace.rate(TABLE_RATE),
            limit=case.times,
            timeout_seconds=DEFAULT_TIMEOUT.total_seconds(),
            keep=self.keep | LookedAt.by(wanted) | LookedAt(bodies=bool(case.save)),
        )
        sender = self.senders[case.sender]
        burst, judgement = send_until_known(
            self.kube,
            sender,
            plan,
            count,
            self.bounds,
            Telling(
                made=lambda burst: self.made(
                    Sent(burst, case.sender, f"row {case.number}: {described(wanted)}", wanted)
                )
            ),
        )
        if wanted.answered_by is not None:
            judgement = only_answered_by(wanted.answered_by, burst, judgement)
        return burst, self._saved(case, burst, judgement)

    def _saved(self, case: Case, burst: Burst, judgement: Judgement) -> Judgement:
        """The judgement, broken if what later rows need is not in the response."""
        if judgement.verdict is not Verdict.HOLDS:
            return judgement
        for name, path in case.save.items():
            try:
                self.values[name] = path.taken_from(burst.outcomes[-1].body_start)
            except ValueError as error:
                promised = f"{judgement.promised} with {path} in its body"
                return replace(judgement, verdict=Verdict.BROKEN, promised=promised, seen=str(error))
        return judgement


def not_asked(why: Unfillable) -> Judgement:
    """The judgement on a request that needs a value which an earlier response should have brought."""
    return state_judgement(Verdict.INCONCLUSIVE, "a request that can be made", f"it was not asked, because {why}")


_CRITERIA = ("status", "by", "answered_by", "header", "faster_than", "body_has", "body_lacks")


def only_answered_by(wanted: str, burst: Burst, judgement: Judgement) -> Judgement:
    """Broken if the sender's proxy counted an answer of another workload, or none of the wanted one."""
    counts: dict[str, int] = dict(burst.workloads or {})
    right = counts.pop(wanted, 0)
    others = sum(counts.values())
    promised = f"{judgement.promised}, answered by {wanted}"
    if judgement.verdict is Verdict.HOLDS and (others or not right):
        told = ", ".join(f"{name or 'an unmeshed endpoint'} x {count}" for name, count in counts.items()) or "nobody"
        return replace(judgement, verdict=Verdict.BROKEN, promised=promised, seen=f"answered by {told}")
    return replace(judgement, promised=promised)
