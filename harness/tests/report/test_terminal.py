"""What a person reads: a line per thing done, the failure with place, counts and answerer, then the table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.errors import Exit
from harness.mesh.stat import StatRow, StatTable
from harness.report.terminal import Terminal
from harness.report.text import failure_lines
from harness.run import events as ev
from harness.tests.report.made import events
from harness.tests.report.made import result as broken
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


def on_terminal(*events: ev.Event, width: int = 80, quiet: bool = False, live: bool = True, **more: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, highlight=False, **more)  # type: ignore[arg-type]
    with Terminal(console, quiet=quiet, live=live) as terminal:
        for event in events:
            terminal(event)
    return out.getvalue()


PROGRESS = ev.Progress("one-call-in-ten-gets-500", "30 of 300 = 10.0% (between 5.0% and 18.0%, about 310 more)")


def test_a_live_line_says_how_far_it_is_what_is_estimated_and_what_is_to_come() -> None:
    text = on_terminal(PROGRESS, width=120)
    assert "30 of 300 = 10.0% (between 5.0% and 18.0%, about 310 more)" in text


def test_the_live_line_is_cut_where_there_is_no_room() -> None:
    text = on_terminal(PROGRESS, width=40)
    assert "…" in text
    assert "about 310 more" not in text


def test_ci_gets_no_live_line_even_on_a_terminal() -> None:
    assert on_terminal(PROGRESS, live=False) == ""


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = ev.ExpectationJudged(result(Verdict.BROKEN))
    assert "\x1b[1;31m" in on_terminal(judged)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in on_terminal(judged)


def test_quiet_prints_what_does_not_hold_and_the_last_line() -> None:
    finished = ev.RunFinished(Exit.BROKEN, 3.0, "at most 1%", (("cluster", 0.8),))
    told: list[ev.Event] = [
        ev.ScenarioStarted("s", "s.yaml", "One."),
        ev.StepStarted("step"),
        ev.ExpectationJudged(result(Verdict.HOLDS)),
        ev.ExpectationJudged(result(Verdict.BROKEN)),
        ev.ScenarioFinished(report(result(Verdict.BROKEN))),
        finished,
    ]
    text = on_terminal(*told, quiet=True, color_system=None)
    assert text.count("one-call-in-ten-gets-500") == 2  # the line and its place, no table
    assert "an expectation is broken  3.0 s" in text
    assert "s.yaml" not in text.replace("scenarios/tutorial/fault-injection.yaml", "")
    assert on_terminal(*told[:3], quiet=True) == ""


@pytest.mark.parametrize("width", [24, 40, 59])
def test_a_narrow_terminal_gets_a_list_that_fits(width: int) -> None:
    done = ev.ScenarioFinished(report(result(Verdict.BROKEN), result(Verdict.HOLDS)))
    text = on_terminal(done, width=width, color_system=None)
    assert max(len(line) for line in text.splitlines()) <= width
    words = " ".join(text.split())
    assert "✗ BROKEN one-call-in-ten-gets-500" in words
    assert "seen 0 of 141" in words
    assert "┃" not in text
    assert "┃" in on_terminal(done, width=60, color_system=None)


def test_offending_requests_are_printed_below_the_failure() -> None:
    text = printed(*(event for event in events(broken(Verdict.BROKEN)) if isinstance(event, ev.FailureExplained)))
    assert "2 of 100 from webapp (row 1 ): no responses with status 200" in text
    assert "#3 due at 0.030 s: 500 after 4.0 ms" in text
