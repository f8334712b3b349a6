"""What a probe asks, what counts as success, and when it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.embedded.node.health import Health, Threshold
from harness.embedded.node.probes import (
    Attempt,
    Exec,
    HttpGet,
    Probe,
    Prober,
    Sleep,
    TcpSocket,
    Unsupported,
    attempts,
    parse_action,
    parse_probes,
)
from harness.embedded.node.timing import Timing

NODE_IP = "127.0.0.1"
CONTAINER = {"ports": [{"name": "http", "containerPort": 8080}]}


async def nothing(command: Sequence[str]) -> tuple[int, str]:
    return {"true": (0, ""), "false": (1, "no good")}[command[0]]


PROBER = Prober(NODE_IP, nothing)


@asynccontextmanager
async def answering(answer: bytes, asked: list[bytes] | None = None) -> AsyncIterator[int]:
    """A server that gives this answer to everything, and its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.append(request)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def attempt_http(answer: bytes, **get: Any) -> tuple[Attempt, list[bytes]]:
    async def run() -> tuple[Attempt, list[bytes]]:
        asked: list[bytes] = []
        async with answering(answer, asked) as port:
            return await PROBER.attempt(HttpGet("127.0.0.1", port, get.pop("path", "/"), **get), 5), asked

    return asyncio.run(run())


