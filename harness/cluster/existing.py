"""Provider of a cluster that is there already: one context, asked for by name, of a kubeconfig that the user names.

    SIGNALBOX_CONTEXT      the context; nothing is ever run on a current context that nobody named
    SIGNALBOX_KUBECONFIG   the file it is in; left out, $KUBECONFIG if that names one file. Never ~/.kube/config by
                           itself
    SIGNALBOX_INGRESS      "host:port" of its ingress, if scenarios ask through one

The context is copied into a private file, so that a later change of the user's current context changes nothing here.
Others live in the cluster: it is never changed outside namespaces that carry our label, and what was installed is
taken away at the end. Runs of one user on one cluster take turns.

What is to stay there is remembered with the private file, so that `delete` takes it away, and nothing else:

    $XDG_STATE_HOME/signalbox/existing/ID/cluster.json, kubeconfig

What a run that was killed has left there is taken away by the next one on the same cluster, which finds it by the
folder that was left on this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cluster.kubeconfig import only_context, server_of, write_private
from harness.cluster.linkerd_health import linkerd_checks
from harness.cluster.orphans import orphans, own
from harness.cluster.preflight import Check, require
from harness.cluster.provider import Cluster, Furnish, Progress, Request
from harness.cluster.rights import in_words, missing_rights, wanted_rights
from harness.cluster.turns import Turn, state_folder, take_turn, turn_at_once
from harness.dialect import DIALECTS
from harness.errors import ClusterLost, EnvironmentFailed, Finding, InputError
from harness.kube.apply import RUN_LABEL
from harness.kube.client import Kube, KubeError, NoKubeconfig
from harness.kube.objects import ObjectRef
from harness.kube.waits import wait_gone

CONTEXT = "SIGNALBOX_CONTEXT"
KUBECONFIG = "SIGNALBOX_KUBECONFIG"
INGRESS = "SIGNALBOX_INGRESS"
PREFIX = "existing/"
"""Before the context in the name of one with something of ours on it, so that no cluster of ours is called the same."""
GONE_SECONDS = 60.0
RUN_DIR_PREFIX = "sb-existing-"
_NOTE = "guest.json"
"""In a private folder: on which server something of ours may be, and the value of its label."""


@dataclass(frozen=True, slots=True)
class _Handle:
    """Where the private kubeconfig is.

    owner   held as long as the folder is in use
    guests  the values of our label on what is to stay in the cluster and goes with `delete`; none if nothing is
    """

    folder: Path
    owner: Turn | None = None
    turn: Turn | None = None
    guests: tuple[str, ...] = ()


def preflight(request: Request) -> list[Check]:
    """Whether the cluster answers, what it runs, what the user may do there, and whether Linkerd is well.

    raises  InputError if no context is named
    """
    cluster = _open(request)
    try:
        return _checks(cluster)
    finally:
        release(cluster)


def create(request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
    """The cluster, once everything a run needs of it holds and no other run of this user is, or was left, on it."""
    cluster = _open(request)
    try:
        require(f"cluster {cluster.name}", _checks(cluster))
        server = _server(cluster)
        turn = take_turn(server, on_wait=lambda: progress(f"waiting: another run is on {server}"))
        cluster = replace(cluster, handle=replace(cluster.handle, turn=turn))
        for swept in _sweep(cluster, server):
            progress(f"removed what a killed run left: {swept}")
        return cluster
    except BaseException:
        release(cluster)
        raise


def load_images(cluster: Cluster, images: Sequence[str]) -> None:
    """Nothing: nobody but its owner can put images on its nodes, so it must be able to pull them."""


def check(cluster: Cluster) -> None:
    """Nothing beyond the API, which is asked anyway."""


def diagnostics(cluster: Cluster) -> list[str]:
    """Nothing beyond the API."""
    return []


def keep(cluster: Cluster) -> Cluster:
    """The cluster with its private kubeconfig where `kept` finds it; what we have put there stays until `delete`."""
    text = cluster.kubeconfig.read_text(encoding="utf-8")
    identity = hashlib.sha256(f"{server_of(text)} {cluster.name}".encode()).hexdigest()[:16]
    folder = _folder() / identity
    folder.mkdir(mode=0o700, exist_ok=True)
    before = _read(folder)
    try:
        write_private(text, folder / "kubeconfig")
        _remember(folder, cluster, cluster.name, (*(before.handle.guests if before else ()), cluster.guest))
    except BaseException:
        if before is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(cluster.handle.folder, ignore_errors=True)
    return replace(
        cluster,
        name=f"{PREFIX}{cluster.name}",
        kubeconfig=folder / "kubeconfig",
        handle=replace(cluster.handle, folder=folder, guests=(cluster.guest,)),
    )


def release(cluster: Cluster) -> None:
    """Let others have their turn, and forget the cluster if nothing of ours is to stay there."""
    if cluster.handle.turn is not None:
        cluster.handle.turn.end()
    if not cluster.handle.guests:
        shutil.rmtree(cluster.handle.folder, ignore_errors=True)
    if cluster.handle.owner is not None:
        cluster.handle.owner.end()


def delete(cluster: Cluster) -> None:
    """Take away what we have put there, and forget it; the cluster is not ours to delete.

    Of one that `create` or `keep` gave that is what was put there since; what stayed there before stays.

    raises  EnvironmentFailed if another run is on it, or it does not answer
    """
    guests = cluster.handle.guests or (cluster.guest,)
    try:
        with _alone_on(cluster):
            _take_away(cluster, guests)
            _forget(cluster.handle.folder, guests)
    finally:
        release(cluster)


def kept() -> list[Cluster]:
    """Those on which something of ours is to stay."""
    try:
        folders = sorted(_folder().iterdir())
    except EnvironmentFailed:
        return []  # no place for records, so there are none; whoever has something to remember is told
    return [cluster for folder in folders if (cluster := _read(folder)) is not None]


def _folder() -> Path:
    folder = state_folder() / "existing"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _read(folder: Path) -> Cluster | None:
    """What `keep` has remembered there."""
    try:
        record = json.loads((folder / "cluster.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Cluster(
        name=f"{PREFIX}{record['context']}",
        kubeconfig=folder / "kubeconfig",
        dialect=DIALECTS[record["dialect"]],
        ingress=record["ingress"],
        shared=True,
        guest=record["guests"][-1],
        handle=_Handle(folder, guests=tuple(record["guests"])),
    )


def _remember(folder: Path, cluster: Cluster, context: str, guests: Sequence[str]) -> None:
    """Write down, in one step, what is to stay on a cluster."""
    record = {"context": context, "dialect": cluster.dialect.name, "ingress": cluster.ingress, "guests": guests}
    draft = folder / "cluster.json.draft"
    draft.write_text(json.dumps(record), encoding="utf-8")
    draft.rename(folder / "cluster.json")


def _forget(folder: Path, guests: Sequence[str]) -> None:
    """These are gone; the folder goes with the last one that it tells of."""
    told = _read(folder)
    left = [] if told is None else [guest for guest in told.handle.guests if guest not in guests]
    if told is None or not left:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _remember(folder, told, told.name.removeprefix(PREFIX), left)


@contextmanager
def _alone_on(cluster: Cluster) -> Iterator[None]:
    """Nobody else of this user's is on the cluster until the block is left, and neither are we after it."""
    held = cluster.handle.turn
    turn = held if held is not None and held.is_held else turn_at_once(_server(cluster))
    if turn is None:
        raise EnvironmentFailed(f"{cluster.name} is in use by another process", "end that run first")
    try:
        yield
    finally:
        turn.end()


