"""k3d v5, by docs/usage/commands."""

from __future__ import annotations

import json
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
from harness.tests.cluster.doubles.objects import deployment
from harness.tests.cluster.doubles.telling import Usage, fail, told_to


def k3d(argv: list[str]) -> None:
    """cluster create|delete|list, kubeconfig get, image import, version."""
    match argv:
        case ["version"]:
            print("k3d version v5.9.0\nk3s version v1.33.6-k3s1 (default)")
        case ["cluster", "create", *rest]:
            _k3d_create(rest)
        case ["cluster", "delete", name]:
            if cluster_folder(name).exists():
                remove(name)
            else:
                print(f"No nodes found for cluster '{name}'", file=sys.stderr)
        case ["cluster", "list", ("--output" | "-o"), "json"]:
            print(json.dumps([{"name": name, "nodes": []} for name, _ in clusters("k3d")]))
        case ["kubeconfig", "get", name]:
            print(embedded_kubeconfig(name))
        case ["image", "import", *rest]:
            _k3d_import(rest)
        case _:
            fail(f"unknown command {shlex.join(argv)} for k3d")


def _k3d_create(argv: list[str]) -> None:
    from harness.kube.apply import create_missing
    from harness.kube.client import Kube

    usage = Usage("k3d cluster create")
    usage.add_argument("name")
    usage.add_argument("--image", required=True)
    usage.add_argument("--api-port", required=True)
    usage.add_argument("--port", action="append", required=True)
    usage.add_argument("--runtime-label", action="append", required=True)
    usage.add_argument("--kubeconfig-update-default", choices=["false"], required=True)
    usage.add_argument("--kubeconfig-switch-context", choices=["false"], required=True)
    usage.add_argument("--wait", action="store_true")
    usage.add_argument("--timeout")
    asked = usage.parse_args(argv)
    docker_must_run()
    (mapping,) = asked.port
    address, _, where = mapping.partition("@")
    host, port, inner = address.split(":")
    if (host, inner, where) != ("127.0.0.1", "80", "loadbalancer"):
        fail(f"port mapping {mapping} is not open to this machine alone, or does not lead to Traefik")
    if not asked.api_port.startswith("127.0.0.1:"):
        fail(f"API port {asked.api_port} is open to others")
    if not asked.image.startswith("rancher/k3s:v"):
        fail(f"{asked.image} is no k3s image")
    begin("k3d", asked.name, int(port))
    if told_to("wait-lies"):
        return
    with Kube(Path(start_embedded(asked.name, int(port))["kubeconfig"])) as kube:
        create_missing(kube, [deployment("kube-system", "traefik", "rancher/mirrored-library-traefik:3.3.6", 8000)])


def _k3d_import(argv: list[str]) -> None:
    usage = Usage("k3d image import")
    usage.add_argument("archives", nargs="+")
    usage.add_argument("--cluster", required=True)
    asked = usage.parse_args(argv)
    if told_to("load-breaks"):
        print("ERRO[0001] failed to import images in node: ctr: content digest not found", file=sys.stderr)
        return  # and k3d ends with 0
    for archive in asked.archives:
        load_archive(asked.cluster, Path(archive))
