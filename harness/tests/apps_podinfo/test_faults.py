"""Made-up delays and errors, states that are never reached, and the server's own time limit (§8.4.6, §8.4.7)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import aiohttp
import pytest

from harness.tests.apps_podinfo.pods import Pod, on_pod


@pytest.mark.parametrize(
    ("flags", "possible"),
    [
        (["--random-delay"], {0, 1, 2, 3, 4}),
        (["--random-delay", "--random-delay-min=1", "--random-delay-max=2"], {1}),
        (["--random-delay", "--random-delay-unit=ms", "--random-delay-min=10", "--random-delay-max=12"], {0.01, 0.011}),
        (["--random-delay=false"], set()),
        ([], set()),
    ],
)
def test_random_delay_never_reaches_its_maximum(flags: list[str], possible: set[float]) -> None:
    async def ask(pod: Pod) -> None:
        for _ in range(60):
            assert (await pod.ask("GET", "/version")).status == 200
        assert set(pod.pauses) == possible

    on_pod(ask, *flags, draw=random.Random(1))


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/echo", "/status/500"])
def test_random_delay_holds_up_every_route(path: str) -> None:
    async def ask(pod: Pod) -> None:
        await pod.ask("GET", path)
        assert pod.pauses == [1]

    on_pod(ask, "--random-delay", "--random-delay-min=1", "--random-delay-max=2")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/authors/1.json", 404), ("POST", "/version", 405)])
def test_what_has_no_route_is_answered_at_once(method: str, path: str, status: int) -> None:
    async def ask(pod: Pod) -> None:
        assert (await pod.ask(method, path)).status == status
        assert pod.pauses == []

    on_pod(ask, "--random-delay", "--random-delay-min=1", "--random-delay-max=2", "--random-error", draw=AlwaysFirst())


def test_random_delay_between_equal_bounds_breaks_every_route() -> None:
    async def ask(pod: Pod) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await pod.ask("GET", "/version")
        assert (await pod.ask("GET", "/nowhere")).status == 404

    on_pod(ask, "--random-delay", "--random-delay-min=1", "--random-delay-max=1")


class AlwaysFirst(random.Random):
    """Draws the first of whatever there is."""

    def random(self) -> float:
        return 0.0

    def getrandbits(self, bits: int, /) -> int:
        return 0


def test_random_error_is_one_in_three() -> None:
    """600 requests, seeded; three standard deviations are 35 of 200 errors."""

    async def ask(pod: Pod) -> None:
        seen = Counter([(await pod.ask("GET", "/version")).status for _ in range(600)])
        assert set(seen) == {200, 400, 409, 500}
        assert abs(600 - seen[200] - 200) < 35
        lines = (await pod.ask("GET", "/nowhere", headers={})).status, pod.metrics.text().splitlines()
        assert lines[0] == 404
        assert f'http_requests_total{{status="500"}} {seen[500]}' in lines[1]

    on_pod(ask, "--random-error", draw=random.Random(2))


def test_random_error_has_no_body_and_keeps_the_handler_from_running() -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask("POST", "/echo", data=b"x")
        assert (reply.status, reply.body) == (500, b"")
        assert (await pod.ask("POST", "/readyz/disable")).status == 500

    on_pod(ask, "--random-error", draw=AlwaysFirst())


@pytest.mark.parametrize(
    ("flag", "healthz", "readyz", "enabled"),
    [("--unhealthy", 503, 200, 200), ("--unready", 200, 503, 200), ("--unready=false", 200, 200, 200)],
)
def test_states(flag: str, healthz: int, readyz: int, enabled: int) -> None:
    async def ask(pod: Pod) -> None:
        assert (await pod.ask("GET", "/healthz")).status == healthz
        assert (await pod.ask("GET", "/readyz")).status == readyz
        assert (await pod.ask("POST", "/readyz/enable")).status == 202
        assert (await pod.ask("GET", "/readyz")).status == enabled
        assert (await pod.ask("GET", "/healthz")).status == healthz

    on_pod(ask, flag)


def test_an_answer_after_the_time_limit_reaches_nobody() -> None:
    async def longer(_seconds: float) -> None:
        await asyncio.sleep(0.05)

    async def ask(pod: Pod) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await pod.ask("GET", "/delay/31")
        async with pod.session.get(f"{pod.site}/chunked/31") as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        assert (await pod.ask("GET", "/version")).status == 200

    on_pod(ask, "--http-server-timeout=40ms", pause=longer)
