"""The Docker command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.tests.cluster.doubles.clusters import NODES, clusters
from harness.tests.cluster.doubles.telling import HOME, Usage, fail, told_to


def docker(argv: list[str]) -> None:
    """version, image inspect, build, save, ps, exec crictl, logs."""
    docker_must_run()
    match argv:
        case ["version", "--format", "{{json .Server}}"]:
            api = "1.41" if told_to("old-engine") else "1.50"
            print(json.dumps({"Version": "28.5.1", "ApiVersion": api}))
        case ["image", "inspect", "--format", "{{json .Config.Labels}}", image]:
            path = HOME / "images" / quote(image, safe="")
            print(path.read_text(encoding="utf-8")) if path.exists() else fail(f"Error: No such image: {image}")
        case ["build", *rest]:
            _docker_build(rest)
        case ["save", *rest]:
            _docker_save(rest)
        case ["ps", "--all", "--format", "{{.Names}} {{.State}}", *filters]:
            for name in _containers([word for word in filters if word != "--filter"]):
                print(name, "exited" if told_to("node-dies") else "running")
        case ["exec", node, "crictl", "inspecti", "--quiet", image]:
            if not any(image in state["images"] for state in _states_of(node)):
                fail(f'no such image "{image}" present')
        case ["logs", "--tail", _, node]:
            print(f"{node} says nothing of interest")
        case _:
            fail(f"docker: unknown command {shlex.join(argv)}")


def _docker_build(argv: list[str]) -> None:
    usage = Usage("docker build")
    usage.add_argument("context")
    usage.add_argument("--tag", required=True)
    usage.add_argument("--build-arg", action="append", default=[])
    usage.add_argument("--label", action="append", default=[])
    asked = usage.parse_args(argv)
    dockerfile = (Path(asked.context) / "Dockerfile").read_text(encoding="utf-8")
    declared = {line.split()[1].partition("=")[0] for line in dockerfile.splitlines() if line.startswith("ARG ")}
    unknown = {pair.partition("=")[0] for pair in asked.build_arg} - declared
    if unknown:
        fail(f"[Warning] One or more build-args {sorted(unknown)} were not consumed")
    for line in dockerfile.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            source = Path(asked.context) / line.split()[1]
            if not source.exists():
                fail(f'COPY failed: file not found in build context: "{source.name}"')
    (HOME / "images").mkdir(exist_ok=True)
    labels = dict(pair.split("=", 1) for pair in asked.label)
    (HOME / "images" / quote(asked.tag, safe="")).write_text(json.dumps(labels), encoding="utf-8")


def _docker_save(argv: list[str]) -> None:
    usage = Usage("docker save")
    usage.add_argument("images", nargs="+")
    usage.add_argument("--output", required=True)
    usage.add_argument("--platform")
    asked = usage.parse_args(argv)
    if asked.platform and told_to("old-engine"):
        fail('"--platform" requires API version 1.48, but the Docker daemon API version is 1.41')
    for image in asked.images:
        if not (HOME / "images" / quote(image, safe="")).exists():
            fail(f"Error response from daemon: reference does not exist: {image}")
    # An old engine stores one platform; a new one saves all it knows of, unless told.
    platform = asked.platform or ("linux/amd64" if told_to("old-engine") else "all")
    Path(asked.output).write_text(json.dumps({"platform": platform, "images": asked.images}), encoding="utf-8")


def _containers(filters: Sequence[str]) -> Iterator[str]:
    labels = dict(word.removeprefix("label=").split("=", 1) for word in filters)
    for provider, key in (("k3d", "k3d.cluster"), ("kind", "io.x-k8s.kind.cluster")):
        for name, _ in clusters(provider):
            if labels.get(key) == name:
                nodes = NODES[provider][:1] if labels.get("k3d.role") == "server" else NODES[provider]
                yield from (pattern.format(name) for pattern in nodes)


def _states_of(node: str) -> Iterator[dict[str, Any]]:
    for provider in NODES:
        for name, state in clusters(provider):
            if node in [pattern.format(name) for pattern in NODES[provider]]:
                yield state


def docker_must_run() -> None:
    if told_to("daemon-down"):
        fail("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
