"""The matrix of kubectl and helm commands, and one run of it with real programs against a real cluster."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import yaml

from harness.cluster import embedded
from harness.cluster.provider import Request
from harness.dialect import LINKERD_EDGE

HERE = Path(__file__).parent
FILES = HERE / "files"
ROOT = HERE.parents[3]
INSTALLED = ROOT / "build" / "clients"
"""Where `just clients-install` puts the programs: one folder per release of the wheel."""
_SECONDS = 90
_GLANCE = 0.02

Tool = Literal["kubectl", "helm"]


@dataclass(frozen=True, slots=True)
class Row:
    """One command and what must come of it; the fields are those of matrix.yaml."""

    run: str
    exit: int = 0
    says: str = ""
    until: str = ""
    stdin: str = ""
    forward: str = ""
    effect: tuple[str, str] | None = None
    short: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row.

    wrong  why it is not as it must be, "" if it is
    """

    row: Row
    seconds: float
    wrong: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished command."""

    code: int
    output: str


def rows(tool: Tool, *, short: bool = False) -> list[Row]:
    """The rows of a tool, all or the short cut."""
    listed = yaml.safe_load((HERE / "matrix.yaml").read_text(encoding="utf-8"))[tool]
    made = [Row(**{**row, "effect": tuple(row["effect"]) if "effect" in row else None}) for row in listed]
    return [row for row in made if row.short or not short]


def installed() -> list[Path]:
    """The folders with a kubectl and a helm, oldest release first; empty without `just clients-install`."""
    return sorted(folder for folder in INSTALLED.glob("v*") if (folder / "kubectl").exists())


@contextmanager
def cluster() -> Iterator[Path]:
    """The kubeconfig of a new embedded cluster."""
    made = embedded.create(Request("clients", LINKERD_EDGE), progress=lambda _: None, furnish=lambda _: None)
    try:
        yield made.kubeconfig
    finally:
        embedded.delete(made)


class Client:
    """A program that talks to one cluster, with a home of its own."""

    def __init__(self, program: Path, kubeconfig: Path, home: Path) -> None:
        self._program = program
        # kubectl changes the current namespace in the file.
        own = home / "kubeconfig"
        own.write_bytes(kubeconfig.read_bytes())
        own.chmod(0o600)
        folders = {name: str(home / name.lower()) for name in ("HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_CONFIG_HOME")}
        self._environment = {**os.environ, "KUBECONFIG": str(own), "HOME": str(home), "TMPDIR": str(home), **folders}

    def take(self, row: Row) -> Outcome:
        """Run a row and judge it."""
        start = time.monotonic()
        wrong = self._forward(row) if row.forward else self._judged(row)
        if not wrong and row.effect:
            command, seen = row.effect
            ended = self.run(command)
            wrong = "" if re.search(seen, ended.output) else f"{command}: {seen!r} is not in {ended.output[-600:]!r}"
        return Outcome(row, time.monotonic() - start, wrong)

    def run(self, line: str, *, stdin: str = "", until: str = "") -> Ended:
        """Run a command line; with `until` it is ended once its output matches."""
        with tempfile.TemporaryFile() as output, self._started(line, output.fileno()) as process:
            if process.stdin:
                process.stdin.write(stdin.encode())
                process.stdin.close()
            deadline = time.monotonic() + _SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                if until and re.search(until, _written(output.fileno())):
                    process.send_signal(signal.SIGTERM)
                    process.wait(10)
                    return Ended(0, _written(output.fileno()))
                time.sleep(_GLANCE)
            code = process.poll()
            return Ended(-1 if code is None else code, _written(output.fileno()))

    def _judged(self, row: Row) -> str:
        ended = self.run(row.run, stdin=row.stdin, until=row.until)
        if ended.code != row.exit:
            return f"exit code {ended.code}, promised {row.exit}: {ended.output[-600:]}"
        expected = row.until or row.says
        return "" if re.search(expected, ended.output) else f"{expected!r} is not in {ended.output[-600:]!r}"

    def _forward(self, row: Row) -> str:
        with tempfile.TemporaryFile() as output, self._started(row.run, output.fileno()) as process:
            deadline = time.monotonic() + _SECONDS
            while not (found := re.search(r"127\.0\.0\.1:(\d+) ->", _written(output.fileno()))):
                if process.poll() is not None or time.monotonic() > deadline:
                    return f"no port was forwarded: {_written(output.fileno())}"
                time.sleep(_GLANCE)
            with urlopen(f"http://127.0.0.1:{found[1]}/through", timeout=20) as answer:
                body = answer.read().decode()
        return "" if row.forward in body else f"{row.forward!r} is not in {body!r}"

    @contextmanager
    def _started(self, line: str, output: int) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [str(self._program), *shlex.split(line)],
            cwd=FILES,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()


def take_all(program: Path, kubeconfig: Path, wanted: Sequence[Row]) -> list[Outcome]:
    """Run rows one after the other."""
    with tempfile.TemporaryDirectory() as home:
        client = Client(program, kubeconfig, Path(home))
        return [client.take(row) for row in wanted]


def _written(descriptor: int) -> str:
    return os.pread(descriptor, 1 << 22, 0).decode(errors="replace")
