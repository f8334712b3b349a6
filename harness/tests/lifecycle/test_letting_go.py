"""A cluster that is to be kept ends with its starter until the starter has it, and not after."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cluster.embedded import KEPT, LET_GO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that serves, and has told so."""
    run_dir = tmp_path / "signalbox-run"
    run_dir.mkdir()
    command = [
        sys.executable,
        "-m",
        "harness.embedded",
        "--run-dir",
        str(run_dir),
        "--dialect",
        "linkerd-2.14",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert "kubeconfig" in json.loads(process.stdout.readline())
        yield process
        process.terminate()
        assert process.wait(30) == 0
        assert not run_dir.exists()


def test_whoever_dies_before_having_it_takes_it_along(supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """The kernel closes the pipe however the starter dies, by kill -9 too."""
    assert supervisor.stdin is not None
    assert not (tmp_path / "signalbox-run" / KEPT).exists()
    supervisor.stdin.close()
    assert supervisor.wait(30) == 0
    assert not (tmp_path / "signalbox-run").exists()


def test_whoever_has_it_may_go(supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    supervisor.stdin.write(LET_GO)
    supervisor.stdin.flush()
    assert "kubeconfig" in json.loads(supervisor.stdout.readline())
    supervisor.stdin.close()
    assert json.loads((tmp_path / "signalbox-run" / KEPT).read_text())["pid"] == supervisor.pid
    with pytest.raises(subprocess.TimeoutExpired):
        supervisor.wait(1)
    os.kill(supervisor.pid, 0)


def answer(supervisor: subprocess.Popen[bytes]) -> dict[str, str]:
    """The supervisor's next line, or a failure where it stays silent."""
    assert supervisor.stdout is not None
    assert select.select([supervisor.stdout], [], [], 10)[0], "it says nothing"
    said: dict[str, str] = json.loads(supervisor.stdout.readline())
    return said


def ask_to_keep(supervisor: subprocess.Popen[bytes]) -> dict[str, str]:
    assert supervisor.stdin is not None
    supervisor.stdin.write(LET_GO)
    supervisor.stdin.flush()
    return answer(supervisor)


def test_who_cannot_keep_it_is_told_and_may_ask_again(supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
    in_the_way = tmp_path / "signalbox-run" / f"{KEPT}.draft"
    in_the_way.mkdir()
    assert ask_to_keep(supervisor)["error"].startswith("the cluster cannot be kept: [Errno 21] Is a directory")
    in_the_way.rmdir()
    assert "kubeconfig" in ask_to_keep(supervisor)
    assert (tmp_path / "signalbox-run" / KEPT).exists()


def test_what_could_not_be_kept_still_ends_with_its_starter(
    supervisor: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (tmp_path / "signalbox-run" / f"{KEPT}.draft").mkdir()
    assert "error" in ask_to_keep(supervisor)
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    assert supervisor.wait(30) == 0
