"""Provider of the cluster in a box: one supervisor process per cluster, no Docker, no root.

The supervisor runs in a session of its own, so Ctrl-C reaches only us and we end it in order; it holds the read end
of a pipe from us, so it also ends when we are killed. What a supervisor left that was itself killed is swept by the
next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from harness.cluster.provider import SENDER_IMAGE, Cluster, Request
from harness.embedded.node.leftovers import kill_leftovers
from harness.errors import ClusterLost, EnvironmentFailed

SENDER_ENTRY = "harness.traffic.sender:main"
RUN_DIR_PREFIX = "signalbox-"
OWNER_LOCK = "owner.lock"
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Handle:
    process: subprocess.Popen[bytes]
    run_dir: Path


def create(request: Request, *, progress: Callable[[str], None]) -> Cluster:
    """A serving embedded cluster with a private kubeconfig in a run directory that it owns.

    raises  EnvironmentFailed if a part of it cannot start; nothing is left then
    """
    _require_packages()
    for swept in sweep():
        progress(f"removed what a killed run left: {swept}")
    run_dir = Path(tempfile.mkdtemp(prefix=RUN_DIR_PREFIX))
    command = [sys.executable, "-m", "harness.embedded", "--run-dir", str(run_dir)]
    command += ["--dialect", request.dialect.name, "--image", f"{SENDER_IMAGE.partition(':')[0]}={SENDER_ENTRY}"]
    with (run_dir / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    handle = _Handle(process, run_dir)
    try:
        answer = _read_answer(handle)
    except BaseException:
        _stop(handle)
        raise
    return Cluster(
        name=request.name,
        kubeconfig=Path(answer["kubeconfig"]),
        dialect=request.dialect,
        ingress=answer.get("ingress"),
        handle=handle,
    )


def check(cluster: Cluster) -> None:
    """Return if the supervisor lives and says that all its parts do; else raise ClusterLost with its reason."""
    handle: _Handle = cluster.handle
    code = handle.process.poll()
    if code is not None:
        raise ClusterLost(f"the embedded cluster ended by itself (exit code {code})", _see_log(handle))
    failure = handle.run_dir / "failed"
    if failure.exists():
        raise ClusterLost(failure.read_text(encoding="utf-8").strip())


def delete(cluster: Cluster) -> None:
    """Stop the supervisor and everything it runs, and remove its directory."""
    _stop(cluster.handle)


def processes(cluster: Cluster) -> Sequence[int]:
    """The supervisor's process id and those of all its descendants."""
    import psutil

    supervisor = psutil.Process(cluster.handle.process.pid)
    return [supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))]


def sweep() -> list[Path]:
    """Remove run directories of ours whose supervisor is gone; those of other users and living ones stay."""
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(RUN_DIR_PREFIX + "*"):
        with contextlib.suppress(FileNotFoundError):
            if folder.stat().st_uid == os.getuid() and _is_orphan(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed


def _is_orphan(folder: Path) -> bool:
    """Whether no supervisor owns the folder: its lock is free, or it never came to be in a minute."""
    try:
        with (folder / OWNER_LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > 60


def _require_packages() -> None:
    missing = [name for name in ("grpc", "httptools", "orjson", "jinja2", "cryptography") if find_spec(name) is None]
    if missing:
        raise EnvironmentFailed(
            f"the embedded cluster needs packages that are not installed: {', '.join(missing)}",
            "pip install 'signalbox[embedded]'",
        )


def _read_answer(handle: _Handle) -> dict[str, str]:
    """The supervisor's one line: where the cluster is, or why it is not."""
    stdout: IO[bytes] = handle.process.stdout  # type: ignore[assignment]  # Popen was given PIPE
    line = stdout.readline()
    if not line:
        code = handle.process.wait()
        raise EnvironmentFailed(f"the embedded cluster did not start (exit code {code})\n{_log_tail(handle)}")
    answer: dict[str, str] = json.loads(line)
    if "error" in answer:
        raise EnvironmentFailed(answer["error"], answer.get("remedy", ""))
    return answer


def _stop(handle: _Handle) -> None:
    """Closing its standard input asks the supervisor to end; it is killed if it does not in time."""
    process = handle.process
    for stream in _streams(process):
        stream.close()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.returncode:  # it did not end in order, so it may have left something
        kill_leftovers(handle.run_dir)
    shutil.rmtree(handle.run_dir, ignore_errors=True)


def _streams(process: subprocess.Popen[bytes]) -> Iterator[IO[bytes]]:
    if process.stdin is not None:
        yield process.stdin
    if process.stdout is not None:
        yield process.stdout


def _see_log(handle: _Handle) -> str:
    return f"its last words:\n{_log_tail(handle)}"


def _log_tail(handle: _Handle, lines: int = 20) -> str:
    log = handle.run_dir / "supervisor.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
