"""Two recorded runs beside each other: which verdicts changed, and which shares differ by more than chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.record.outcomes import expanded
from harness.record.reader import Record
from harness.run import events as ev
from harness.traffic.dispatch import percentile
from harness.verdict.judgement import Judgement, Verdict

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """One expectation in both runs.

    before, after  the judgements; None where it was not reached
    medians        median latency in seconds of its requests in either run; None without a response
    """

    scenario: str
    name: str
    before: Judgement | None
    after: Judgement | None
    medians: tuple[float | None, float | None]

    @property
    def worse(self) -> bool:
        """It held before and does not now."""
        held = self.before is not None and self.before.verdict is Verdict.HOLDS
        return held and (self.after is None or self.after.verdict is not Verdict.HOLDS)

    @property
    def differs(self) -> bool:
        """The true shares differ: both intervals can only be right if they do.

        Intervals of different claims say nothing about each other; of a claim of several parts, each part is compared.
        Each interval is wrong with a chance of at most 1 - its level, so this is wrong with at most the sum of both.
        """
        if self.before is None or self.after is None or self.before.level == 1 or self.after.level == 1:
            return False
        if self.before.promised != self.after.promised:
            return False
        before, after = _intervals(self.before), _intervals(self.after)
        pairs = ((before[name], after[name]) for name in before if name in after)
        return any(one[1] < other[0] or other[1] < one[0] for one, other in pairs)


def compare(before: Record, after: Record) -> Iterator[Compared]:
    """Every expectation of the scenarios that are part of both runs, in the order of the first, then of the second."""
    apart = {*missing_from(after, before), *missing_from(before, after)}
    results = [{(r.scenario, r.name): r.judgement for r in record.results()} for record in (before, after)]
    for scenario, name in dict.fromkeys((*results[0], *results[1])):
        if scenario in apart:
            continue
        medians = tuple(_median(record.requests(scenario, name)) for record in (before, after))
        yield Compared(
            scenario, name, results[0].get((scenario, name)), results[1].get((scenario, name)), (medians[0], medians[1])
        )


def missing_from(run: Record, other: Record) -> tuple[str, ...]:
    """Scenarios of the other run that this one never meant to run."""
    meant = [
        dict.fromkeys(name for begun in record.of(ev.RunStarted) for name in begun.scenarios) for record in (run, other)
    ]
    return tuple(name for name in meant[1] if name not in meant[0])


def _intervals(judgement: Judgement) -> dict[str, tuple[float, float]]:
    return {part.name: (part.low, part.high) for part in judgement.parts} or {"": (judgement.low, judgement.high)}


def _median(made: tuple[ev.RequestsMade, ...]) -> float | None:
    outcomes = (outcome for one in made for outcome in expanded(one.outcomes, one.buckets))
    latencies = [outcome.latency for outcome in outcomes if outcome.status is not None]
    return percentile(latencies, 0.5) if latencies else None
