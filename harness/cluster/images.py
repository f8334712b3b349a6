"""The images of this repository: the sender, the dashboard, and stand-ins for apps on clusters that cannot pull those.

Built from `images/`, each from the sources it needs and nothing else, and only when those have changed: a label of
the image holds their digest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cluster import docker
from harness.cluster.provider import DASHBOARD_IMAGE, SENDER_IMAGE
from harness.errors import EnvironmentFailed

BASE = "SIGNALBOX_IMAGE_BASE"
"""Another base image than python:slim, for machines that cannot pull it: anything with Python 3.11+ and pip."""
SOURCE_LABEL = "signalbox.dev/source"


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image and what goes into it.

    sources    files and folders below the package `harness`
    arguments  further build arguments
    """

    image: str
    folder: str
    sources: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()


SENDER = Recipe(SENDER_IMAGE, "sender", ("__init__.py", "errors.py", "traffic"))
DASHBOARD = Recipe(DASHBOARD_IMAGE, "dashboard", ("__init__.py", "errors.py", "dashboard", "kube", "mesh"))

_APPS = ("__init__.py", "errors.py", "embedded/__init__.py", "embedded/apps")


def _stand_in(image: str, program: str, command: str) -> Recipe:
    arguments = (("PROGRAM", program), ("COMMAND", command))
    return Recipe(image, "stand-in", _APPS, arguments)


STAND_INS = (
    _stand_in("ghcr.io/buoyantio/booksapp:v0.0.5", "booksapp:main", "bundle exec rake"),
    _stand_in("ghcr.io/buoyantio/booksapp-traffic:v0.0.3", "traffic:main", "traffic"),
    _stand_in("ghcr.io/stefanprodan/podinfo:6.9.3", "podinfo:main", "./podinfo"),
)
"""Under the names that the manifests use, so that these need no change."""


def ensure(recipe: Recipe) -> bool:
    """Have the engine hold the image as built from the present sources; whether it had to be built.

    raises  CommandFailed with the words of `docker build`
    """
    with _context(recipe) as (context, digest):
        if docker.image_label(recipe.image, SOURCE_LABEL) == digest:
            return False
        arguments = dict(recipe.arguments)
        for name, variable in (("BASE", BASE), ("PIP_INDEX_URL", "PIP_INDEX_URL")):
            if os.environ.get(variable):
                arguments[name] = os.environ[variable]
        docker.build(context, recipe.image, arguments=arguments, labels={SOURCE_LABEL: digest})
        return True


@contextmanager
def _context(recipe: Recipe) -> Iterator[tuple[Path, str]]:
    """A folder to build in, with the digest of all that is in it."""
    package = _package()
    with TemporaryDirectory(prefix="sb-image-") as name:
        context = Path(name)
        shutil.copytree(_recipes(package) / recipe.folder, context, dirs_exist_ok=True)
        for source in recipe.sources:
            _copy(package / source, context / "harness" / source)
        digest = hashlib.sha256(repr((recipe.arguments, os.environ.get(BASE))).encode())
        for path in sorted(path for path in context.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(context)}\0".encode() + path.read_bytes())
        yield context, digest.hexdigest()[:32]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def _package() -> Path:
    spec = find_spec("harness")
    assert spec is not None, "this module is in it"
    assert spec.origin is not None, "it has an __init__.py"
    return Path(spec.origin).parent


def _recipes(package: Path) -> Path:
    """The Dockerfiles: beside the package in a checkout, inside it when installed."""
    for folder in (package.parent / "images", package / "images"):
        if (folder / "sender" / "Dockerfile").is_file():
            return folder
    raise EnvironmentFailed("the Dockerfiles of Signalbox are not here", "reinstall signalbox, or run from a checkout")
