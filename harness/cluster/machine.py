"""Checks of this machine for clusters that run in Docker: tools, port, kernel limits, disk and images."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cluster import docker
from harness.cluster.preflight import Check
from harness.commands import CommandFailed, found, run, version_of

INOTIFY = {"max_user_watches": 65536, "max_user_instances": 128}
"""What one node with its pods needs; kind's own advice is more, for many nodes."""
HELM_AT_LEAST = (3, 8, 0)
HELM_WHERE = "https://helm.sh/docs/intro/install"
FREE_GB = 10
"""A node image, the control plane's and the apps' images unpacked, and room above the kubelet's eviction limit."""


def tool(name: str, version: Sequence[str], at_least: tuple[int, ...], where: str) -> Check:
    """Whether a program is there and new enough.

    version  its command line that says its version
    """
    wanted = ".".join(map(str, at_least))
    remedy = f"install {name} {wanted} or newer: {where}"
    if found(name) is None:
        return Check(f"{name} {wanted} or newer", False, "not installed", remedy)
    has = version_of([name, *version])
    return Check(f"{name} {wanted} or newer", has >= at_least, ".".join(map(str, has)) or "says no version", remedy)


def docker_answers() -> Check:
    """Whether the Docker engine can be talked to."""
    try:
        version, _ = docker.engine_version()
    except CommandFailed as error:
        return Check("Docker answers", False, error.message.splitlines()[-1].strip(), error.remedy)
    return Check("Docker answers", True, version, "")


def port_is_free(port: int) -> Check:
    """Whether the ingress can listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            remedy = f"see who has it: ss -ltnp 'sport = :{port}'; or choose another: ingress-port in the profile"
            return Check(f"port {port} is free", False, error.strerror or str(error), remedy)
    return Check(f"port {port} is free", True, "free", "")


def inotify_limits(folder: Path = Path("/proc/sys/fs/inotify")) -> Iterator[Check]:
    """Whether the kernel lets a node's kubelet and containerd watch files; where there is no such limit, nothing."""
    for name, wanted in INOTIFY.items():
        path = folder / name
        if path.exists():
            has = int(path.read_text())
            remedy = f"sudo sysctl fs.inotify.{name}={max(wanted, 524288 if 'watches' in name else 512)}"
            yield Check(f"fs.inotify.{name} of {wanted} or more", has >= wanted, str(has), remedy)


def disk_has_room(folder: Path = Path("/")) -> Check:
    """Whether node and images fit on the disk."""
    free = shutil.disk_usage(folder).free / 1e9
    return Check(f"{FREE_GB} GB of disk are free", free >= FREE_GB, f"{free:.0f} GB", "docker system prune")


def image_is_there(image: str, otherwise: str) -> Check:
    """What will happen about an image; never a reason not to begin.

    otherwise  what is done if the engine does not have it
    """
    return Check(f"image {image}", True, "on this machine" if docker.has_image(image) else otherwise, "")


def mesh_installer(linkerd: str) -> Check:
    """Whether there is something to install this version of Linkerd with; helm is used where it is there.

    linkerd  such as stable-2.14.10: the command installs the version that it is itself; "" for any
    """
    what, own = "helm or linkerd", "the linkerd command" if not linkerd else f"linkerd {linkerd}"
    if found("helm"):
        return tool("helm", ["version", "--short"], HELM_AT_LEAST, HELM_WHERE)
    remedy = f"install helm {'.'.join(map(str, HELM_AT_LEAST))} or newer ({HELM_WHERE}), or {own}"
    if not found("linkerd"):
        return Check(what, False, "neither is installed", remedy)
    try:
        said = run(["linkerd", "version", "--client", "--short"], within=20).strip()
    except CommandFailed as error:
        return Check(what, False, error.message, remedy)
    return Check(what, linkerd in ("", said), f"no helm, and linkerd is {said or 'of no version'}", remedy)
