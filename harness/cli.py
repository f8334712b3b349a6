"""The command line: `signalbox run` and its companions.

Exit codes are those of `harness.errors.Exit`. Bad input and a failed environment print what is wrong and what to do,
without a stack trace; a bug of ours keeps its own.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from harness.cluster.provider import Cluster
from harness.cluster_commands import add_cluster_commands, existing_options
from harness.errors import Exit, Finding, InputError, SignalboxError
from harness.explain_commands import add_explain_command
from harness.judge_commands import add_judge_command
from harness.lint_commands import add_lint_command
from harness.prove_commands import add_prove_command
from harness.report.folder import reports, to_all, write_reports
from harness.report.markdown import headline
from harness.report.terminal import Terminal
from harness.run.kept import keep_up, kept_clusters, take_down, ways_in
from harness.run.runner import run_paths
from harness.scenario.schema import schema_text
from harness.scenario.units import parse_error_rate
from harness.viz_commands import add_viz_commands


class Interrupted(BaseException):
    """SIGTERM, turned into an exception so that everything is taken down on the way out, as with Ctrl-C."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="signalbox")
def cli() -> None:
    """Prove what a service mesh does with traffic."""


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--cluster",
    "profile",
    envvar="SIGNALBOX_CLUSTER",
    help="Profile from fixtures/clusters.yaml; left out, the one that file names.",
)
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
@click.option("--pause", is_flag=True, help="On a broken expectation wait before undoing, so that you can look.")
@existing_options
def run(
    paths: tuple[Path, ...], profile: str | None, folder: Path | None, false_alarm: str, quiet: bool, pause: bool
) -> None:
    """Run scenarios (files, or folders of them) and judge what the traffic did."""
    try:
        budget = parse_error_rate(false_alarm)
    except ValueError as wrong:
        raise InputError([Finding("--false-alarm", 0, str(wrong))]) from None
    with Terminal(quiet=quiet, live=not os.environ.get("CI")) as terminal, reports(folder) as told:
        paused = _wait_for_enter if pause else None
        code = run_paths(paths, profile, to_all(terminal, told), pause=paused, false_alarm=budget)
    if folder is not None:
        click.echo(f"report: {folder / 'report.html'}")
    sys.exit(code)


@cli.command()
@click.option("--cluster", "profile_name", envvar="SIGNALBOX_CLUSTER", help="Profile from fixtures/clusters.yaml.")
@click.option("--name", default="signalbox", show_default=True, help="What to call the cluster.")
@click.option("--bare", is_flag=True, help="Without Linkerd, where it is not built in, to install it by hand.")
@existing_options
@click.option("--app", "apps", multiple=True, metavar="NAME", help="Install fixtures/apps/NAME.yaml; may be repeated.")
def up(profile_name: str | None, name: str, apps: tuple[str, ...], bare: bool) -> None:
    """Start a cluster that stays, and print what a shell needs: eval "$(signalbox up)"."""
    cluster = keep_up(name, profile_name, apps, bare=bare, progress=lambda text: click.echo(f"# {text}"))
    click.echo(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    if cluster.ingress:
        click.echo(f"# ingress on http://{cluster.ingress}; hosts are told apart by their names")
    for url in ways_in(cluster):
        click.echo(f"#   {url}")
    click.echo(f"# it stays until: signalbox down {shlex.quote(name)}")


@cli.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
def down(names: tuple[str, ...]) -> None:
    """Take kept clusters away; without a name all of them."""
    for name in take_down(names):
        click.echo(f"{name} is gone")


@cli.command()
def clusters() -> None:
    """List the clusters that stay."""
    for cluster in kept_clusters():
        click.echo(f"{cluster.name}  {cluster.dialect.name}  KUBECONFIG={cluster.kubeconfig}")


@cli.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    click.echo(schema_text(), nl=False)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def report(folder: Path) -> None:
    """Make the reports of a recorded run once more, for instance of one that was killed.

    DIR is what `signalbox run --report` was given.
    """
    story = write_reports(folder)
    click.echo(f"{folder / 'report.html'}: {headline(story)}")


add_viz_commands(cli)
add_judge_command(cli)
add_cluster_commands(cli)
add_prove_command(cli)
add_explain_command(cli)
add_lint_command(cli)


def _wait_for_enter(cluster: Cluster, expectation: str) -> None:
    click.echo(f"\npaused at '{expectation}'; look around with:\n  export KUBECONFIG={cluster.kubeconfig}")
    click.prompt("press Enter to undo and end", default="", show_default=False, prompt_suffix="")


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.INPUT)
    except (KeyboardInterrupt, click.Abort, Interrupted):
        click.echo("interrupted; everything is taken down", err=True)
        sys.exit(Exit.INTERRUPTED)
    except SignalboxError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Interrupted


if __name__ == "__main__":
    main()
