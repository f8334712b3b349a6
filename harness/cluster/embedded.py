"""Provider of the cluster in a box: one supervisor process per cluster, no Docker, no root.

The supervisor runs in a session of its own, so Ctrl-C reaches only us and we end it in order; it holds the read end
of a pipe from us, so it also ends when we are killed. What a supervisor left that was itself killed is swept by the
next start.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.cluster.orphans import folders, is_orphan, orphans
from harness.cluster.preflight import Check, require
from harness.cluster.provider import DASHBOARD_IMAGE, SENDER_IMAGE, Cluster, Furnish, Progress, Request
from harness.dialect import DIALECTS, Dialect
from harness.embedded.node.leftovers import kill_leftovers
from harness.errors import ClusterLost, EnvironmentFailed

SENDER_ENTRY = "harness.traffic.sender:main"
# A program of its own: what it imports is not loaded into the parent that all pods are forked from.
DASHBOARD_COMMAND = shlex.join((sys.executable, "-m", "harness.dashboard"))
RUN_DIR_PREFIX = "signalbox-"
KEPT = "kept.json"
LET_GO = b"keep\n"
"""What the starter of a cluster that is to be kept says once it has it."""
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Handle:
    """A supervisor.

    process  None if another command started it
    """

    pid: int
    run_dir: Path
    process: subprocess.Popen[bytes] | None = None


def preflight(request: Request) -> list[Check]:
    """Whether the Python packages of the embedded cluster are installed."""
    missing = [name for name in ("grpc", "orjson", "jinja2", "cryptography") if find_spec(name) is None]
    seen = f"missing: {', '.join(missing)}" if missing else "installed"
    return [Check("packages of the embedded cluster", not missing, seen, "pip install 'signalbox[embedded]'")]


def create(request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
    """A serving embedded cluster with a private kubeconfig in a run directory that it owns; its mesh is built in.

    A cluster that is to be kept outlives this process and is found again by `kept`.
    raises  EnvironmentFailed if a part of it cannot start; nothing is left then
    """
    require("the embedded cluster", preflight(request))
    for swept in sweep():
        progress(f"removed what a killed run left: {swept}")
    run_dir = Path(tempfile.mkdtemp(prefix=RUN_DIR_PREFIX))
    with (run_dir / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            _command(request, run_dir),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    handle = _Handle(process.pid, run_dir, process)
    try:
        answer = _read_answer(process, run_dir)
        if request.keep:
            _let_go(process, run_dir)
    except BaseException:
        _stop(handle)
        raise
    return _cluster(request.name, request.dialect, answer, handle)


def _command(request: Request, run_dir: Path) -> list[str]:
    command = [sys.executable, "-m", "harness.embedded", "--run-dir", str(run_dir), "--name", request.name]
    command += ["--ingress-port", str(request.ingress_port), "--dialect", request.dialect.name]
    for image, program in ((SENDER_IMAGE, SENDER_ENTRY), (DASHBOARD_IMAGE, DASHBOARD_COMMAND)):
        command += ["--image", f"{image.partition(':')[0]}={program}"]
    return command


def _cluster(name: str, dialect: Dialect, answer: Mapping[str, str], handle: _Handle) -> Cluster:
    return Cluster(
        name=name,
        kubeconfig=Path(answer["kubeconfig"]),
        dialect=dialect,
        ingress=answer.get("ingress") or None,
        handle=handle,
    )


def kept() -> list[Cluster]:
    """The clusters of this user that were made to be kept and still run."""
    found = []
    for folder in folders(RUN_DIR_PREFIX):
        try:
            said = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        if not is_orphan(folder):
            handle = _Handle(said["pid"], folder)
            found.append(_cluster(said["name"], DIALECTS[said["dialect"]], said, handle))
    return sorted(found, key=lambda cluster: cluster.name)


def load_images(cluster: Cluster, images: Sequence[str]) -> None:
    """Nothing to do: an image is only a name here, and programs stand in for them."""


def diagnostics(cluster: Cluster) -> list[str]:
    """Nothing: `check` tells its last words."""
    return []


def keep(cluster: Cluster) -> Cluster:
    """From now on the cluster outlives this process, and `kept` finds it."""
    handle: _Handle = cluster.handle
    if handle.process is not None and not (handle.run_dir / KEPT).exists():
        _let_go(handle.process, handle.run_dir)
    return cluster


def release(cluster: Cluster) -> None:
    """Nobody else uses it: it goes, unless it is kept."""
    handle: _Handle = cluster.handle
    if not (handle.run_dir / KEPT).exists():
        delete(cluster)


def check(cluster: Cluster) -> None:
    """Return if the supervisor lives and says that all its parts do; else raise ClusterLost with its reason."""
    handle: _Handle = cluster.handle
    code = handle.process.poll() if handle.process else None
    if code is not None:
        last_words = f"its last words:\n{_log_tail(handle.run_dir)}"
        raise ClusterLost(f"the embedded cluster ended by itself (exit code {code})", last_words)
    failure = handle.run_dir / "failed"
    if failure.exists():
        raise ClusterLost(failure.read_text(encoding="utf-8").strip())


def delete(cluster: Cluster) -> None:
    """Stop the supervisor and everything it runs, and remove its directory."""
    _stop(cluster.handle)


def sweep() -> list[Path]:
    """Remove run directories of ours whose supervisor is gone; those of other users and living ones stay."""
    removed = []
    for folder in orphans(RUN_DIR_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(folder)
    return removed


def _let_go(process: subprocess.Popen[bytes], run_dir: Path) -> None:
    """From now on the cluster outlives us, and `kept` finds it; until now it ended with a command that was killed."""
    assert process.stdin is not None  # Popen was given PIPE
    process.stdin.write(LET_GO)
    process.stdin.flush()
    _read_answer(process, run_dir)


def _read_answer(process: subprocess.Popen[bytes], run_dir: Path) -> dict[str, str]:
    """The supervisor's one line: where the cluster is, or why it is not."""
    assert process.stdout is not None  # Popen was given PIPE
    line = process.stdout.readline()
    if not line:
        code = process.wait()
        raise EnvironmentFailed(f"the embedded cluster did not start (exit code {code})\n{_log_tail(run_dir)}")
    answer: dict[str, str] = json.loads(line)
    if "error" in answer:
        raise EnvironmentFailed(answer["error"], answer.get("remedy", ""))
    return answer


def _stop(handle: _Handle) -> None:
    """Ask the supervisor to end; it is killed if it does not in time, and what it then left is removed."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(handle.pid, signal.SIGTERM)
    if not _ends(handle):
        with contextlib.suppress(ProcessLookupError):
            os.kill(handle.pid, signal.SIGKILL)
        _ends(handle)
        kill_leftovers(handle.run_dir)
    if handle.process is not None:
        for stream in (handle.process.stdin, handle.process.stdout):
            if stream is not None:
                stream.close()
    shutil.rmtree(handle.run_dir, ignore_errors=True)


def _ends(handle: _Handle) -> bool:
    """Whether the supervisor has ended in order within the time it has for that."""
    if handle.process is not None:
        try:
            return handle.process.wait(timeout=STOP_SECONDS) == 0
        except subprocess.TimeoutExpired:
            return False
    # Not our child: its lock tells. The kernel frees it however the process ends.
    deadline = time.monotonic() + STOP_SECONDS
    while handle.run_dir.exists() and not is_orphan(handle.run_dir):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _log_tail(run_dir: Path, lines: int = 20) -> str:
    log = run_dir / "supervisor.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
