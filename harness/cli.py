"""The command line: `signalbox run` and its companions.

Exit codes are those of `harness.errors.Exit`. Bad input and a failed environment print what is wrong and what to do,
without a stack trace; a bug of ours keeps its own.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Final

import click

from harness.errors import Exit, SignalboxError

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "apply": ("harness.cluster_commands:apply_part", "Install a part of the tutorial on a kept cluster."),
    "authz": ("harness.viz_commands:authz", "Which authorization let requests in, as `linkerd viz authz` prints it."),
    "ca": ("harness.cluster_commands:ca", "Make the trust anchor of a Linkerd installation."),
    "clusters": ("harness.cluster_commands:clusters", "List the clusters that stay."),
    "down": ("harness.cluster_commands:down", "Take kept clusters away."),
    "expect": ("harness.cluster_commands:expect", "Ask podinfo through the ingress as the tutorial does."),
    "explain": ("harness.explain_commands:explain", "Say who will answer, with what, how often, and by which rules."),
    "issuer": ("harness.cluster_commands:issuer", "Make the issuer below that trust anchor."),
    "judge": ("harness.judge_commands:judge", "Judge a recorded run again, or compare it with a later one."),
    "lint": ("harness.lint_commands:lint", "Tell what is wrong, or probably not meant, in manifests and scenarios."),
    "preflight": ("harness.cluster_commands:preflight", "Say what stands in the way of a cluster, with remedies."),
    "prove": ("harness.prove_commands:prove", "Show that scenarios can fail."),
    "report": ("harness.run_commands:report", "Make the reports of a recorded run once more."),
    "run": ("harness.run_commands:run", "Run scenarios and judge what the traffic did."),
    "schema": ("harness.lint_commands:schema", "Print the JSON Schema of scenarios, for editors."),
    "stat": ("harness.viz_commands:stat", "Success, rate and latency, as `linkerd viz stat` prints them."),
    "up": ("harness.cluster_commands:up", "Start a cluster that stays, and print what a shell needs."),
}
"""Where a command is, and its line in the list of them: it is imported only when it is called."""


class Interrupted(BaseException):
    """SIGTERM, turned into an exception so that everything is taken down on the way out, as with Ctrl-C."""


class Commands(click.Group):
    """The commands of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the list of them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="signalbox")
def cli() -> None:
    """Prove what a service mesh does with traffic."""


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
        click.echo("interrupted; everything is taken down that was not to stay", err=True)
        sys.exit(Exit.INTERRUPTED)
    except SignalboxError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Interrupted


if __name__ == "__main__":
    main()
