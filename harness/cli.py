"""The command line: `signalbox run` and its companions.

Exit codes are those of `harness.errors.Exit`. Bad input and a failed environment print what is wrong and what to do,
without a stack trace; a bug of ours keeps its own.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

import click

from harness.cluster.provider import Cluster
from harness.errors import Exit, SignalboxError
from harness.report.terminal import Terminal
from harness.run.runner import run_paths
from harness.scenario.schema import schema_text


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
@click.option("--pause", is_flag=True, help="On a broken expectation wait before undoing, so that you can look.")
def run(paths: tuple[Path, ...], profile: str | None, pause: bool) -> None:
    """Run scenarios (files, or folders of them) and judge what the traffic did."""
    with Terminal() as terminal:
        code = run_paths(paths, profile, terminal, pause=_wait_for_enter if pause else None)
    sys.exit(code)


@cli.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    click.echo(schema_text(), nl=False)


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
