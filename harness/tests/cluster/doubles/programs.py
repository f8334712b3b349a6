"""The programs on PATH."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from harness.tests.cluster.doubles.telling import HOME, fail

PROGRAMS = ("k3d", "kind", "docker", "helm", "linkerd")


def install(folder: Path, *, without: Sequence[str] = ()) -> Path:
    """Put the programs into a folder for PATH."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        if name not in without:
            path = folder / name
            path.write_text(
                f"#!{sys.executable}\nimport sys\nfrom harness.tests.cluster.doubles.programs import main\n"
                f"sys.exit(main({name!r}, sys.argv[1:]))\n",
                encoding="utf-8",
            )
            path.chmod(0o755)
    return folder


def main(program: str, argv: list[str]) -> int:
    """Run one of the programs."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(shlex.join([program, *argv]) + "\n")
    if os.environ.get("KUBECONFIG", "") == str(Path.home() / ".kube/config"):
        fail("a test must never let a tool near ~/.kube/config", 99)
    getattr(import_module(f"harness.tests.cluster.doubles.{program}"), program)(argv)
    return 0
