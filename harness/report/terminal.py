"""What a person sees in the terminal: one line per thing done, then the table of verdicts.

On a terminal a live line shows how far the current expectation is; elsewhere (a pipe, CI) only finished lines are
printed, without colours.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table
from rich.text import Text

from harness.errors import Exit
from harness.report.text import offence_lines
from harness.report.words import MARKS, SUMMARY, WORDS
from harness.run import events as ev
from harness.verdict.judgement import Verdict

SPINNER_CELLS = 2
NARROW = 60
"""Columns below which the table of verdicts becomes a list."""
STYLES = {Verdict.HOLDS: "green", Verdict.BROKEN: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}


class Terminal:
    """A consumer of run events that prints them; use it as a context manager so that the live line ends.

    console  left out, standard output: with colours on a terminal unless $NO_COLOR is set, as wide as that is
    quiet    only what did not hold, and the last line
    live     a line that says how far the current expectation is, where the console is a terminal
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False, live: bool = True) -> None:
        self._console = console or Console(highlight=False)
        self._quiet = quiet
        self._is_live = live and self._console.is_terminal
        self._live: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._still()

    def __call__(self, event: ev.Event) -> None:
        """Print one event."""
        if isinstance(event, ev.Progress):
            self._moving(f"{event.expectation}  {event.text}")
            return
        self._still()
        if self._quiet and not _matters(event):
            return
        for line in _lines(event):
            self._console.print(line, soft_wrap=True)
        match event:
            case ev.ScenarioFinished(report) if not self._quiet:
                wide = self._console.width >= NARROW
                self._console.print(_verdict_table(report) if wide else _verdict_list(report), "")
            case ev.TableShown(step, table):
                self._console.print(f"\n  [dim]{escape(table.command)}[/]   (while '{escape(step)}')", soft_wrap=True)
                self._console.print(_indented(table.render()), soft_wrap=True)
            case ev.RunStarted():
                self._moving("starting the cluster")

    def _moving(self, text: str) -> None:
        if not self._is_live:
            return
        # One line, whatever the width: a line that wraps would leave its upper half behind.
        line = Text(" ".join(text.split()))
        line.truncate(max(1, self._console.width - SPINNER_CELLS), overflow="ellipsis")
        if self._live is None:
            self._live = self._console.status(line)
            self._live.start()
        self._live.update(line)

    def _still(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _matters(event: ev.Event) -> bool:
    """Whether somebody who wants to hear of failures only must hear of this."""
    match event:
        case ev.ExpectationJudged(result):
            return result.verdict is not Verdict.HOLDS
        case ev.ScenarioFinished(report):
            return bool(report.failures)
    return isinstance(event, ev.FailureExplained | ev.ClusterKept | ev.RunFinished)


def _lines(event: ev.Event) -> Iterable[str]:
    match event:
        case ev.RunStarted(profile, dialect, scenarios):
            # Under pytest nobody knows beforehand how many there will be.
            how_many = f"{len(scenarios)} scenario(s) on " if scenarios else ""
            yield f"[bold]signalbox[/]  {how_many}profile {profile}, rules of {dialect}"
        case ev.Note(text):
            yield f"[dim]{escape(text)}[/]"
        case ev.ClusterReady(name, seconds):
            yield _done(f"cluster {name} serves", seconds)
        case ev.AppReady(name, seconds):
            yield _done(f"{name} is up and ready", seconds)
        case ev.ScenarioStarted(name, path, description):
            yield f"\n[bold]{escape(name)}[/]  [dim]{escape(path)}[/]"
            yield f"  {escape(description)}" if description else ""
        case ev.StepStarted(name):
            yield f"\n  [bold]{escape(name)}[/]"
        case ev.ActionDone(text, seconds):
            yield _done(text, seconds, indent=4)
        case ev.StepSettled(seconds, proof):
            yield _done("settled", seconds, indent=4)
            yield from (f"      [dim]{escape(sentence)}[/]" for sentence in proof)
        case ev.ExpectationJudged(result):
            yield from _judged(result)
        case ev.FailureExplained() as explained:
            yield from (f"      {escape(line)}" for line in offence_lines(explained))
        case ev.ScenarioFinished(report):
            yield ""
            yield from (f"  [bold red]{escape(failure)}[/]" for failure in report.failures)
        case ev.ClusterKept(_, lines):
            yield from ("", *(f"[bold]{escape(line)}[/]" for line in lines), "")
        case ev.RunFinished(code, seconds, false_alarm, phases):
            spent = ", ".join(f"{name} {took:.1f} s" for name, took in phases)
            style = "green" if code == Exit.HELD else "bold red"
            yield f"[{style}]{SUMMARY[code]}[/]  {seconds:.1f} s in all ({spent})"
            yield f"[dim]{escape(false_alarm)}[/]"


def _done(text: str, seconds: float, indent: int = 0) -> str:
    return f"{' ' * indent}[green]✓[/] {escape(text)}  [dim]{seconds:.2f} s[/]"


def _judged(result: ev.ExpectationResult) -> Iterable[str]:
    style, mark = STYLES[result.verdict], MARKS[result.verdict]
    yield f"    [{style}]{mark}[/] {result.name}  {escape(result.judgement.seen)}  [dim]{result.seconds:.2f} s[/]"
    if result.verdict is Verdict.HOLDS:
        yield from (f"      [yellow]{escape(note)}[/]" for note in result.notes)
        return
    yield f"    {escape(result.place)}  step '{escape(result.step)}'  expectation '{escape(result.name)}'"
    yield f"      promised {escape(result.judgement.promised)}; saw {escape(result.judgement.seen)}"
    if result.judgement.cause:
        yield f"      cause: {escape(result.judgement.cause)}"
    if result.answered:
        yield f"      answered by {escape(result.answered)}"
    yield from (f"      {escape(note)}" for note in result.notes)


def _verdict_table(report: ev.ScenarioReport) -> Table:
    """One row per expectation; what was promised and seen stands below its name, so that 80 columns suffice."""
    table = Table(title=f"{report.name}: promised and seen", title_justify="left", show_lines=True)
    table.add_column("expectation", overflow="fold")
    for name in ("verdict", "requests", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in report.results:
        said = [
            f"[bold]{escape(result.name)}[/]",
            f"promised  {escape(result.judgement.promised)}",
            f"seen      {escape(result.judgement.seen)}",
        ]
        verdict = f"[{STYLES[result.verdict]}]{WORDS[result.verdict]}[/]"
        table.add_row("\n".join(said), verdict, str(result.requests), f"{result.seconds:.1f}")
    return table


def _verdict_list(report: ev.ScenarioReport) -> Text:
    """The same where a table has no room."""
    lines = Text(f"{report.name}: promised and seen")
    for result in report.results:
        lines.append(f"\n{MARKS[result.verdict]} {WORDS[result.verdict]}", style=STYLES[result.verdict])
        lines.append(f" {result.name}\n  promised {result.judgement.promised}\n  seen {result.judgement.seen}")
    return lines


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
