"""Claims that must be true all the time: requests that go on while the steps change things."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.kube.client import Kube
from harness.run.answered import Answerers
from harness.run.bursts import Burst, judge_all, plan_for_send
from harness.run.counting import counting, criteria_of
from harness.run.criteria import described, satisfies
from harness.run.looked_at import LookedAt
from harness.run.senders import Sender
from harness.scenario.claims import Every
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Watch
from harness.scenario.sendable import MAX_REQUESTS
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Plan
from harness.traffic.tally import tally_of
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Judgement


@dataclass(frozen=True, slots=True)
class StepChange:
    """One step's change: from before its first action to when it was proved to be in force.

    began, ended  moments of the monotonic clock
    """

    step: str
    began: float
    ended: float


@dataclass(slots=True)
class Watching:
    """One claim of `always`, from `begin` to `end`.

    plan  what is sent; see plan_for_watch
    """

    kube: Kube
    watch: Watch
    sender: Sender
    plan: Plan
    began: float = field(default_factory=time.monotonic)
    _outcomes: list[Outcome] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _error: list[BaseException] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _answerers: Answerers | None = None
    _first: float = 0.0

    def begin(self) -> None:
        """Send from now on."""
        self._answerers = Answerers(self.kube, self.sender)
        self._thread = threading.Thread(target=self._run, name=f"always {self.watch.expect}", daemon=True)
        self._thread.start()

    def end(self, bounds: ErrorBounds, *, drawn_once: bool = False) -> tuple[Burst, Judgement, float]:
        """What came back, the verdict on all of it, and its alpha.

        raises  what the sender raised while it ran, such as ClusterLost
        """
        self.abandon()
        if self._error:
            raise self._error[0]
        count = counting(self.watch.claim, bounds, same_responses=True, drawn_once=drawn_once)
        burst, judgement = judge_all(self._outcomes, count, bounds)
        burst.began, burst.plan = self._first, self.plan
        told = self._answerers.told() if self._answerers else ""
        if self._answerers:
            burst.workloads, burst.grown = self._answerers.workloads(), self._answerers.grown
        burst.answered = "; ".join(filter(None, (told, tally_of(burst.outcomes).sentence())))
        burst.notes += filter(None, (count.warning(),))
        return burst, judgement, count.alpha

    def fell_into(self, changes: Sequence[StepChange]) -> Iterator[str]:
        """For each change how many requests were due while it was made, and how many of them were not as claimed."""
        criteria = criteria_of(self.watch.claim)
        for change in changes:
            due = [o for o in self._outcomes if o.sent and change.began <= self._first + o.scheduled <= change.ended]
            told = f"{len(due)} requests fell into '{change.step}' ({change.ended - change.began:.2f} s)"
            if isinstance(self.watch.claim, Every):
                wrong = [outcome for outcome in due if not satisfies(outcome, criteria)]
                seen = f"{len(wrong)} of them wrong: {tally_of(wrong).sentence()}" if wrong else "none of them wrong"
                yield f"{told}, {seen}"
            else:
                hits = sum(satisfies(outcome, criteria) for outcome in due)
                yield f"{told}, {hits or 'none'} of them {described(criteria)}"

    def abandon(self) -> None:
        """Stop sending; returns when nothing is sent any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        self._first = time.monotonic()
        try:
            with self.sender.client.send(self.plan) as sending:
                for batch in sending:
                    self._first = sending.began
                    self._outcomes += batch
                    if self._stop.is_set():
                        return
        except BaseException as error:  # handed to whoever ends it: a thread has nobody to raise to
            self._error.append(error)


def plan_for_watch(watch: Watch, pace: Pace, values: Mapping[str, str]) -> Plan:
    """What is sent for a claim of `always`: for as long as the story may take, with what the claim looks at.

    values  what `${name}` stands for
    raises  Unfillable
    """
    return plan_for_send(watch.send.filled(values), LookedAt.by(criteria_of(watch.claim)), pace, MAX_REQUESTS)