def _sweep(cluster: Cluster, server: str) -> Iterator[str]:
    """Take away what killed runs have left here, and their folders; of one on another server the credentials alone."""
    to_stay = {guest for known in kept() for guest in known.handle.guests}
    for folder in orphans(RUN_DIR_PREFIX):
        (folder / "kubeconfig").unlink(missing_ok=True)
        try:
            note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            note = None  # killed before it had one, or swept by another run meanwhile
        if note is None or note["server"] == server:
            if note is not None and note["guest"] not in to_stay:
                yield from _take_away(cluster, [note["guest"]])
            shutil.rmtree(folder, ignore_errors=True)
            yield str(folder)


def _take_away(cluster: Cluster, guests: Sequence[str]) -> list[str]:
    """Delete the namespaces with one of these labels of ours, and name them when they are gone."""
    try:
        with Kube(cluster.kubeconfig) as kube:
            ours = kube.objects("v1", "Namespace", labels=f"{RUN_LABEL} in ({','.join(guests)})")
            refs = [ObjectRef("v1", "Namespace", None, one["metadata"]["name"]) for one in ours]
            for ref in refs:
                kube.delete(ref)
            for ref in refs:
                wait_gone(kube, ref, within=GONE_SECONDS)
            return [f"namespace {ref.name} of {cluster.name}" for ref in refs]
    except (ClusterLost, KubeError) as error:
        forget = f"if that cluster is no more, forget it: rm -r {shlex.quote(str(cluster.handle.folder))}"
        by_hand = f"kubectl delete ns -l {RUN_LABEL}={guests[-1]}"
        raise EnvironmentFailed(
            f"what stays on {cluster.name} could not be taken away: {error.message}",
            forget if cluster.handle.guests else by_hand,
        ) from None


