"""Provider of k3s in Docker: Traefik is its ingress, behind k3d's load balancer on a port of 127.0.0.1."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence

from harness.cluster import docker, machine, made
from harness.cluster.kubeconfig import write_private
from harness.cluster.made import OWNER_LABEL, Maker
from harness.cluster.nodes import wait_api, wait_deployment, wait_nodes
from harness.cluster.preflight import Check
from harness.cluster.provider import Cluster, Furnish, Progress, Request
from harness.cluster.records import Record
from harness.commands import run
from harness.errors import EnvironmentFailed
from harness.kube.client import Kube
from harness.kube.objects import workload

AT_LEAST = (5, 6, 0)
WHERE = "https://k3d.io/stable/#installation"
READY_SECONDS = 300.0
API_SECONDS = 60.0
TRAEFIK = workload("Deployment", "kube-system/traefik")


def preflight(request: Request) -> list[Check]:
    """Docker, k3d, something to install Linkerd with, port, kernel limits, disk, images."""
    return [
        answers := machine.docker_answers(),
        machine.tool("k3d", ["version"], AT_LEAST, WHERE),
        machine.mesh_installer(request.linkerd),
        machine.port_is_free(request.ingress_port),
        *machine.inotify_limits(),
        machine.disk_has_room(),
        *([machine.image_is_there(request.node_image, "will be pulled")] if answers.holds else []),
    ]


def create(request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
    """A k3d cluster with Traefik and what `furnish` adds; see `made.obtain`."""
    return made.obtain(_MAKER, request, progress=progress, furnish=furnish)


def load_images(cluster: Cluster, images: Sequence[str]) -> None:
    """Import images into every node and ask the nodes whether they have them.

    raises  EnvironmentFailed; `k3d image import` itself ends with 0 when an import failed
    """
    with docker.archive(images) as archive:
        run(["k3d", "image", "import", "--cluster", cluster.name, str(archive)], within=600, remedy="docker images")
    nodes = [name for name, _ in docker.containers({"k3d.cluster": cluster.name, "k3d.role": "server"})]
    missing = [f"{image} on {node}" for node in nodes for image in images if not docker.node_has_image(node, image)]
    if missing or not nodes:
        raise EnvironmentFailed(
            f"images did not reach the nodes of {cluster.name}: {', '.join(missing) or 'it has no node'}",
            "is the disk of the nodes full? docker system df",
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
    """A k3d cluster whose ports are open to this machine alone; gives its ingress address."""
    ingress = f"127.0.0.1:{request.ingress_port}"
    run(
        [
            *("k3d", "cluster", "create", request.name),
            *("--image", request.node_image),
            *("--api-port", f"127.0.0.1:{_free_port()}"),
            *("--port", f"{ingress}:80@loadbalancer"),
            *("--runtime-label", f"{OWNER_LABEL}={request.name}@server:*"),
            "--kubeconfig-update-default=false",
            "--kubeconfig-switch-context=false",
            "--wait",
            *("--timeout", f"{READY_SECONDS:g}s"),
        ],
        within=READY_SECONDS + 60,
        remedy="k3d cluster create says why above; docker ps -a and docker logs say more",
    )
    write_private(run(["k3d", "kubeconfig", "get", request.name], within=60), record.kubeconfig)
    with Kube(record.kubeconfig) as kube:
        wait_api(kube, within=API_SECONDS)
        wait_nodes(kube, within=120)
        wait_deployment(kube, TRAEFIK, within=READY_SECONDS)
    return ingress


def _unmake(name: str) -> None:
    run(
        ["k3d", "cluster", "delete", name],
        within=120,
        remedy="docker ps -a; docker rm -f the containers",
    )
    made.check_gone(name, _containers(name))


def _names() -> list[str]:
    return [cluster["name"] for cluster in json.loads(run(["k3d", "cluster", "list", "--output", "json"], within=60))]


def _containers(name: str) -> list[tuple[str, str]]:
    return docker.containers({"k3d.cluster": name})


def _free_port() -> int:
    """A port of 127.0.0.1 for the API; left to k3d it would listen on every address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_MAKER = Maker("k3d", preflight, _make, _unmake, _names, _containers)
