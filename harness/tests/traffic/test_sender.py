"""The sender as a pod runs it: a process of its own, driven over HTTP."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from aiohttp import web

from harness.tests.traffic.servers import Call, closed_port, plan, serving
from harness.traffic.client import SenderClient
from harness.traffic.exchange import Answer
from harness.traffic.http1 import HttpExchange
from harness.traffic.plan import Plan
from harness.traffic.sender import application


@contextmanager
def sender_process() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A sender on a free port of loopback."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with subprocess.Popen(
        [sys.executable, "-m", "harness.traffic.sender", "--port", "0"],
        env=environment | {"SIGNALBOX_SKIP_BIND": "127.0.0.1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("takes orders on 127.0.0.1:")
            yield process, int(line.rsplit(":", 1)[1])
        finally:
            process.kill()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with sender_process() as (_, number):
        yield number


@contextmanager
def call(port: int, method: str, path: str, body: bytes = b"") -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def client(port: int) -> SenderClient:
    @contextmanager
    def open_stream(body: bytes) -> Iterator[Iterator[bytes]]:
        with call(port, "POST", "/send", body) as response:
            assert response.status == 200
            yield iter(lambda: response.read1(1000), b"")

    return SenderClient(open_stream)


@asynccontextmanager
async def sender_here() -> AsyncIterator[tuple[str, int]]:
    """The sender's application in this process; its host and port."""
    runner = web.AppRunner(application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][0], runner.addresses[0][1]
    finally:
        await runner.cleanup()


def order(wanted: Plan) -> bytes:
    """The bytes of a POST /send."""
    body = wanted.encode()
    return b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_it_says_when_it_is_ready(port: int) -> None:
    with call(port, "GET", "/healthz") as response:
        assert (response.status, response.read()) == (200, b"ok\n")


def test_it_carries_a_plan_out_and_streams_the_outcomes(port: int) -> None:
    target = plan(f"http://127.0.0.1:{closed_port()}/", limit=30, rate_per_second=300)
    with client(port).send(target) as sending:
        outcomes = [outcome for batch in sending for outcome in batch]
    assert [outcome.index for outcome in outcomes] == list(range(30))
    assert {outcome.error for outcome in outcomes} == {"connect"}
    assert sending.summary is not None
    assert sending.summary.requests == 30
    assert sending.summary.achieved_rate > 0
    assert sending.start is not None
    assert sending.start.unix_time == pytest.approx(time.time(), abs=5)


def test_a_plan_it_cannot_carry_out_is_refused_with_all_reasons(port: int) -> None:
    with call(port, "POST", "/send", b'{"limit": "x"}') as response:
        assert response.status == 400
        reasons = json.loads(response.read())["error"]
    assert "limit is a whole number" in reasons
    assert "needs 'request'" in reasons


def test_it_ends_soon_after_sigterm_even_while_it_sends() -> None:
    with sender_process() as (process, port):
        endless = plan(f"http://127.0.0.1:{closed_port()}/", rate_per_second=20, limit=100_000)
        with client(port).send(endless) as sending:
            assert next(iter(sending)) is not None
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0  # its plan has more than an hour to go


def test_it_stops_sending_as_soon_as_its_client_hangs_up() -> None:
    async def answers(call: Call) -> None:
        call.answer()

    async def run() -> int:
        async with serving(answers) as server, sender_here() as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(order(plan(server.url, rate_per_second=200, limit=100_000)))
            await reader.readuntil(b'"status":200')
            writer.close()
            await writer.wait_closed()
            async with asyncio.timeout(20):
                await server.idle.wait()  # all of the sender's connections are gone
            return len(server.heads)

    assert 1 <= asyncio.run(run()) < 100_000


def test_a_failure_of_the_sender_itself_ends_the_stream_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def broken(self: HttpExchange) -> Answer:
        raise RuntimeError("no file descriptors left")

    async def run() -> list[bytes]:
        async with sender_here() as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(order(plan("http://127.0.0.1:1/")))
            text = await reader.readuntil(b"0\r\n\r\n")
            writer.close()
            await writer.wait_closed()
        return [line for line in text.split(b"\n") if line.startswith(b"{")]

    monkeypatch.setattr(HttpExchange, "send", broken)
    *_, last = asyncio.run(run())
    assert "no file descriptors left" in json.loads(last)["error"]
    assert "Traceback" in capfd.readouterr().err


def test_it_needs_nothing_heavy() -> None:
    code = "import sys, harness.traffic.sender; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "aiohttp" in loaded
    heavy = {"kubernetes", "pydantic", "grpc", "yaml", "rich", "httpx", "harness.cluster", "harness.verdict"}
    assert heavy.isdisjoint(loaded)
