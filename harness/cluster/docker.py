"""The Docker engine of this machine, by its command: images as archives of one platform, containers by label."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.commands import CommandFailed, run

REMEDY = "start Docker, or choose a cluster without it: --cluster embedded"
SAVES_ONE_PLATFORM = (1, 48)
"""API version from which `docker save` knows --platform; only then can a store hold several (Engine 28)."""


def engine_version() -> tuple[str, tuple[int, ...]]:
    """Version and API version of the engine.

    raises  CommandFailed if it does not answer
    """
    said = run(["docker", "version", "--format", "{{json .Server}}"], within=20, remedy=REMEDY)
    server = json.loads(said)
    return server["Version"], tuple(int(part) for part in server["ApiVersion"].split("."))


def has_image(image: str) -> bool:
    """Whether the engine has the image."""
    return image_label(image, "") is not None


def image_label(image: str, label: str) -> str | None:
    """A label of an image, "" if it has none of this name; None if the engine does not have the image."""
    try:
        said = run(["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image], within=30)
    except CommandFailed:
        return None
    labels: Mapping[str, str] = json.loads(said) or {}
    return labels.get(label, "")


def build(context: Path, image: str, *, arguments: Mapping[str, str], labels: Mapping[str, str]) -> None:
    """Build an image from a folder with a Dockerfile.

    raises  CommandFailed
    """
    argv = ["docker", "build", "--tag", image]
    for word, pairs in (("--build-arg", arguments), ("--label", labels)):
        for name, value in pairs.items():
            argv += [word, f"{name}={value}"]
    run(
        [*argv, str(context)],
        within=900,
        remedy="it needs a base image and PyPI: docs/real-clusters.md",
    )


@contextmanager
def archive(images: Sequence[str]) -> Iterator[Path]:
    """The images in one tar file, each for this machine's platform alone.

    Tools that import an index of many platforms fail on the layers of those that were never pulled
    (kubernetes-sigs/kind#3795, #4224).
    """
    _, api = engine_version()
    with TemporaryDirectory(prefix="sb-images-") as folder:
        path = Path(folder) / "images.tar"
        argv = ["docker", "save", "--output", str(path)]
        if api >= SAVES_ONE_PLATFORM:
            argv += ["--platform", f"linux/{machine()}"]
        run([*argv, *images], within=300, remedy="is the disk full?")
        yield path


def machine() -> str:
    """This machine as image indexes call it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def containers(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name, state) of every container with these labels, running or not; state is a word such as `running`."""
    argv = ["docker", "ps", "--all", "--format", "{{.Names}} {{.State}}"]
    for name, value in labels.items():
        argv += ["--filter", f"label={name}={value}"]
    found = []
    for line in run(argv, within=30, remedy=REMEDY).splitlines():
        name, _, state = line.partition(" ")
        found.append((name, state))
    return found


def log_tail(container: str, lines: int = 20) -> list[str]:
    """The last lines a container wrote; the reason instead if there are none to be had."""
    try:
        return run(["docker", "logs", "--tail", str(lines), container], within=30).splitlines()
    except CommandFailed as error:
        return error.message.splitlines()


def node_has_image(node: str, image: str) -> bool:
    """Whether a node's container runtime has an image, asked of the runtime itself."""
    try:
        run(["docker", "exec", node, "crictl", "inspecti", "--quiet", image], within=60)
    except CommandFailed:
        return False
    return True