def _server(cluster: Cluster) -> str:
    return server_of(cluster.kubeconfig.read_text(encoding="utf-8"))


def _open(request: Request, environ: Mapping[str, str] = os.environ) -> Cluster:
    """The named context in a private kubeconfig; nothing has been asked of the server yet."""
    source, context = asked_for(environ)
    text = only_context(source, context)
    folder = Path(tempfile.mkdtemp(prefix=RUN_DIR_PREFIX))
    owner, guest = own(folder), secrets.token_hex(4)
    (folder / _NOTE).write_text(json.dumps({"server": server_of(text), "guest": guest}), encoding="utf-8")
    return Cluster(
        name=context,
        kubeconfig=write_private(text, folder / "kubeconfig"),
        dialect=request.dialect,
        ingress=environ.get(INGRESS) or None,
        shared=True,
        guest=guest,
        handle=_Handle(folder, owner),
    )


def asked_for(environ: Mapping[str, str]) -> tuple[Path, str]:
    """The file and the context, both named by the user.

    raises  InputError with everything that is missing
    """
    source, context = environ.get(KUBECONFIG) or environ.get("KUBECONFIG", ""), environ.get(CONTEXT, "")
    findings = []
    if not context:
        findings.append(f"name the context to run on: --context NAME or {CONTEXT}; the current one is never assumed")
    if not source:
        findings.append(f"name the kubeconfig: --kubeconfig FILE or {KUBECONFIG}; ~/.kube/config is never assumed")
    elif os.pathsep in source:
        findings.append(f"$KUBECONFIG names several files; name one: --kubeconfig FILE or {KUBECONFIG}")
    if findings:
        raise InputError([Finding("", 0, text) for text in findings])
    return Path(source).expanduser(), context


def _checks(cluster: Cluster) -> list[Check]:
    server = _server(cluster)
    try:
        with Kube(cluster.kubeconfig) as kube:
            return [_answers(kube, server), _rights(kube), *_linkerd(kube, cluster)]
    except NoKubeconfig as error:
        raise EnvironmentFailed(
            f"context {cluster.name} cannot be used: {error.reason}", "kubectl --context … get ns"
        ) from None
    except ClusterLost as error:
        remedy = f"kubectl --context {cluster.name} version; is the cluster up and its address right?"
        return [Check(f"the API server at {server} answers", False, error.message, remedy)]


def _answers(kube: Kube, server: str) -> Check:
    answer = kube.raw("/version")
    version = answer.body.decode(errors="replace") if answer.status == 200 else f"HTTP {answer.status}"
    seen = next((line.split('"')[3] for line in version.splitlines() if '"gitVersion"' in line), version[:80])
    return Check(f"the API server at {server} answers", answer.status == 200, seen, "are the credentials still valid?")


def _rights(kube: Kube) -> Check:
    rights = list(wanted_rights())
    try:
        missing = missing_rights(kube, rights)
    except KubeError as error:
        return Check("rights", False, error.message, "ask for the right to create selfsubjectaccessreviews")
    seen = f"you may not {in_words(missing)}" if missing else f"all {len(rights)} that a run may need"
    return Check("rights", not missing, seen, "have a ClusterRole with these verbs bound to you")


def _linkerd(kube: Kube, cluster: Cluster) -> list[Check]:
    try:
        return linkerd_checks(kube, cluster.dialect)
    except KubeError as error:
        return [Check("Linkerd is well", False, error.message, "ask for the right to look into namespace linkerd")]
