"""Commands about clusters of one's own: which one is meant, and whether it will do before anything is changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cluster.existing import CONTEXT, KUBECONFIG
from harness.cluster.providers import provider
from harness.errors import Exit
from harness.run.bring_up import request
from harness.scenario.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])


def existing_options(command: Command) -> Command:
    """Give a command --context and --kubeconfig: another spelling of the variables the provider reads."""
    context = click.option(
        "--context", expose_value=False, callback=_spell(CONTEXT), help=f"For --cluster existing, or ${CONTEXT}."
    )
    kubeconfig = click.option(
        "--kubeconfig",
        expose_value=False,
        callback=_spell(KUBECONFIG),
        metavar="FILE",
        help=f"The file that has the context, or ${KUBECONFIG}, $KUBECONFIG. Never ~/.kube/config by itself.",
    )
    return context(kubeconfig(command))


def _spell(variable: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def callback(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = value

    return callback


@click.command()
@click.option("--cluster", "profile_name", envvar="SIGNALBOX_CLUSTER", help="Profile from fixtures/clusters.yaml.")
@existing_options
def preflight(profile_name: str | None) -> None:
    """Say what stands in the way of a cluster, each with its remedy; changes nothing."""
    name, profile = Project.around(Path("scenarios")).profile(profile_name)
    checks = provider(profile.provider).preflight(request(profile, name))
    for check in checks:
        click.echo(str(check))
    sys.exit(Exit.HELD if all(check.holds for check in checks) else Exit.ENVIRONMENT)


def add_cluster_commands(group: click.Group) -> None:
    """Make them commands of a group."""
    group.add_command(preflight)