@pytest.mark.parametrize("status", [199, 200, 204, 302, 399, 400, 404, 500])
def test_statuses_from_200_to_399_are_success(status: int) -> None:
    ok = status in range(200, 400)
    outcome, _ = attempt_http(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nhi" % status)
    assert outcome.ok is ok
    if not ok:
        assert outcome.message == f"HTTP probe failed with statuscode: {status}"


def test_a_request_looks_like_a_kubelets() -> None:
    _, (request,) = attempt_http(b"HTTP/1.1 200 OK\r\n\r\n", path="/ping?x=1", headers=(("X-Me", "1"), ("Host", "me")))
    lines = request.decode().splitlines()
    assert lines[0] == "GET /ping?x=1 HTTP/1.1"
    assert {"Host: me", "X-Me: 1", "Connection: close", "User-Agent: kube-probe/1.32", "Accept: */*"} <= set(lines)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 ok\r\n"])
def test_what_is_not_http_is_failure(answer: bytes) -> None:
    outcome, _ = attempt_http(answer)
    assert not outcome.ok


def test_connections_and_commands() -> None:
    async def run() -> None:
        async with answering(b"") as port:
            assert (await PROBER.attempt(TcpSocket("127.0.0.1", port), 5)).ok
        refused = await PROBER.attempt(TcpSocket("127.0.0.1", port), 5)
        assert not refused.ok
        assert refused.message.startswith(f"dial tcp 127.0.0.1:{port}: ")
        assert (await PROBER.attempt(Exec(("true",)), 5)).ok
        assert await PROBER.attempt(Exec(("false",)), 5) == Attempt(False, "no good")
        assert (await PROBER.attempt(Sleep(0), 5)).ok
        assert "not offered" in (await PROBER.attempt(Unsupported("a grpc probe"), 5)).message

    asyncio.run(run())


def test_no_answer_in_time_is_failure() -> None:
    async def run() -> None:
        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
            get = HttpGet("127.0.0.1", server.sockets[0].getsockname()[1], "/")
            assert "no answer within 0.05 s" in (await PROBER.attempt(get, 0.05)).message

    asyncio.run(run())


@pytest.mark.parametrize(
    ("spec", "action"),
    [
        ({"httpGet": {"path": "/ping", "port": "http"}}, HttpGet("10.0.0.1", 8080, "/ping")),
        ({"httpGet": {"port": 81, "path": "x", "scheme": "HTTPS"}}, HttpGet("10.0.0.1", 81, "/x", tls=True)),
        ({"httpGet": {"port": "82", "host": "127.0.0.9"}}, HttpGet("127.0.0.9", 82, "/")),
        ({"httpGet": {"port": "nobody"}}, HttpGet("10.0.0.1", 0, "/")),
        (
            {"httpGet": {"port": 1, "httpHeaders": [{"name": "A", "value": "b"}]}},
            HttpGet("10.0.0.1", 1, "/", headers=(("A", "b"),)),
        ),
        ({"tcpSocket": {"port": "http"}}, TcpSocket("10.0.0.1", 8080)),
        ({"exec": {"command": ["a", "b"]}}, Exec(("a", "b"))),
        ({"sleep": {"seconds": 3}}, Sleep(3)),
        ({"grpc": {"port": 1}}, Unsupported("a grpc probe")),
    ],
)
def test_actions_are_read_from_the_manifest(spec: dict[str, Any], action: Any) -> None:
    assert parse_action(spec, CONTAINER, "10.0.0.1") == action


def test_probes_have_the_defaults_of_kubernetes() -> None:
    (probe,) = parse_probes({"readinessProbe": {"tcpSocket": {"port": 1}}}, "10.0.0.1").values()
    assert (probe.initial_delay, probe.period, probe.timeout) == (0, 10, 1)
    assert (probe.success_threshold, probe.failure_threshold) == (1, 3)


@pytest.mark.parametrize(
    ("success", "failure", "outcomes", "standings"),
    [
        (1, 3, "+--+---+", "++++++-+"),
        (2, 1, "++-+-++", "-+----+"),
        (1, 2, "+.-..-", "+++++-"),  # a dot is a failure that was not due: it neither counts nor breaks a row
    ],
)
def test_thresholds_count_outcomes_in_a_row(success: int, failure: int, outcomes: str, standings: str) -> None:
    threshold = Threshold(success, failure, holds=False)
    seen = [threshold.feed(Attempt(ok=sign == "+", counted=sign != ".")) for sign in outcomes]
    assert ["-+"[holds] for holds in seen] == list(standings)


def test_a_container_that_was_never_ready_is_asked_more_often_than_its_period() -> None:
    async def run() -> list[bool]:
        probe = Probe(kind="readiness", action=Exec(("false",)), period=1000)
        timing = Timing(eager_first=0.001, eager_first_until=10)
        outcomes = attempts(probe, PROBER, timing, lambda: True)
        seen = [(await anext(outcomes)).counted for _ in range(5)]
        await outcomes.aclose()
        return seen

    assert asyncio.run(asyncio.wait_for(run(), 2)) == [False] * 5


def test_eager_attempts_become_rarer_and_stop() -> None:
    timing = Timing()
    assert [timing.eager_interval(age) for age in (0, 1.9, 2, 59, 61)] == [0.05, 0.05, 0.25, 0.25, float("inf")]


def test_only_failures_that_were_due_are_reported_and_kill() -> None:
    async def run() -> None:
        failures: list[str] = []
        probe = Probe(kind="liveness", action=Exec(("false",)), period=1, failure_threshold=3)
        health = Health(
            {"liveness": probe},
            PROBER,
            Timing(second=0.01),
            changed=lambda: None,
            unhealthy=lambda probe, message: failures.append(message),
        )
        assert (health.started, health.ready) == (True, True)
        assert await asyncio.wait_for(health.run(), 2) is probe
        assert failures == ["no good"] * 3

    asyncio.run(run())


def test_a_startup_probe_that_never_succeeds_ends_the_container() -> None:
    async def run() -> None:
        probe = Probe(kind="startup", action=Exec(("false",)), period=1, failure_threshold=2)
        health = Health(
            {"startup": probe}, PROBER, Timing(second=0.01), changed=lambda: None, unhealthy=lambda *_: None
        )
        assert (health.started, health.ready) == (False, False)
        assert await asyncio.wait_for(health.run(), 2) is probe
        assert not health.started

    asyncio.run(run())
