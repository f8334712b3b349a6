"""`signalbox run`, and `signalbox report`, which makes the reports of a recorded run once more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from harness.cluster.provider import Cluster
from harness.cluster_commands import existing_options
from harness.errors import Finding, InputError
from harness.options import profile_option
from harness.report.folder import remake_reports, reports, to_all
from harness.report.markdown import headline
from harness.report.terminal import Terminal
from harness.run.keep import Keep, entering
from harness.run.runner import run_paths
from harness.scenario.units import parse_error_rate


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@profile_option
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a record of the run and reports made from it here; what an earlier run wrote there is replaced.",
)
@click.option(
    "--false-alarm",
    default="0.01%",
    show_default=True,
    metavar="PERCENT",
    help="Chance that the run is red by bad luck alone; its claims share it.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only what did not hold, and the last line.")
@click.option(
    "--keep",
    type=click.Choice([one.value for one in Keep]),
    default=Keep.NEVER.value,
    show_default=True,
    help="Leave the cluster up afterwards, as the first scenario that does not hold left it.",
)
@click.option("--pause", is_flag=True, help="On a broken expectation wait before undoing, so that you can look.")
@existing_options
def run(
    paths: tuple[Path, ...],
    profile_name: str | None,
    folder: Path | None,
    false_alarm: str,
    quiet: bool,
    keep: str,
    pause: bool,
) -> None:
    """Run scenarios (files, or folders of them) and judge what the traffic did."""
    try:
        budget = parse_error_rate(false_alarm)
    except ValueError as wrong:
        raise InputError([Finding("--false-alarm", 0, str(wrong))]) from None
    with Terminal(quiet=quiet, live=not os.environ.get("CI")) as terminal, reports(folder) as told:
        paused = _wait_for_enter if pause else None
        told_all = to_all(terminal, told)
        code = run_paths(paths, profile_name, told_all, pause=paused, false_alarm=budget, keep=Keep(keep))
    if folder is not None:
        click.echo(f"report: {folder / 'report.html'}")
    sys.exit(code)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def report(folder: Path) -> None:
    """Make the reports of a recorded run once more, for instance of one that was killed.

    DIR is what `signalbox run --report` was given.
    """
    story = remake_reports(folder)
    click.echo(f"{folder / 'report.html'}: {headline(story)}")


def _wait_for_enter(cluster: Cluster, expectation: str) -> None:
    click.echo(f"\npaused at '{expectation}'; look around with:")
    for line in entering(cluster):
        click.echo(f"  {line}")
    click.prompt("press Enter to undo and end", default="", show_default=False, prompt_suffix="")
