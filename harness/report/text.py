"""A scenario's failure in a few plain lines, for places that show text only."""

from __future__ import annotations

from collections.abc import Iterator

from harness.run.events import ExpectationResult, ScenarioReport
from harness.verdict.judgement import Verdict


def failure_lines(report: ScenarioReport) -> list[str]:
    """What did not hold: where, promised, seen, who answered, what to do next."""
    lines = [line for result in report.results if result.verdict is not Verdict.HOLDS for line in result_lines(result)]
    return [*lines, *report.failures]


def result_lines(result: ExpectationResult) -> Iterator[str]:
    """One expectation in full: where it stands, then promised and seen, who answered, what to do next."""
    word = "inconclusive: " if result.verdict is Verdict.INCONCLUSIVE else ""
    yield f"{result.place}  step '{result.step}'  expectation '{result.name}'"
    yield f"  {word}promised {result.judgement.promised}; saw {result.judgement.seen}"
    if result.judgement.cause:
        yield f"  cause: {result.judgement.cause}"
    if result.answered:
        yield f"  answered by {result.answered}"
    yield from (f"  {note}" for note in result.notes)
