"""`signalbox prove`: one thing at a time is made wrong in memory, and the scenario must notice."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from harness.options import profile_option
from harness.prove.proving import Fate, Trial
from harness.prove.running import Begun, Fit, TwinTrial, Unfit, prove_paths, twin_paths
from harness.run import events as ev
from harness.scenario.lint import Skipped
from harness.verdict.judgement import Verdict

INDENT = " " * 15
STYLES = {
    Fate.NOTICED: "green",
    Fate.REFUSED: "green",
    Fate.EQUIVALENT: "green",
    Fate.UNDECIDED: "bold yellow",
    Fate.STOPPED: "bold yellow",
    Fate.SURVIVED: "bold red",
}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@profile_option
@click.option("--twins", is_flag=True, help="Try the written twins (*.twins.yaml) instead of all mutants.")
@click.option("--requests", is_flag=True, help="Mutate what the scenarios send, too.")
@click.option("--match", default="", metavar="TEXT", help="Only mutants whose sentence holds this text.")
def prove(paths: tuple[Path, ...], profile_name: str | None, twins: bool, requests: bool, match: str) -> None:
    """Show that scenarios can fail (files, or folders of them).

    Values of manifests are changed in memory, one at a time; manifests on disk stay as they are. Each mutant must break
    an expectation. One that breaks none has survived: the line under it names the hole.
    """
    telling = Telling(Console(highlight=False))

    def wanted(said: str) -> bool:
        return match in said

    if twins:
        code = twin_paths(paths, profile_name, telling, telling.event, wanted=wanted)
    else:
        code = prove_paths(paths, profile_name, telling, telling.event, wanted=wanted, requests=requests)
    telling.sum_up()
    sys.exit(code)


class Telling:
    """Prints trials as they end, and the count at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._fates: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = {}
        self._unbroken: dict[str, float] = {}

    def event(self, event: ev.Event) -> None:
        """Print what a run says about its cluster; the mutants' stories would bury what matters."""
        if isinstance(event, ev.ClusterReady | ev.AppReady):
            self._say([f"[dim]{escape(event.name)} is ready  {event.seconds:.1f} s[/]"])

    def __call__(self, heard: Skipped | Begun | Fit | Unfit | Trial | TwinTrial) -> None:
        """Print one trial."""
        match heard:
            case Skipped(path, name, reason):
                self._say([f"[dim]{escape(name)} is skipped ({escape(path)}): it {escape(reason)}[/]"])
            case Begun(tale, count):
                self._seconds[tale.scenario.name] = []
                self._say([f"\n[bold]{escape(tale.scenario.name)}[/]  [dim]{tale.loaded.path}[/]  {count} to try"])
            case Fit(seconds):
                self._unbroken[list(self._seconds)[-1]] = seconds
                self._say([f"  [dim]holds unbroken  {seconds:.1f} s[/]"])
            case Unfit(report):
                names = ", ".join(r.name for r in report.results if r.verdict is not Verdict.HOLDS)
                self._fates["unfit"] += 1
                self._say([f"  [bold red]does not hold itself ({names}), so breaking it would prove nothing[/]"])
            case TwinTrial(twin, trial):
                self._count(trial)
                self._fates["as written" if heard.as_written else "not as written"] += 1
                self._say(_twin(heard, twin.red, trial))
            case Trial():
                self._count(heard)
                self._fates[heard.fate.value] += 1
                self._say(_trial(heard))

    def sum_up(self) -> None:
        """Print how long each scenario took, and how many trials there were of each fate."""
        tried = ((name, seconds) for name, seconds in self._seconds.items() if seconds)
        self._say(["", *(_took(name, seconds, self._unbroken.get(name)) for name, seconds in tried)])
        told = ", ".join(f"{count} {fate}" for fate, count in self._fates.items()) or "nothing to try"
        self._say([f"[bold]{told}[/]"])

    def _count(self, trial: Trial) -> None:
        if self._seconds:
            self._seconds[list(self._seconds)[-1]].append(trial.seconds)

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._console.print(line, soft_wrap=True)


def _took(name: str, seconds: list[float], unbroken: float | None) -> str:
    """What a trial costs on average, beside the unbroken scenario: that is what trying by hand costs."""
    each = sum(seconds) / len(seconds)
    beside = f", {each / unbroken:.2f} of the unbroken {unbroken:.1f} s" if unbroken else ""
    return f"[dim]{escape(name)}: {len(seconds)} in {sum(seconds):.0f} s, {each:.1f} s each{beside}[/]"


def _trial(trial: Trial) -> Iterable[str]:
    style, mutant = STYLES[trial.fate], trial.mutant
    yield f"  [{style}]{trial.fate.value:<12}[/] {escape(mutant.said)}  {_place(trial)}"
    match trial.fate:
        case Fate.NOTICED:
            yield f"{INDENT}broke {', '.join(trial.broken)}"
        case Fate.SURVIVED:
            yield f"{INDENT}[bold]{escape(mutant.hole)}[/]"
            yield f"{INDENT}{escape(trial.why or 'or no client can tell: not shown equivalent')}"
        case _:
            yield f"{INDENT}{escape(trial.why)}"


def _twin(heard: TwinTrial, red: frozenset[str], trial: Trial) -> Iterable[str]:
    mark = "[green]as written[/]  " if heard.as_written else "[bold red]NOT SO[/]      "
    yield f"  {mark} {heard.twin.breaks}: {escape(heard.twin.by)}  {_place(trial)}"
    if heard.as_written:
        return
    yield f"{INDENT}must turn red: {', '.join(sorted(red))}"
    yield f"{INDENT}turned red:    {', '.join(trial.broken) or 'nothing'}  {escape(trial.why)}"
    for result in trial.report.results if trial.report else ():
        if (result.verdict is Verdict.BROKEN) is not (result.name in red):
            yield f"{INDENT}{result.name}: {escape(result.judgement.seen)}"


def _place(trial: Trial) -> str:
    return f"[dim]{escape(trial.mutant.place)}  {trial.seconds:.1f} s[/]"
