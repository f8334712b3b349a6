"""Processes forked from the warmed-up parent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from harness.embedded.node.logs import ContainerLog, LogPipe
from harness.embedded.node.processes import LIBRARIES, Ended, Order, Process, Zygote
from harness.errors import EnvironmentFailed
from harness.tests.node.local_node import STAND_INS

PATH = os.environ["PATH"]


@asynccontextmanager
async def started_zygote(*modules: str) -> AsyncIterator[Zygote]:
    zygote = await Zygote.start(Path("/nowhere"), (STAND_INS, *modules))
    try:
        yield zygote
    finally:
        await zygote.close()


async def start(zygote: Zygote, function: str | None, *argv: str, **env: str) -> tuple[Process, LogPipe]:
    name = f"{STAND_INS}:{function}" if function else None
    pipe = LogPipe(ContainerLog())
    try:
        order = Order(argv or ("x",), {"PATH": PATH, **env}, Path("/"), title="test", function=name)
        return await zygote.run(order, pipe.write_end), pipe
    finally:
        os.close(pipe.write_end)


async def finished(zygote: Zygote, function: str | None, *argv: str, **env: str) -> tuple[Ended, str]:
    process, pipe = await start(zygote, function, *argv, **env)
    ended = await process.wait()
    pipe.finish()
    return ended, pipe.log.tail(1 << 16)


@pytest.mark.parametrize(
    ("function", "argv", "ended", "output"),
    [
        ("exiting", ("x", "0"), Ended(0), "ending with 0\n"),
        ("exiting", ("x", "258"), Ended(2), "ending with 258\n"),
        ("raising", ("x",), Ended(1), "RuntimeError: out of ideas\n"),
        ("no_such_function", ("x",), Ended(1), "has no attribute 'no_such_function'\n"),
        (None, ("sh", "-c", "echo out; echo err >&2; exit 3"), Ended(3), "out\nerr\n"),
        (None, ("sh", "-c", "kill -9 $$"), Ended(137, 9), ""),
        (None, ("no-such-program",), Ended(127), "exec: no-such-program: not found\n"),
        (None, ("/etc/passwd",), Ended(126), "exec: /etc/passwd: Permission denied\n"),
    ],
)
def test_ways_to_end(function: str | None, argv: tuple[str, ...], ended: Ended, output: str) -> None:
    async def run() -> tuple[Ended, str]:
        async with started_zygote() as zygote:
            return await finished(zygote, function, *argv)

    seen, log = asyncio.run(run())
    assert seen == ended
    assert log.endswith(output)


def test_a_process_has_exactly_its_own_environment_and_no_foreign_descriptors() -> None:
    async def run() -> None:
        async with started_zygote() as zygote:
            _, log = await finished(zygote, "report", "me", "a", COLOR="red")
            seen = json.loads(log)
            assert seen["argv"] == ["me", "a"]
            assert seen["env"] == {"PATH": PATH, "COLOR": "red"}
            assert seen["cwd"] == "/"
            _, listing = await finished(zygote, None, "ls", "/proc/self/fd")
            assert listing.split() == ["0", "1", "2", "3"]  # 3 is the directory itself
            sleeper, pipe = await start(zygote, "sleeper")
            async with asyncio.timeout(5):
                while "sleeping" not in pipe.log.tail(100):
                    await asyncio.sleep(0.005)
            assert len(os.listdir(f"/proc/{sleeper.pid}/fd")) == 3
            assert os.getsid(sleeper.pid) == os.getpgid(sleeper.pid) == sleeper.pid
            sleeper.kill()
            await sleeper.wait()
            pipe.finish()

    asyncio.run(run())


def test_a_signal_right_after_the_start_reaches_the_process_and_nobody_else() -> None:
    async def run() -> None:
        async with started_zygote() as zygote:
            for _ in range(20):
                process, pipe = await start(zygote, "sleeper")
                process.signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 5) == Ended(143, 15)
                pipe.finish()
                process.signal(signal.SIGTERM)  # nobody has this pid any more
            assert not zygote.lost.done()

    asyncio.run(run())


def test_a_large_environment_arrives() -> None:
    async def run() -> int:
        async with started_zygote() as zygote:
            _, log = await finished(zygote, "report", "x", BIG="y" * 1_000_000)
            return len(log)

    # the log keeps the end of a megabyte; what matters is that the order was no packet that is too long
    assert asyncio.run(run()) == 1 << 16


def test_many_processes_at_once() -> None:
    async def run() -> list[int]:
        async with started_zygote() as zygote:
            runs = [finished(zygote, "exiting", "x", str(number)) for number in range(40)]
            return [ended.code for ended, _ in await asyncio.gather(*runs)]

    assert asyncio.run(run()) == list(range(40))


def test_closing_ends_everything_and_says_so() -> None:
    async def run() -> None:
        async with started_zygote() as zygote:
            process, pipe = await start(zygote, "stubborn")
            await zygote.close()
            assert not psutil.pid_exists(process.pid)
            assert await process.wait() == Ended(137, 9)
            pipe.finish()
            with pytest.raises(EnvironmentFailed, match="parent process of all pods is gone"):
                await start(zygote, "sleeper")

    asyncio.run(run())


def test_a_module_that_does_not_load_spoils_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    async def run() -> Ended:
        async with started_zygote("no_such_module") as zygote:
            ended, _ = await finished(zygote, "exiting", "x", "0")
            return ended

    assert asyncio.run(run()) == Ended(0)
    assert "No module named 'no_such_module'" in capfd.readouterr().err


def test_a_warm_start_takes_milliseconds_and_little_memory(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> tuple[float, float, int]:
        async with started_zygote(*LIBRARIES) as zygote:
            begun = time.perf_counter()
            await zygote.ready
            warm = time.perf_counter() - begun
            assert len(os.listdir(f"/proc/{zygote.pid}/task")) == 1  # forking a process with threads is unsafe
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                process, pipe = await start(zygote, "sleeper")
                async with asyncio.timeout(5):
                    while not pipe.log.tail(10):
                        await asyncio.sleep(0.0005)
                times.append(time.perf_counter() - begun)
                private = psutil.Process(process.pid).memory_full_info().uss
                process.kill()
                await process.wait()
                pipe.finish()
            return warm, min(times), private

    warm, forked, private = asyncio.run(run())
    with capsys.disabled():
        size = f"{private / 2**20:.1f} MiB of its own"
        print(f" [warm-up {warm:.2f} s, start to first line {forked * 1000:.1f} ms, {size}] ")
