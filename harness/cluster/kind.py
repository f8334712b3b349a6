"""Provider of Kubernetes in Docker by kind, driven through pytest-kind: its ingress is a Traefik that we install.

pytest-kind is GPL-3.0-or-later and an optional extra. It runs as a program of its own (`kind_cluster`), in a folder of
its own: its KindCluster writes into the working directory, knows no time limit, and would download a kind of its own
choice. Its port_forward is never used: it has no way out of its loop and takes ten seconds each time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import yaml

from harness.cluster import docker, machine, made
from harness.cluster.made import OWNER_LABEL, Maker
from harness.cluster.nodes import wait_api, wait_deployment, wait_nodes
from harness.cluster.preflight import Check
from harness.cluster.provider import Cluster, Furnish, Progress, Request
from harness.cluster.records import Record
from harness.commands import found, run
from harness.errors import EnvironmentFailed
from harness.kube.apply import create_missing
from harness.kube.client import Kube
from harness.kube.objects import workload

AT_LEAST = (0, 20, 0)
WHERE = "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
CREATE_SECONDS = 420.0
API_SECONDS = 60.0
INGRESS_NODE_PORT = 30080
INGRESS_MANIFEST = Path(__file__).with_name("kind_ingress.yaml")
TRAEFIK = workload("Deployment", "traefik/traefik")


def preflight(request: Request) -> list[Check]:
    """Docker, kind, pytest-kind, something to install Linkerd with, port, kernel limits, disk, images."""
    has_extra = find_spec("pytest_kind") is not None
    return [
        answers := machine.docker_answers(),
        machine.tool("kind", ["version"], AT_LEAST, WHERE),
        Check("pytest-kind", has_extra, "installed" if has_extra else "not installed", "pip install 'signalbox[kind]'"),
        machine.mesh_installer(request.linkerd),
        machine.port_is_free(request.ingress_port),
        *machine.inotify_limits(),
        machine.disk_has_room(),
        *([machine.image_is_there(request.node_image, "will be pulled")] if answers.holds else []),
    ]


def create(request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
    """A kind cluster with Traefik and what `furnish` adds; see `made.obtain`."""
    return made.obtain(_MAKER, request, progress=progress, furnish=furnish)


def load_images(cluster: Cluster, images: Sequence[str]) -> None:
    """Load images into the node and ask it whether it has them.

    raises  EnvironmentFailed
    """
    with docker.archive(images) as archive:
        run(["kind", "load", "image-archive", str(archive), "--name", cluster.name], within=600, remedy="docker images")
    node = f"{cluster.name}-control-plane"
    missing = [image for image in images if not docker.node_has_image(node, image)]
    if missing:
        raise EnvironmentFailed(
            f"images did not reach the node of {cluster.name}: {', '.join(missing)}",
            "is the disk of the node full? docker system df",
        )


def check(cluster: Cluster) -> None:
    """Return if every container of the cluster runs."""
    made.check(cluster, _containers(cluster.name))


def diagnostics(cluster: Cluster) -> list[str]:
    """State and last lines of every container."""
    return made.diagnostics(_containers(cluster.name))


def keep(cluster: Cluster) -> Cluster:
    """From now on it stays."""
    return made.keep(cluster)


def release(cluster: Cluster) -> None:
    """Give it back."""
    made.release(_MAKER, cluster)


def delete(cluster: Cluster) -> None:
    """Take it away although it was to be kept."""
    made.delete(_MAKER, cluster)


def kept() -> list[Cluster]:
    """Those that stay."""
    return made.kept(_MAKER)


def _make(request: Request, record: Record) -> str:
    """A kind cluster whose ports are open to this machine alone; gives its ingress address."""
    config = record.folder / "kind.yaml"
    config.write_text(yaml.safe_dump(_config(request)), encoding="utf-8")
    _kind_cluster("create", record, request.node_image, str(config), within=CREATE_SECONDS)
    with Kube(record.kubeconfig) as kube:
        wait_api(kube, within=API_SECONDS)
        wait_nodes(kube, within=180)
        create_missing(kube, list(yaml.safe_load_all(INGRESS_MANIFEST.read_text(encoding="utf-8"))))
        wait_deployment(kube, TRAEFIK, within=180)
    return f"127.0.0.1:{request.ingress_port}"


def _config(request: Request) -> dict[str, object]:
    mapping = {
        "containerPort": INGRESS_NODE_PORT,
        "hostPort": request.ingress_port,
        "listenAddress": "127.0.0.1",
        "protocol": "TCP",
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"apiServerAddress": "127.0.0.1"},
        "nodes": [{"role": "control-plane", "labels": {OWNER_LABEL: request.name}, "extraPortMappings": [mapping]}],
    }


def _unmake(name: str) -> None:
    record = Record(name, "kind", "", "")
    _kind_cluster("delete", record, within=120)
    made.check_gone(name, _containers(name))


def _kind_cluster(verb: str, record: Record, *rest: str, within: float) -> None:
    """`KindCluster(…).create(…)` or `.delete()` in a process of its own, whose files go with the record."""
    program = [sys.executable, "-m", "harness.cluster.kind_cluster", verb, record.name, str(record.kubeconfig)]
    record.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    run(
        [*program, found("kind") or "kind", *rest],
        within=within,
        kubeconfig=record.kubeconfig,
        cwd=record.folder,
        remedy="kind says why above; docker ps -a and docker logs say more",
    )


def _names() -> list[str]:
    # Without a cluster kind says so on standard error and nothing on standard output.
    return run(["kind", "get", "clusters"], within=60).split()


def _containers(name: str) -> list[tuple[str, str]]:
    return docker.containers({"io.x-k8s.kind.cluster": name})


_MAKER = Maker("kind", preflight, _make, _unmake, _names, _containers)
