"""Provider of a cluster that is there already: one context, asked for by name, of a kubeconfig that the user names.

    SIGNALBOX_CONTEXT      the context; nothing is ever run on a current context that nobody named
    SIGNALBOX_KUBECONFIG   the file it is in; left out, $KUBECONFIG if that names one file. Never ~/.kube/config by
                           itself
    SIGNALBOX_INGRESS      "host:port" of its ingress, if scenarios ask through one

The context is copied into a private file, so that a later change of the user's current context changes nothing here.
Others live in the cluster: it is never changed outside namespaces that carry our label, and what was installed is
taken away at the end. Runs of one user on one cluster take turns.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cluster.kubeconfig import only_context, server_of, write_private
from harness.cluster.linkerd_health import linkerd_checks
from harness.cluster.preflight import Check, require
from harness.cluster.provider import Cluster, Furnish, Progress, Request
from harness.cluster.rights import in_words, missing_rights, wanted_rights
from harness.cluster.turns import Turn, take_turn
from harness.errors import ClusterLost, EnvironmentFailed, Finding, InputError
from harness.kube.client import Kube, KubeError, NoKubeconfig

CONTEXT = "SIGNALBOX_CONTEXT"
KUBECONFIG = "SIGNALBOX_KUBECONFIG"
INGRESS = "SIGNALBOX_INGRESS"


@dataclass(frozen=True, slots=True)
class _Handle:
    folder: Path
    turn: Turn | None = None


def preflight(request: Request) -> list[Check]:
    """Whether the cluster answers, what it runs, what the user may do there, and whether Linkerd is well.

    raises  InputError if no context is named
    """
    cluster = _open(request)
    try:
        return _checks(cluster)
    finally:
        delete(cluster)


def create(request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
    """The cluster, once everything a run needs of it holds and no other run of this user is on it."""
    cluster = _open(request)
    try:
        require(f"cluster {cluster.name}", _checks(cluster))
        server = server_of(cluster.kubeconfig.read_text(encoding="utf-8"))
        turn = take_turn(server, on_wait=lambda: progress(f"waiting: another run is on {server}"))
        return replace(cluster, handle=replace(cluster.handle, turn=turn))
    except BaseException:
        delete(cluster)
        raise


def load_images(cluster: Cluster, images: Sequence[str]) -> None:
    """Nothing: nobody but its owner can put images on its nodes, so it must be able to pull them."""


def check(cluster: Cluster) -> None:
    """Nothing beyond the API, which is asked anyway."""


def diagnostics(cluster: Cluster) -> list[str]:
    """Nothing beyond the API."""
    return []


def keep(cluster: Cluster) -> None:
    """Nothing: it stays in any case."""


def release(cluster: Cluster) -> None:
    """Forget it."""
    delete(cluster)


def delete(cluster: Cluster) -> None:
    """Forget the cluster; it is not ours to delete."""
    if cluster.handle.turn is not None:
        cluster.handle.turn.end()
    shutil.rmtree(cluster.handle.folder, ignore_errors=True)


def kept() -> list[Cluster]:
    """None: an existing cluster is nobody's to list or to take down."""
    return []


def _open(request: Request, environ: Mapping[str, str] = os.environ) -> Cluster:
    """The named context in a private kubeconfig; nothing has been asked of the server yet."""
    source, context = asked_for(environ)
    text = only_context(source, context)
    folder = Path(tempfile.mkdtemp(prefix="sb-existing-"))
    return Cluster(
        name=context,
        kubeconfig=write_private(text, folder / "kubeconfig"),
        dialect=request.dialect,
        ingress=environ.get(INGRESS) or None,
        shared=True,
        handle=_Handle(folder),
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
    server = server_of(cluster.kubeconfig.read_text(encoding="utf-8"))
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
