"""Nothing survives when the supervisor is killed, whatever the pods have started."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.embedded.node.leftovers import find_leftovers, kill_leftovers
from harness.tests.node.local_node import QUICK, local_node

_PROMISED_SECONDS = 5.0


@contextmanager
def doomed_supervisor() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A supervisor with running pods, and its run dir."""
    command = [sys.executable, "-m", "harness.tests.node.doomed"]
    supervisor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert supervisor.stdout is not None
    run_dir = Path(supervisor.stdout.readline().strip())
    try:
        assert len(find_leftovers(run_dir)) == 8  # the zygote, three pods, and what two of them started
        yield supervisor, run_dir
    finally:
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()
        kill_leftovers(run_dir)
        shutil.rmtree(run_dir, ignore_errors=True)


def wait_until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PROMISED_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def is_alive(process: psutil.Process) -> bool:
    """False also for one that has ended and that its new parent, process 1, has not yet taken note of."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def zygote_of(supervisor: subprocess.Popen[str]) -> psutil.Process:
    (zygote,) = psutil.Process(supervisor.pid).children()
    return zygote


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_survives_the_supervisor(number: signal.Signals) -> None:
    with doomed_supervisor() as (supervisor, run_dir):
        family = psutil.Process(supervisor.pid).children(recursive=True)
        supervisor.send_signal(number)
        supervisor.wait()
        assert wait_until(lambda: not find_leftovers(run_dir))
        assert wait_until(lambda: not any(is_alive(process) for process in family))


def test_no_process_survives_when_the_group_of_the_supervisor_is_killed() -> None:
    with doomed_supervisor() as (supervisor, run_dir):
        os.killpg(supervisor.pid, signal.SIGKILL)
        assert wait_until(lambda: not find_leftovers(run_dir))


def test_pods_die_with_the_zygote_and_their_daemons_can_be_found() -> None:
    with doomed_supervisor() as (supervisor, run_dir):
        zygote = zygote_of(supervisor)
        pods = zygote.children()
        supervisor.send_signal(signal.SIGSTOP)  # it cannot help
        zygote.kill()
        assert wait_until(lambda: not [pod for pod in pods if is_alive(pod)])
        supervisor.kill()
        assert kill_leftovers(run_dir) == []
        assert find_leftovers(run_dir) == []


def test_a_lost_zygote_is_noticed() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "sleeper"}, restartPolicy="Never")
            await local.until_logged("a", "sleeping")
            (process,) = local.processes()
            zygote = process.parent()
            assert zygote is not None
            zygote.kill()
            await asyncio.wait_for(local.node.lost(), 5)
            await local.until(lambda: local.phase("a") == "Failed")
            assert local.status("a")["state"]["terminated"]["exitCode"] == 137

    asyncio.run(run())


def test_all_pods_are_stopped_at_the_same_time() -> None:
    """Each is told to end while none of the others has ended, and none is killed before its grace is over."""

    async def run() -> None:
        async with local_node(replace(QUICK, shutdown=60.0)) as local:
            for number in range(4):
                local.create_pod(f"p{number}", {"image": "stubborn"})
            for number in range(4):
                await local.until_logged(f"p{number}", "sleeping")
            stopping = asyncio.create_task(local.node.stop())
            for number in range(4):
                await local.until_logged(f"p{number}", "no")
            assert len(local.processes()) == 4
            for process in local.processes():
                process.kill()
            await stopping
            assert find_leftovers(local.run_dir) == []

    asyncio.run(run())
