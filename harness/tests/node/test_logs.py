"""What a container wrote, as `kubectl logs` asks for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from harness.embedded.node.logs import ContainerLog, LogPipe, LogQuery, rfc3339_nano

SECOND = 1_000_000_000


def ticking(start: int = 0) -> Iterator[int]:
    return count(start * SECOND, SECOND)


def log_of(*lines: str, limit: int = 1 << 20) -> ContainerLog:
    """One line per second since 1970."""
    clock = ticking()
    log = ContainerLog(limit, clock=lambda: next(clock))
    for line in lines:
        log.feed(line.encode() + b"\n")
    return log


def read(log: ContainerLog, **query: Any) -> str:
    async def run() -> str:
        return b"".join([part async for part in log.read(LogQuery(**query))]).decode()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "a\nb\nc\n"),
        ({"tail_lines": 2}, "b\nc\n"),
        ({"tail_lines": 0}, ""),
        ({"tail_lines": 9}, "a\nb\nc\n"),
        ({"limit_bytes": 3}, "a\nb"),
        ({"since_seconds": 1.5}, "c\n"),  # asked at second 3
        ({"tail_lines": 1, "timestamps": True}, "1970-01-01T00:00:02.000000000Z c\n"),
    ],
)
def test_a_part_of_a_log(query: dict[str, Any], expected: str) -> None:
    assert read(log_of("a", "b", "c"), **query) == expected


def test_the_oldest_lines_go_first() -> None:
    log = log_of(*(f"line {number}" for number in range(1000)), limit=10_000)
    lines = read(log).splitlines()
    assert lines[-1] == "line 999"
    assert 50 < len(lines) < 100
    assert read(log, tail_lines=2) == "line 998\nline 999\n"


def test_an_unfinished_line_counts_when_the_container_ends() -> None:
    log = ContainerLog()
    log.feed(b"one\ntw")
    assert read(log) == "one\n"
    log.feed(b"o")
    log.close()
    assert read(log) == "one\ntwo"


def test_an_endless_line_does_not_fill_the_memory() -> None:
    log = ContainerLog(limit=200_000)
    for _ in range(100):
        log.feed(b"x" * 10_000)
    assert 100_000 < len(read(log)) <= 200_000


def test_a_follower_gets_lines_as_they_come_and_ends_with_the_container() -> None:
    async def run() -> None:
        log = ContainerLog()
        log.feed(b"old\n")
        seen: list[bytes] = []

        async def follow() -> None:
            async for line in log.read(LogQuery(follow=True)):
                seen.append(line)

        follower = asyncio.create_task(follow())
        for text in (b"new\n", b"newer\n"):
            await asyncio.sleep(0)
            log.feed(text)
        await asyncio.sleep(0)
        assert not follower.done()
        log.close()
        await asyncio.wait_for(follower, 60)
        assert seen == [b"old\n", b"new\n", b"newer\n"]

    asyncio.run(run())


def test_a_follower_that_falls_behind_goes_on_with_what_is_left() -> None:
    async def run() -> None:
        log = ContainerLog(limit=500)
        log.feed(b"first\n")
        stream = log.read(LogQuery(follow=True))
        assert await anext(stream) == b"first\n"
        log.feed(b"".join(b"%d\n" % number for number in range(100)))
        log.close()
        rest = [line async for line in stream]
        assert rest[-1] == b"99\n"
        assert len(rest) < 10

    asyncio.run(run())


def test_what_is_still_in_the_pipe_is_read_when_the_process_has_ended() -> None:
    async def run() -> None:
        log = ContainerLog()
        pipe = LogPipe(log)
        os.write(pipe.write_end, b"last words\n")
        pipe.finish()
        assert log.closed
        assert log.tail(100) == "last words\n"
        pipe.finish()
        os.close(pipe.write_end)

    asyncio.run(run())


def test_times_have_nanoseconds() -> None:
    assert rfc3339_nano(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"
