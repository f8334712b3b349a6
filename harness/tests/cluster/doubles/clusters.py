"""Clusters that k3d and kind «make»: embedded ones, bare, with their state in a folder."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.tests.cluster.doubles.objects import definition
from harness.tests.cluster.doubles.telling import HOME, fail, hang_if, told_to

if TYPE_CHECKING:
    from harness.kube.client import Kube

# The clients of Kubernetes and of certificates are imported where they are used: most command lines need neither, and
# each of them is a program of its own that has to start.
JsonObject = dict[str, Any]
ECHO = "harness.embedded.apps.echo:main"
LET_GO = b"keep\n"
"""What `harness.embedded.supervisor` wants to hear from a starter that it is to outlive."""
NODES = {"k3d": ("k3d-{}-server-0", "k3d-{}-serverlb"), "kind": ("{}-control-plane",)}


def cluster_folder(name: str) -> Path:
    """Where a cluster's state is."""
    return HOME / "clusters" / name


def clusters(provider: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The clusters of one tool."""
    for path in sorted((HOME / "clusters").glob("*/state.json")):
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["provider"] == provider:
            yield path.parent.name, state


def begin(provider: str, name: str, port: int) -> None:
    """The containers of a new cluster exist; nothing runs in them yet."""
    if cluster_folder(name).exists():
        fail(f"failed to create cluster '{name}' because a cluster with that name already exists")
    if told_to("port-taken"):
        fail(f"Bind for 127.0.0.1:{port} failed: port is already allocated")
    cluster_folder(name).mkdir(parents=True)
    state = {"provider": provider, "port": port, "images": []}
    (cluster_folder(name) / "state.json").write_text(json.dumps(state), encoding="utf-8")
    hang_if("create-hangs")
    if told_to("create-half"):
        fail("Failed Cluster Start: node 'server-0' did not come up: context deadline exceeded")


def start_embedded(name: str, port: int) -> JsonObject:
    """An embedded cluster as the inside of one of ours, bare: Linkerd is not there before somebody installs it."""
    from harness.kube.apply import create_missing
    from harness.kube.client import Kube
    from harness.kube.objects import ObjectRef

    run_dir = cluster_folder(name) / "run"
    run_dir.mkdir()
    dashboard = shlex.join((sys.executable, "-m", "harness.dashboard"))
    images = ["signalbox/sender=harness.traffic.sender:main", f"signalbox/dashboard={dashboard}"]
    images += [f"*traefik*={ECHO}", f"cr.l5d.io/*={ECHO}"]
    argv = [sys.executable, "-m", "harness.tests.cluster.doubles.inside", "--run-dir", str(run_dir), "--name", name]
    argv += ["--dialect", os.environ.get("DOUBLES_DIALECT", "linkerd-2.14"), "--ingress-port", str(port)]
    for image in images:
        argv += ["--image", image]
    with (cluster_folder(name) / "log").open("wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        fail((cluster_folder(name) / "log").read_text(encoding="utf-8", errors="replace"))
    assert process.stdin is not None
    process.stdin.write(LET_GO)  # so that it outlives us, as containers do
    process.stdin.flush()
    process.stdout.readline()
    answer: JsonObject = json.loads(line)
    (cluster_folder(name) / "pid").write_text(str(process.pid), encoding="utf-8")
    with Kube(Path(answer["kubeconfig"])) as kube:
        kube.delete(ObjectRef("v1", "Namespace", None, "linkerd"))
        for group, plural, kind_name, namespaced in (
            ("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", False),
            ("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", False),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False),
        ):
            if not _serves(kube, f"{group}/v1", kind_name):
                create_missing(kube, [definition(group, plural, kind_name, namespaced)])
    return answer


def _serves(kube: Kube, api_version: str, kind_name: str) -> bool:
    from harness.kube.client import KubeError

    try:
        kube.is_namespaced(api_version, kind_name)
    except KubeError as error:
        if error.status == 404:
            return False
        raise
    return True


def embedded_kubeconfig(name: str) -> str:
    """The kubeconfig of a cluster, or of nothing if a test wants a tool that lies about being ready."""
    if told_to("wait-lies"):
        return _NOBODY_THERE
    return (cluster_folder(name) / "run" / "kubeconfig").read_text(encoding="utf-8")


_NOBODY_THERE = """\
apiVersion: v1
kind: Config
current-context: lies
contexts: [{name: lies, context: {cluster: lies, user: lies}}]
clusters: [{name: lies, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: lies, user: {token: lies}}]
"""


def remove(name: str) -> None:
    """Take a cluster's containers away."""
    pid = cluster_folder(name) / "pid"
    if pid.exists():
        number = int(pid.read_text(encoding="utf-8"))
        os.kill(number, signal.SIGTERM)
        while (cluster_folder(name) / "run").exists():  # the supervisor removes it last
            time.sleep(0.05)
    if told_to("delete-leaves"):
        return
    for path in sorted(cluster_folder(name).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    cluster_folder(name).rmdir()


def load_archive(name: str, archive: Path) -> None:
    saved = json.loads(archive.read_text(encoding="utf-8"))
    if saved["platform"] != "linux/amd64" and saved["platform"] != "linux/arm64":
        fail(f"ctr: content digest sha256:0000: not found (archive of {saved['platform']} platforms)")
    path = cluster_folder(name) / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state["images"] += saved["images"]
    path.write_text(json.dumps(state), encoding="utf-8")
