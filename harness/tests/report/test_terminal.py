"""What a person reads: a line per thing done, the failure with place, counts and answerer, then the table."""

from __future__ import annotations

import io

from rich.console import Console

from harness.errors import Exit
from harness.mesh.stat import StatRow, StatTable
from harness.report.terminal import Terminal
from harness.report.text import failure_lines
from harness.run import events as ev
from harness.verdict.judgement import Cause, Judgement, Verdict


def judgement(verdict: Verdict, cause: Cause | None = None) -> Judgement:
    return Judgement(
        verdict=verdict,
        hits=0,
        total=141,
        low=0.0,
        high=0.04,
        level=0.999,
        promised="10% responses with status 500 (must tell from 5% and 15%)",
        seen="0 of 141",
        cause=cause,
        requests=141,
    )


def result(verdict: Verdict, cause: Cause | None = None) -> ev.ExpectationResult:
    return ev.ExpectationResult(
        scenario="fault-injection",
        step="one call in ten fails",
        name="one-call-in-ten-gets-500",
        place="scenarios/tutorial/fault-injection.yaml:43",
        judgement=judgement(verdict, cause),
        seconds=1.25,
        requests=141,
        answered="books x 141; 200 x 141",
        notes=("next: look here",),
    )


def report(*results: ev.ExpectationResult) -> ev.ScenarioReport:
    return ev.ScenarioReport("fault-injection", "x.yaml", results, 3.0)


def printed(*events: ev.Event) -> str:
    out = io.StringIO()
    with Terminal(Console(file=out, width=200, highlight=False)) as terminal:
        for event in events:
            terminal(event)
    return out.getvalue()


def test_a_broken_expectation_says_where_what_and_who() -> None:
    text = printed(ev.ExpectationJudged(result(Verdict.BROKEN)))
    assert "scenarios/tutorial/fault-injection.yaml:43" in text
    assert "promised 10% responses with status 500 (must tell from 5% and 15%); saw 0 of 141" in text
    assert "answered by books x 141" in text
    assert "next: look here" in text


def test_an_expectation_that_holds_takes_one_line() -> None:
    holds = ev.ExpectationResult("s", "t", "books-recovers", "x:1", judgement(Verdict.HOLDS), 0.5, 141)
    assert printed(ev.ExpectationJudged(holds)).count("\n") == 1


def test_the_table_has_one_row_per_expectation_with_its_verdict() -> None:
    text = printed(ev.ScenarioFinished(report(result(Verdict.BROKEN), result(Verdict.INCONCLUSIVE, Cause.BUDGET))))
    assert "BROKEN" in text
    assert "INCONCLUSIVE" in text
    assert " 141 " in text


def test_progress_is_silent_where_nobody_watches() -> None:
    assert printed(ev.Progress("x", "1 of 2")) == ""


def test_markup_in_names_is_printed_as_it_is() -> None:
    assert "[bold]odd[/]" in printed(ev.StepStarted("[bold]odd[/]"))


def test_stat_table_names_the_command() -> None:
    table = StatTable("linkerd viz stat deploy", (StatRow("books", "1/1", 1.0, 2.0, (1, 2, 3), 4),))
    text = printed(ev.TableShown("step", table))
    assert "linkerd viz stat deploy" in text
    assert "books" in text


def test_exit_code_broken_beats_inconclusive_and_a_failed_undo() -> None:
    assert report(result(Verdict.INCONCLUSIVE), result(Verdict.BROKEN)).exit_code == Exit.BROKEN
    assert report(result(Verdict.INCONCLUSIVE)).exit_code == Exit.INCONCLUSIVE
    assert report(result(Verdict.HOLDS)).exit_code == Exit.HELD
    undone = ev.ScenarioReport("s", "p", (result(Verdict.HOLDS),), 1.0, failures=("x could not be restored",))
    assert undone.exit_code == Exit.ENVIRONMENT


def test_plain_lines_put_inconclusive_in_front() -> None:
    lines = failure_lines(report(result(Verdict.INCONCLUSIVE, Cause.BUDGET), result(Verdict.HOLDS)))
    assert lines[1].strip().startswith("inconclusive: promised")
    assert len(lines) == 5
