"""Commands about clusters: which one is meant, whether it will do, and those that stay with what is put on them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cluster.existing import CONTEXT, KUBECONFIG
from harness.cluster.provider import Cluster
from harness.cluster.providers import provider
from harness.errors import Exit
from harness.mesh.trust import write_anchor, write_issuer
from harness.options import profile_option
from harness.run import by_hand
from harness.run.bring_up import request
from harness.run.keep import entering
from harness.run.kept import keep_up, kept_clusters, take_down, ways_in
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
@profile_option
@existing_options
def preflight(profile_name: str | None) -> None:
    """Say what stands in the way of a cluster, each with its remedy; changes nothing."""
    name, profile = Project.around(Path("scenarios")).profile(profile_name)
    checks = provider(profile.provider).preflight(request(profile, name))
    for check in checks:
        click.echo(str(check))
    sys.exit(Exit.HELD if all(check.holds for check in checks) else Exit.ENVIRONMENT)


@click.command()
@profile_option
@click.option("--name", default="signalbox", show_default=True, help="What to call the cluster.")
@click.option("--bare", is_flag=True, help="Without Linkerd, where it is not built in, to install it by hand.")
@existing_options
@click.option("--app", "apps", multiple=True, metavar="NAME", help="Install fixtures/apps/NAME.yaml; may be repeated.")
@click.option("--dashboard", is_flag=True, help="The app dashboard; on an existing cluster, the command for one here.")
def up(profile_name: str | None, name: str, apps: tuple[str, ...], bare: bool, dashboard: bool) -> None:
    """Start a cluster that stays, and print what a shell needs: eval "$(signalbox up)"."""
    keep_up(
        name,
        profile_name,
        apps,
        dashboard=dashboard,
        bare=bare,
        progress=lambda text: click.echo(f"# {text}"),
        tell=partial(_tell_ways_in, dashboard=dashboard),
    )


def _tell_ways_in(cluster: Cluster, *, dashboard: bool) -> None:
    """In words that a shell can take."""
    if dashboard and cluster.guest:
        there = shlex.join(["python", "-m", "harness.dashboard", "--kubeconfig", str(cluster.kubeconfig)])
        click.echo(f"# no dashboard on a cluster of others: its ClusterRole belongs to all of it; one here: {there}")
    for line in entering(cluster):
        click.echo(line)
    for url in ways_in(cluster):
        click.echo(f"#   {url}")
    click.echo(f"# it stays until: signalbox down {shlex.quote(cluster.name)}")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
def down(names: tuple[str, ...]) -> None:
    """Take kept clusters away, and from existing ones what was put there; without a name all of them."""
    for cluster in take_down(names):
        click.echo(f"{cluster.name} is {'as it was' if cluster.guest else 'gone'}")


@click.command()
def clusters() -> None:
    """List the clusters that stay."""
    for cluster in kept_clusters():
        click.echo(f"{cluster.name}  {cluster.dialect.name}  KUBECONFIG={cluster.kubeconfig}")


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
