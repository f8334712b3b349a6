"""Clusters that a tool makes in Docker: made once, furnished, used by all who ask alike, taken away by the last.

What k3d and kind have in common. A half-made cluster goes, whatever stopped its making; a cluster that we have no
record of is never touched, whatever it is called.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.cluster import docker
from harness.cluster.preflight import Check, require
from harness.cluster.provider import Cluster, Furnish, Progress, Request
from harness.cluster.records import Lease, Record, all_of, read
from harness.cluster.turns import Turn, forget_turns, take_turn
from harness.commands import CommandFailed
from harness.dialect import DIALECTS
from harness.errors import ClusterLost, EnvironmentFailed

OWNER_LABEL = "signalbox.dev/owner"
"""Label of what we make; its value is the cluster's name."""
POLL_SECONDS = 0.05
XDIST_RUN = "PYTEST_XDIST_TESTRUNUID"
"""The same in all workers of one pytest run: they share one cluster."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What differs between tools.

    provider   its name in profiles
    preflight  everything that must be so before `make`
    make       makes the cluster and its kubeconfig; gives the ingress address
    unmake     takes it away as far as it is there
    names      the clusters that the tool knows now, ours or not
    containers  name and state of each container of a cluster
    """

    provider: str
    preflight: Callable[[Request], list[Check]]
    make: Callable[[Request, Record], str]
    unmake: Callable[[str], None]
    names: Callable[[], list[str]]
    containers: Callable[[str], list[tuple[str, str]]]


@dataclass(slots=True)
class Use:
    """A cluster in use.

    turn  held on a cluster that is kept, where runs follow each other and each takes its things away again
    """

    record: Record
    lease: Lease | None = None
    turn: Turn | None = None


