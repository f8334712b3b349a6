"""The command line: `signalbox run` and its companions.

Exit codes are those of `harness.errors.Exit`. Bad input and a failed environment print what is wrong and what to do,
without a stack trace; a bug of ours keeps its own.
"""

from __future__ import annotations

import ast
import importlib
import signal
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

import click

from harness.errors import Exit, SignalboxError

COMMANDS: Final[Mapping[str, str]] = {
    "apply": "harness.cluster_commands:apply_part",
    "authz": "harness.viz_commands:authz",
    "ca": "harness.cluster_commands:ca",
    "clusters": "harness.cluster_commands:clusters",
    "down": "harness.cluster_commands:down",
    "expect": "harness.cluster_commands:expect",
    "explain": "harness.explain_commands:explain",
    "issuer": "harness.cluster_commands:issuer",
    "judge": "harness.judge_commands:judge",
    "lint": "harness.lint_commands:lint",
    "preflight": "harness.cluster_commands:preflight",
    "prove": "harness.prove_commands:prove",
    "report": "harness.run_commands:report",
    "run": "harness.run_commands:run",
    "schema": "harness.lint_commands:schema",
    "stat": "harness.viz_commands:stat",
    "up": "harness.cluster_commands:up",
}
"""Where a command is: it is imported only when it is called."""


class Interrupted(KeyboardInterrupt):
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
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the list of them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(COMMANDS[name])) for name in self.list_commands(ctx)])


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
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; everything is taken down that was not to stay", err=True)
        sys.exit(Exit.INTERRUPTED)
    except SignalboxError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _first_line(place: str) -> str:
    """What a command says of itself, read in its source."""
    module, _, name = place.partition(":")
    for node in _read(module).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    raise LookupError(f"{module} has no function {name}")


@cache
def _read(module: str) -> ast.Module:
    """The source of one of the modules beside this one."""
    return ast.parse(Path(__file__).with_name(f"{module.rpartition('.')[2]}.py").read_text(encoding="utf-8"))


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Interrupted


if __name__ == "__main__":
    main()
