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
from harness.mesh.trust import write_anchor, write_issuer
from harness.run import by_hand
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


folder_argument = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("certs"))


@click.command()
@folder_argument
def ca(folder: Path) -> None:
    """Make the trust anchor of a Linkerd installation: FOLDER/ca.crt and ca.key (default: certs)."""
    for path in write_anchor(folder):
        click.echo(path)


@click.command()
@folder_argument
def issuer(folder: Path) -> None:
    """Make the issuer below that anchor: FOLDER/issuer.crt and issuer.key (default: certs)."""
    for path in write_issuer(folder):
        click.echo(path)


name_option = click.option("--name", help="Which kept cluster; left out, the only one.")


@click.command("apply")
@click.argument("part", metavar="PART")
@name_option
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("certs"),
    show_default=True,
    help="Folder with ca.crt, issuer.crt and issuer.key.",
)
def apply_part(part: str, name: str | None, certificates: Path) -> None:
    """Install a part of the tutorial on a kept cluster and wait until it is ready.

    PART is linkerd-crds, linkerd-control-plane or linkerd-viz (built in on the embedded cluster), or booksapp,
    backend-a, backend-b, frontend.
    """
    by_hand.apply(by_hand.the_cluster(name), part, certificates, progress=click.echo)


@click.command()
@click.argument("backend", type=click.Choice(sorted(by_hand.BACKENDS)))
@name_option
def expect(backend: str, name: str | None) -> None:
    """Ask podinfo.local through the ingress as the tutorial does, and say whether BACKEND answered."""
    click.echo(by_hand.expect_backend(by_hand.the_cluster(name), backend))


def add_cluster_commands(group: click.Group) -> None:
    """Make them commands of a group."""
    for command in (preflight, ca, issuer, apply_part, expect):
        group.add_command(command)
