"""`signalbox stat` and `signalbox authz`: the tables of `linkerd viz`, without viz and without Prometheus."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import click

from harness.cluster.existing import CONTEXT, KUBECONFIG, asked_for
from harness.cluster.kubeconfig import only_context, write_private
from harness.cluster.providers import provider
from harness.errors import Finding, InputError
from harness.kube.client import Kube
from harness.mesh import authz as authz_table
from harness.mesh import stat as stat_table
from harness.mesh.stat import StatQuery, StatRow, in_order, stat_rows
from harness.mesh.targets import NAMESPACE, SERVICE, Target, parse_targets
from harness.mesh.watch import Wanted, Watched, watch
from harness.mesh.workloads import read_workloads
from harness.run.kept import kept_clusters
from harness.scenario.clusters import Profile
from harness.scenario.project import Project
from harness.scenario.units import format_duration, parse_duration

Command = TypeVar("Command", bound=Callable[..., Any])


class Window(click.ParamType[float]):
    """A duration with a unit, as seconds."""

    name = "window"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of `10s` or `1m30s`; refuses what is not a duration."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


def place_options(command: Command) -> Command:
    """Give a command --cluster, --context and --kubeconfig."""
    cluster = click.option(
        "--cluster", "profile", metavar="PROFILE", help="A kept cluster of this profile, or existing with --context."
    )
    context = click.option("--context", help="A context of the kubeconfig; left out, its current one.")
    kubeconfig = click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        help="The cluster; left out, $KUBECONFIG, else the one that `signalbox up` keeps. Never ~/.kube/config.",
    )
    return cluster(context(kubeconfig(command)))


window_option = click.option(
    "-t",
    "--time-window",
    "seconds",
    type=Window(),
    default="10s",
    show_default=True,
    help="How long to count, from now on.",
)
namespace_option = click.option("-n", "--namespace", help="Namespace of the resource; left out, 'default'.")


@click.command()
@click.argument("resources", nargs=-1, required=True, metavar="RESOURCE [NAME...]")
@namespace_option
@click.option("-A", "--all-namespaces", is_flag=True, help="Every namespace.")
@click.option("--from", "source", metavar="KIND/NAME", help="Only what this one sent to the resource.")
@click.option("--from-namespace", help="Namespace of --from, if it is another one.")
@click.option("--to", "destination", metavar="KIND/NAME", help="Only what the resource sent to this one.")
@click.option("--to-namespace", help="Namespace of --to, if it is another one.")
@click.option("--unmeshed", is_flag=True, help="Show resources without a meshed pod, too.")
@window_option
@click.option("-o", "--output", type=click.Choice(["table", "wide", "json"]), default="table", show_default=True)
@place_options
def stat(
    resources: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    source: str | None,
    from_namespace: str | None,
    destination: str | None,
    to_namespace: str | None,
    unmeshed: bool,
    seconds: float,
    output: str,
    profile: str | None,
    context: str | None,
    kubeconfig: Path | None,
) -> None:
    """Print what `linkerd viz stat` prints: success, rate and latency per resource.

    RESOURCE is deploy, po, svc or ns, with names behind it or behind a slash: deploy books, po/a deploy/b. The
    proxies' own counters are read now and again at the end of the window: this watches the present, where viz looks
    back.
    """
    here = _place(namespace, all_namespaces)
    queries = [
        StatQuery(
            target,
            source=_peer("--from", source, from_namespace, here),
            destination=_peer("--to", destination, to_namespace, here),
            unmeshed=unmeshed,
        )
        for target in parse_targets(resources, _own_place(resources, namespace, here))
    ]
    _check(queries)
    with _connected(kubeconfig, context, profile) as kube:
        rows = _stat(kube, queries, seconds)
    if output == "json":
        click.echo(stat_table.as_json(rows))
    elif rows:
        click.echo(stat_table.render(rows, wide=output == "wide", all_namespaces=all_namespaces))
    else:
        click.echo("No traffic found.", err=True)


@click.command()
@click.argument("resource", nargs=-1, required=True, metavar="RESOURCE [NAME]")
@namespace_option
@window_option
@place_options
def authz(
    resource: tuple[str, ...],
    namespace: str | None,
    seconds: float,
    profile: str | None,
    context: str | None,
    kubeconfig: Path | None,
) -> None:
    """Print what `linkerd viz authz` prints: which authorization let requests in, and how many were refused.

    RESOURCE is deploy/NAME, po/NAME, or ns for all of a namespace. The proxies' own counters are read now and again
    at the end of the window: this watches the present, where viz looks back. Requests that no route matches get
    404 before anybody is asked for an authorization; they are in no row.
    """
    targets = parse_targets(resource, _own_place(resource, namespace, namespace or "default"))
    if len(targets) > 1 or targets[0].kind == SERVICE:
        raise InputError([Finding("", 0, "authz takes one deploy, po or ns: authorization happens in pods")])
    (target,) = targets
    with _connected(kubeconfig, context, profile) as kube:
        if target.name:
            read_workloads(kube, target)
        seen = _watch(kube, target.holds, seconds)
    click.echo(authz_table.render(authz_table.authz_rows(seen.before, seen.after)))


def _stat(kube: Kube, queries: list[StatQuery], seconds: float) -> tuple[StatRow, ...]:
    for query in queries:
        read_workloads(kube, query.target)  # a name that is not there is said before the wait, not after it
    seen = _watch(kube, lambda pod: any(query.reads(pod) for query in queries), seconds)
    return in_order(
        row
        for query in queries
        for row in stat_rows(query, seen.before, seen.after, read_workloads(kube, query.target))
    )


def _watch(kube: Kube, wanted: Wanted, seconds: float) -> Watched:
    click.echo(f"counting for {format_duration(timedelta(seconds=seconds))} from now on", err=True)
    seen = watch(kube, wanted, seconds)
    for sentence in seen.left_out:
        click.echo(sentence, err=True)
    return seen


def _place(namespace: str | None, all_namespaces: bool) -> str:
    """The namespace asked for, "" for all."""
    if all_namespaces and namespace:
        raise InputError([Finding("", 0, "--namespace and --all-namespaces exclude each other")])
    return "" if all_namespaces else namespace or "default"


def _own_place(words: tuple[str, ...], namespace: str | None, here: str) -> str:
    """A bare `ns` means all namespaces unless one is named; everything else lives in `here`."""
    return (namespace or "") if words[0] in ("ns", "namespace", "namespaces") else here


def _peer(option: str, word: str | None, namespace: str | None, here: str) -> Target | None:
    if word is None:
        return None
    targets = parse_targets([word], namespace or here)
    if option == "--from" and targets[0].kind == SERVICE:
        raise InputError([Finding("", 0, "--from svc/... is not possible: a Service sends nothing, its clients do")])
    return targets[0]


def _check(queries: Iterable[StatQuery]) -> None:
    for query in queries:
        if query.source and query.destination:
            raise InputError([Finding("", 0, "--from and --to exclude each other")])
        if query.target.name and not query.target.namespace and query.target.kind != NAMESPACE:
            raise InputError([Finding("", 0, f"'{query.target.name}' is one object; leave out --all-namespaces")])


@contextmanager
def _connected(kubeconfig: Path | None, context: str | None, profile: str | None) -> Iterator[Kube]:
    """The cluster meant; of a context that is named a private copy is used, whatever the file's current one is."""
    with TemporaryDirectory(prefix="sb-context-") as folder:
        scratch = Path(folder)
        with Kube(_kubeconfig(kubeconfig, context, profile, scratch), scratch=scratch) as kube:
            yield kube


