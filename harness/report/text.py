"""A scenario's failure in a few plain lines, for places that show text only."""

from __future__ import annotations

from collections.abc import Iterator

from harness.run.events import ExpectationResult, FailureExplained, Foretold, Offence, ScenarioReport
from harness.traffic.outcome import Outcome
from harness.traffic.tally import result_of
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


def offence_lines(explained: FailureExplained) -> Iterator[str]:
    """What the rules say, then the offending requests whole and what the sender's proxy counted meanwhile."""
    for told in explained.foretold:
        yield from foretold_lines(told)
    for offence in explained.offences:
        yield from _offence(offence)


def foretold_lines(told: Foretold) -> Iterator[str]:
    """What the rules say of one request."""
    row = f" ({told.case})" if told.case else ""
    yield f"what the rules make of {told.request} from {told.sender}{row}, by the objects on the cluster"
    yield from (f"  {line}" for line in told.lines)


def explained_text(explained: FailureExplained) -> str:
    """Everything that was collected about a broken expectation, for a file of its own."""
    lines = [f"{explained.scenario}, step '{explained.step}', expectation '{explained.expectation}'", ""]
    lines += offence_lines(explained)
    for piece in explained.pieces:
        lines += ["", f"== {piece.title}", piece.text]
    return "\n".join(lines) + "\n"


def _offence(offence: Offence) -> Iterator[str]:
    row = f" ({offence.case})" if offence.case else ""
    yield f"{offence.offending} of {offence.total} from {offence.sender}{row}: {offence.rule}"
    yield f"  {offence.method} {offence.url}"
    yield from (f"  > {name}: {value}" for name, value in offence.headers)
    if offence.body:
        yield f"  > {_one_line(offence.body)}"
    for outcome in offence.outcomes:
        yield f"  #{outcome.index} due at {outcome.scheduled:.3f} s: {answer(outcome)}"
        yield from (f"    < {name}: {value}" for name, value in outcome.headers.items())
        if outcome.body_start:
            yield f"    < {_one_line(outcome.body_start)}"
    if offence.counted:
        yield "  its proxy counted meanwhile"
        yield from (f"    {line}" for line in offence.counted)


def answer(outcome: Outcome) -> str:
    """«500 after 1.2 ms, made by the sender's own proxy», «no response (timeout) after 10 s, sent 3 ms late»."""
    what = result_of(outcome) if outcome.error is None else f"no response ({outcome.error})"
    late = f", sent {outcome.lag * 1000:.1f} ms late" if outcome.lag >= 0.001 else ""
    by = ", made by the sender's own proxy" if outcome.by_proxy else ""
    return f"{what} after {outcome.latency * 1000:.1f} ms{by}{late}"


def _one_line(text: str, most: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most] + "…"
