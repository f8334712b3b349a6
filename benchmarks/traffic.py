"""What one request costs our sender, beside wrk and hey on the same server in the same run.

    uv run python benchmarks/traffic.py [--seconds 3]

The server is a process of its own: the smallest HTTP/1.1 server that asyncio and httptools make, with a JSON body of
143 bytes. wrk and hey (Debian packages of these names) drive it closed loop with 16 connections; ours sends open loop,
as in a scenario, with status, headers, times and connection of every request, encoded for the harness. Processor time
is that of the client alone (getrusage), so a busy machine moves it little. The ratio is ours over wrk's: what
per-request data and an open loop cost. A tool that is not installed is said to be so: apt-get install wrk hey.

Then how well the schedule is kept: lag at 50, 500 and 2,000 requests a second, for half of the requests and for all but
a hundredth of them. Lag is wall time, and only worth something on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import resource
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import httptools

from harness.traffic.dispatch import Dispatch, percentile
from harness.traffic.http1 import HttpExchange
from harness.traffic.plan import Plan, Request
from harness.traffic.stream import Batch, Line, Summary, encode

BODY = b'{"id": 1, "title": "' + b"x" * 118 + b'"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver: bench\r\ncontent-length: %d\r\n\r\n%s"
CONNECTIONS = 16
LAG_RATES = (50, 500, 2000)


class _Answering(asyncio.Protocol):
    """Answers every request at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER % (len(BODY), BODY))


def _serve(told: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@dataclass
class Cost:
    """What a client achieved; `cpu` is its processor time in seconds."""

    requests: int
    seconds: float
    cpu: float

    @property
    def micros(self) -> float:
        """Processor time per request in microseconds."""
        return self.cpu / self.requests * 1e6


def tool(command: list[str], count: re.Pattern[str], seconds: float) -> Cost:
    """The cost of a program that prints how many requests it made."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 10 + 30, check=True)
    took = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    made = sum(int(found) for found in count.findall(done.stdout))
    if not made:
        raise SystemExit(f"{command[0]} made no request: {done.stdout}{done.stderr}")
    return Cost(made, took, cpu)


@dataclass
class Sent:
    """What our sender did; `lags` are seconds, one per request that left."""

    cost: Cost
    summary: Summary
    lags: list[float]


def ours(port: int, rate: float, seconds: float) -> Sent:
    """Our sender at a rate, in this process, with the lines it would stream encoded."""
    plan = Plan(
        request=Request(url=f"http://127.0.0.1:{port}/"),
        rate_per_second=rate,
        limit=int(rate * seconds),
        timeout_seconds=5,
    )
    summaries: list[Summary] = []
    lags: list[float] = []
    sent = 0

    async def write(line: Line) -> None:
        nonlocal sent
        encode(line)
        if isinstance(line, Batch):
            sent += sum(outcome.status == 200 for outcome in line.outcomes)
            lags.extend(outcome.lag for outcome in line.outcomes if outcome.sent)
        elif isinstance(line, Summary):
            summaries.append(line)

    async def main() -> None:
        async with HttpExchange(plan) as exchange:
            await Dispatch(plan, exchange).run(write)

    cpu, begin = time.process_time(), time.perf_counter()
    asyncio.run(main())
    took, spent = time.perf_counter() - begin, time.process_time() - cpu
    if not sent:
        raise SystemExit("our sender got no answer")
    return Sent(Cost(sent, took, spent), summaries[0], lags)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds = parser.parse_args().seconds
    for name in ("http_proxy", "HTTP_PROXY"):
        os.environ.pop(name, None)
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    try:
        _measure(here.recv(), seconds)
    finally:
        server.terminate()
        server.join()


def _measure(port: int, seconds: float) -> None:
    socket.create_connection(("127.0.0.1", port)).close()
    url, length = f"http://127.0.0.1:{port}/", f"{max(1, round(seconds))}s"
    commands = {
        "wrk": (["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{length}", url], re.compile(r"(\d+) requests in")),
        "hey": (["hey", "-cpus", "1", "-c", str(CONNECTIONS), "-z", length, url], re.compile(r"\[200\]\s+(\d+)")),
    }
    costs = {
        f"{name} (closed loop, counts only)": tool(command, count, seconds) if shutil.which(name) else None
        for name, (command, count) in commands.items()
    }
    full = ours(port, 2000, seconds)
    costs["ours at 2,000/s (open loop, every request)"] = full.cost
    base = costs["wrk (closed loop, counts only)"]
    print(f"{'client':<46} {'requests':>9} {'CPU µs each':>12} {'per core and s':>15} {'of wrk':>7}")
    for name, cost in costs.items():
        if cost is None:
            print(f"{name:<46} not installed")
            continue
        each = cost.micros
        ratio = f"{each / base.micros:6.1f}x" if base else "      –"
        print(f"{name:<46} {cost.requests:9d} {each:12.0f} {1e6 / each:15,.0f} {ratio}")
    lags = f"{'lag p50':>10} {'lag p99':>10}"
    print(f"\n{'our schedule at':<20} {'achieved':>10} {'not sent':>9} {lags} {'CPU of a core':>14}")
    for rate in LAG_RATES:
        sent = full if rate == 2000 else ours(port, rate, seconds)
        summary = sent.summary
        print(
            f"{f'{rate}/s':<20} {summary.achieved_rate:8.0f}/s {summary.not_sent:9d} "
            f"{percentile(sent.lags, 0.5) * 1000:7.1f} ms {percentile(sent.lags, 0.99) * 1000:7.1f} ms "
            f"{sent.cost.cpu / sent.cost.seconds:13.0%}"
        )


if __name__ == "__main__":
    main()