def _kubeconfig(given: Path | None, context: str | None, profile: str | None, folder: Path) -> Path:
    """The cluster's kubeconfig: the one given, $KUBECONFIG, or that of the only kept cluster like the profile."""
    wanted = None if profile is None else Project.around(Path("scenarios")).profile(profile)[1]
    if context is not None or (wanted is not None and wanted.provider == "existing"):
        named = {CONTEXT: context, KUBECONFIG: None if given is None else str(given)}
        source, name = asked_for(os.environ | {key: word for key, word in named.items() if word is not None})
        return write_private(only_context(source, name), folder / "kubeconfig")
    path = given or (Path(os.environ["KUBECONFIG"]) if wanted is None and os.environ.get("KUBECONFIG") else None)
    if path is None:
        return _kept_kubeconfig(wanted)
    if not path.is_file():
        raise InputError([Finding(str(path), 0, "there is no such kubeconfig")])
    return path


def _kept_kubeconfig(wanted: Profile | None) -> Path:
    kept = kept_clusters() if wanted is None else provider(wanted.provider).kept()
    kept = [cluster for cluster in kept if wanted is None or cluster.dialect.name == wanted.dialect]
    if len(kept) != 1:
        names = ", ".join(cluster.name for cluster in kept)
        none = "no cluster is kept" if wanted is None else f"no {wanted.provider} cluster of {wanted.dialect} is kept"
        which = f"several clusters are kept ({names})" if kept else f"{none}; `signalbox up` starts one"
        raise InputError([Finding("", 0, f"which cluster? {which}; name one with --kubeconfig or $KUBECONFIG")])
    return kept[0].kubeconfig
