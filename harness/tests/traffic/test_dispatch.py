"""A plan carried out: on schedule whatever the server does, in issue order whatever comes back first."""

import asyncio
import random
import time

import pytest

from harness.tests.traffic.servers import Call, Sent, carry_out, collected, plan, serving
from harness.traffic.dispatch import Dispatch, percentile
from harness.traffic.exchange import Answer, Exchange, HttpExchange
from harness.traffic.outcome import Failure
from harness.traffic.plan import Plan
from harness.traffic.stream import Batch, Line

URL = "http://127.0.0.1:1/"


async def run_with(exchange: Exchange, wanted: Plan) -> Sent:
    lines: list[Line] = []

    async def write(line: Line) -> None:
        lines.append(line)

    await Dispatch(wanted, exchange).run(write)
    return collected(lines)


class ScriptedExchange:
    """Answers request number i after `delays[i]` seconds, if there is one, with 500; at once with 200 otherwise."""

    def __init__(self, delays: dict[int, float]) -> None:
        self.resent = 0
        self._delays = delays
        self._number = 0

    async def send(self) -> Answer:
        number, self._number = self._number, self._number + 1
        if number not in self._delays:
            return Answer(200)
        await asyncio.sleep(self._delays[number])
        return Answer(500)


class BlockingExchange(ScriptedExchange):
    """Stops the whole event loop once, as a starved machine does."""

    async def send(self) -> Answer:
        if self._number == 20:
            time.sleep(0.2)  # the point: nothing else runs meanwhile
        return await super().send()


class StuckExchange(ScriptedExchange):
    """Answers nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__({})
        self.go_on = asyncio.Event()

    async def send(self) -> Answer:
        await self.go_on.wait()
        return Answer(200)


def test_a_server_that_freezes_shows_in_every_request_that_was_due_meanwhile() -> None:
    """Coordinated omission: a client that waits for answers reports one slow request where a hundred were."""

    async def run() -> tuple[Sent, int]:
        begin = time.monotonic()

        async def frozen_for_a_while(call: Call) -> None:
            since = time.monotonic() - begin
            if 0.2 < since < 0.7:
                await asyncio.sleep(0.7 - since)
            call.answer()

        async with serving(frozen_for_a_while) as server:
            sent = await carry_out(plan(server.url, rate_per_second=200, limit=200, timeout_seconds=2))
            begin, waiting_client_saw = time.monotonic(), 0
            async with HttpExchange(plan(server.url, timeout_seconds=2)) as exchange:
                while (now := time.monotonic()) - begin < 0.8:
                    await exchange.send()
                    waiting_client_saw += time.monotonic() - now > 0.1
            return sent, waiting_client_saw

    sent, waiting_client_saw = asyncio.run(run())
    assert waiting_client_saw == 1
    assert sum(outcome.latency > 0.1 for outcome in sent.outcomes) == pytest.approx(80, abs=20)
    assert sent.summary.achieved_rate == pytest.approx(200, rel=0.1)


def test_a_sender_that_freezes_catches_up_and_counts_latency_from_when_it_was_due() -> None:
    sent = asyncio.run(run_with(BlockingExchange({}), plan(URL, rate_per_second=500, limit=150)))
    late = [outcome for outcome in sent.outcomes if outcome.lag > 0.05]
    assert len(late) == pytest.approx(75, abs=25)
    assert all(outcome.latency >= outcome.lag for outcome in late)
    assert all(outcome.service_time < 0.05 for outcome in late)
    assert [outcome.scheduled for outcome in sent.outcomes] == [index / 500 for index in range(150)]
    assert sent.summary.lag_p99 > 0.15


def test_slow_failures_hold_back_the_successes_issued_after_them() -> None:
    async def run() -> list[tuple[float, Batch]]:
        begin, batches = time.monotonic(), []

        async def write(line: Line) -> None:
            if isinstance(line, Batch):
                batches.append((time.monotonic() - begin, line))

        await Dispatch(plan(URL, rate_per_second=200, limit=60), ScriptedExchange({10: 0.25})).run(write)
        return batches

    batches = asyncio.run(run())
    before_the_failure_came = [outcome for at, batch in batches if at < 0.25 for outcome in batch.outcomes]
    assert [outcome.index for outcome in before_the_failure_came] == list(range(10))


def test_more_open_requests_than_allowed_are_said_not_to_have_been_sent() -> None:
    async def run() -> tuple[Sent, Plan]:
        exchange = StuckExchange()
        wanted = plan(URL, rate_per_second=1000, limit=100, timeout_seconds=0.01)
        asyncio.get_running_loop().call_later(0.2, exchange.go_on.set)
        return await run_with(exchange, wanted), wanted

    sent, wanted = asyncio.run(run())
    assert wanted.in_flight_cap == 40
    assert [outcome.sent for outcome in sent.outcomes] == [True] * 40 + [False] * 60
    assert sent.summary.not_sent == 60
    assert sent.summary.saturated
    assert sent.outcomes[-1].error is Failure.NOT_SENT


def test_answered_requests_are_no_longer_open() -> None:
    wanted = plan(URL, limit=100, timeout_seconds=0.001)
    assert wanted.in_flight_cap == 8
    assert not asyncio.run(run_with(ScriptedExchange({}), wanted)).summary.saturated


def test_a_silent_server_does_not_silence_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.traffic.dispatch.SIGN_OF_LIFE_SECONDS", 0.1)
    sent = asyncio.run(run_with(ScriptedExchange({0: 0.5}), plan(URL, limit=2)))
    empty = [line for line in sent.lines if isinstance(line, Batch) and not line.outcomes]
    assert 2 <= len(empty) <= 4


def test_nothing_is_sent_after_the_reader_has_gone() -> None:
    async def run() -> int:
        calls = 0

        async def answers(call: Call) -> None:
            nonlocal calls
            calls += 1
            call.answer()

        async def write(line: Line) -> None:
            if isinstance(line, Batch):
                raise ConnectionResetError("gone")

        async with serving(answers) as server:
            wanted = plan(server.url, rate_per_second=200, limit=1000)
            async with HttpExchange(wanted) as exchange:
                with pytest.raises(ExceptionGroup):
                    await Dispatch(wanted, exchange).run(write)
            await server.idle.wait()
        return calls

    assert asyncio.run(run()) < 40


def test_a_share_measured_over_http_is_the_servers() -> None:
    source = random.Random(4)
    failing = {number for number in range(400) if source.random() < 0.1}

    async def fails_by_chance(call: Call) -> None:
        call.answer(500 if call.number in failing else 200)

    async def run() -> Sent:
        async with serving(fails_by_chance) as server:
            return await carry_out(plan(server.url, rate_per_second=800, limit=400, timeout_seconds=5))

    sent = asyncio.run(run())
    assert sum(outcome.status == 500 for outcome in sent.outcomes) == len(failing)
    assert not sent.summary.saturated
    assert sent.summary.requests == 400
    assert sent.summary.cpu_seconds > 0


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_percentile_is_a_value_that_occurred(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 0.99) == 0
