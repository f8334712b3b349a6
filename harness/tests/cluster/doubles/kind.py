"""kind."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from harness.tests.cluster.doubles.clusters import (
    begin,
    cluster_folder,
    clusters,
    embedded_kubeconfig,
    load_archive,
    remove,
    start_embedded,
)
from harness.tests.cluster.doubles.docker import docker_must_run
from harness.tests.cluster.doubles.telling import Usage, fail, told_to


def kind(argv: list[str]) -> None:
    """create|delete cluster, get clusters, load image-archive, version."""
    match argv:
        case ["version"]:
            print("kind v0.33.0 go1.25.4 linux/amd64")
        case ["get", "clusters"]:
            names = [name for name, _ in clusters("kind")]
            print("\n".join(names)) if names else print("No kind clusters found.", file=sys.stderr)
        case ["create", "cluster", *rest]:
            _kind_create(rest)
        case ["delete", "cluster", *rest]:
            usage = Usage("kind delete cluster")
            usage.add_argument("--name", required=True)
            usage.add_argument("--kubeconfig", required=True)
            asked = usage.parse_args(rest)
            print(f'Deleting cluster "{asked.name}" ...', file=sys.stderr)
            if cluster_folder(asked.name).exists():
                remove(asked.name)
        case ["load", "image-archive", *rest]:
            usage = Usage("kind load image-archive")
            usage.add_argument("archive")
            usage.add_argument("--name", required=True)
            asked = usage.parse_args(rest)
            if told_to("load-breaks"):
                fail("ERROR: failed to load image: ctr: content digest sha256:0000: not found")
            load_archive(asked.name, Path(asked.archive))
        case _:
            fail(f"ERROR: unknown command {shlex.join(argv)} for kind")


def _kind_create(argv: list[str]) -> None:
    import yaml

    usage = Usage("kind create cluster")
    usage.add_argument("--name", required=True)
    usage.add_argument("--kubeconfig", required=True)
    usage.add_argument("--image", required=True)
    usage.add_argument("--config", required=True)
    asked = usage.parse_args(argv)
    docker_must_run()
    config = yaml.safe_load(Path(asked.config).read_text(encoding="utf-8"))
    (node,) = config["nodes"]
    (mapping,) = node["extraPortMappings"]
    if (config["kind"], config["apiVersion"], node["role"]) != ("Cluster", "kind.x-k8s.io/v1alpha4", "control-plane"):
        fail("ERROR: unknown kind config")
    if mapping["listenAddress"] != "127.0.0.1" or config["networking"]["apiServerAddress"] != "127.0.0.1":
        fail("ERROR: the cluster would be open to others")
    if not asked.image.startswith("kindest/node:v") or "@sha256:" not in asked.image:
        fail(f"ERROR: {asked.image} is no pinned node image")
    begin("kind", asked.name, mapping["hostPort"])
    if not told_to("wait-lies"):
        start_embedded(asked.name, mapping["hostPort"])
    Path(asked.kubeconfig).write_text(embedded_kubeconfig(asked.name), encoding="utf-8")