def obtain(maker: Maker, request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
    """A kept cluster of the same kind if there is one, else a new one; workers of one pytest run get the same.

    raises  EnvironmentFailed; what was begun is gone then
    """
    for name in sweep(maker):
        progress(f"removed what a killed run left: {name}")
    name = _name(maker, request)
    waits = _Once(lambda: progress(f"waiting: another process is making {name}"))
    while True:
        lease = Lease.shared(name, on_wait=waits)
        record = read(name)
        if record is not None and record.ready:
            progress(f"uses {name}, which is there already")
            return _use(record, lease, progress, request)
        lease.end()
        only = Lease.at_once(name)
        if only is not None:
            break
        time.sleep(POLL_SECONDS)  # somebody else looks as we do, or has just begun to make it
    record = _make_alone(maker, replace(request, name=name), only, progress, furnish)
    only.share()
    if read(name) is None:
        # Letting others in is no single step: whoever swept in between found nobody using the cluster.
        only.end()
        return obtain(maker, request, progress=progress, furnish=furnish)
    return _use(record, only, progress, request)


def keep(cluster: Cluster) -> Cluster:
    """From now on it stays when its last user is gone."""
    use: Use = cluster.handle
    use.record = replace(use.record, keep=True)
    use.record.write()
    return cluster


def release(maker: Maker, cluster: Cluster) -> None:
    """Give it back; the last user of one that is not kept takes it away."""
    use: Use = cluster.handle
    _let_go(use)
    _take_away(maker, use.record.name)


def delete(maker: Maker, cluster: Cluster) -> None:
    """Take a cluster away although it was to be kept.

    raises  EnvironmentFailed if somebody uses it
    """
    use: Use = cluster.handle
    _let_go(use)
    if not _take_away(maker, use.record.name, also_kept=True):
        raise EnvironmentFailed(f"{cluster.name} is in use by another process", "end that run first")


def kept(maker: Maker) -> list[Cluster]:
    """Those that are to be kept and are whole."""
    return [_cluster(record, Use(record)) for record in all_of(maker.provider) if record.stays]


def check(cluster: Cluster, containers: Sequence[tuple[str, str]]) -> None:
    """Return if every container, given with its state, runs."""
    dead = [f"{name} is {state}" for name, state in containers if state != "running"]
    if dead or not containers:
        what = ", ".join(dead) or "it has no container any more"
        raise ClusterLost(f"cluster {cluster.name} is broken: {what}", "docker logs; dmesg, for memory")


def check_gone(name: str, containers: Sequence[tuple[str, str]]) -> None:
    """Return if the tool left none of the cluster's containers."""
    if containers:
        names = " ".join(container for container, _ in containers)
        raise EnvironmentFailed(f"containers of {name} are left: {names}", f"docker rm -f {names}")


def diagnostics(containers: Sequence[tuple[str, str]]) -> list[str]:
    """State and last lines of every container."""
    return [
        f"{name} ({state}): {line}" for name, state in containers for line in docker.log_tail(name) or ["says nothing"]
    ]


def sweep(maker: Maker) -> list[str]:
    """Take away what killed processes left: half-made clusters, and whole ones that were not to be kept."""
    removed = []
    for record in all_of(maker.provider):
        if not record.stays and _take_away(maker, record.name):
            removed.append(record.name)
    return removed


@dataclass(slots=True)
class _Once:
    """Says something the first time that it is called."""

    say: Callable[[], None]
    said: bool = False

    def __call__(self) -> None:
        if not self.said:
            self.said = True
            self.say()


def _name(maker: Maker, request: Request) -> str:
    if request.keep:
        return request.name
    for record in all_of(maker.provider):
        if record.stays and _fits(record, request):
            return record.name
    shared = os.environ.get(XDIST_RUN)
    return f"signalbox-{shared[:8]}" if shared else request.name


def _fits(record: Record, request: Request) -> bool:
    return (record.dialect, record.node_image) == (request.dialect.name, request.node_image)


def _make_alone(maker: Maker, request: Request, lease: Lease, progress: Progress, furnish: Furnish) -> Record:
    """Make a cluster while nobody else may; what is half there goes first, and the lease ends if it cannot be made."""
    try:
        half = read(request.name)
        if half is not None:
            _unmake(maker, half)
        return _make(maker, request, progress, furnish)
    except BaseException:
        lease.end(remove=read(request.name) is None)
        raise


def _make(maker: Maker, request: Request, progress: Progress, furnish: Furnish) -> Record:
    """A new cluster, whole and remembered."""
    require(f"a {maker.provider} cluster", maker.preflight(request))
    if request.name in maker.names():
        raise EnvironmentFailed(
            f"there is a {maker.provider} cluster called {request.name} that is not ours; it is not touched",
            "choose another name, or delete it yourself",
        )
    record = Record(request.name, maker.provider, request.dialect.name, request.node_image, keep=request.keep)
    record.write()
    try:
        progress(f"{maker.provider} makes cluster {request.name}: {request.node_image}")
        record = replace(record, ingress=maker.make(request, record))
        furnish(_cluster(record, Use(record)))
        record = replace(record, ready=True)
        record.write()
    except BaseException as error:
        if isinstance(error, EnvironmentFailed):
            _tell_why(maker, request.name, progress)
        progress(f"takes {request.name} away again")
        _unmake(maker, record)
        raise
    return record


def _tell_why(maker: Maker, name: str, progress: Progress) -> None:
    """The last words of a cluster's containers, before they go."""
    try:
        lines = diagnostics(maker.containers(name))
    except CommandFailed as error:
        lines = [f"its containers cannot be asked: {error.message}"]
    for line in lines:
        progress(line)


def _use(record: Record, lease: Lease, progress: Progress, request: Request) -> Cluster:
    """Use a whole cluster beside others, or after them if it is kept."""
    use = Use(record, lease)
    try:
        if record.keep and not request.keep:
            use.turn = take_turn(record.name, on_wait=lambda: progress(f"waiting: another run is on {record.name}"))
    except BaseException:
        lease.end()
        raise
    return _cluster(record, use)


def _cluster(record: Record, use: Use) -> Cluster:
    return Cluster(
        name=record.name,
        kubeconfig=record.kubeconfig,
        dialect=DIALECTS[record.dialect],
        ingress=record.ingress or None,
        shared=record.keep,
        turn="" if record.keep else _scenarios(record.name),
        handle=use,
    )


def _let_go(use: Use) -> None:
    if use.turn is not None:
        use.turn.end()
    if use.lease is not None:
        use.lease.end()


def _take_away(maker: Maker, name: str, *, also_kept: bool = False) -> bool:
    """Take a cluster away unless somebody uses it or it is to stay; whether it is gone."""
    lease = Lease.at_once(name)
    if lease is None:
        return False
    try:
        # Only now nobody writes it: until then whoever used the cluster may have said that it is to stay.
        record = read(name)
        if record is not None and (also_kept or not record.stays):
            _unmake(maker, record)
        return read(name) is None
    finally:
        lease.end(remove=read(name) is None)


def _unmake(maker: Maker, record: Record) -> None:
    maker.unmake(record.name)
    record.forget()
    for subject in (record.name, _scenarios(record.name)):
        forget_turns(subject)


def _scenarios(name: str) -> str:
    """What scenarios of several processes on one cluster take turns on."""
    return f"scenario on {name}"
