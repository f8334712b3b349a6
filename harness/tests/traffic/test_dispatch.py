"""A plan carried out: on schedule whatever the server does, in issue order whatever comes back first."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TypeVar

import looptime
import pytest

from harness.tests.traffic.servers import Call, Sent, carry_out, collected, plan, serving
from harness.traffic.dispatch import Dispatch, percentile
from harness.traffic.exchange import Answer, Exchange
from harness.traffic.http1 import HttpExchange
from harness.traffic.outcome import Failure
from harness.traffic.plan import Plan
from harness.traffic.stream import Batch, Line

URL = "http://127.0.0.1:1/"
Result = TypeVar("Result")


async def run_with(exchange: Exchange, wanted: Plan, clock: Callable[[], float] | None = None) -> Sent:
    lines: list[Line] = []

    async def write(line: Line) -> None:
        lines.append(line)

    await Dispatch(wanted, exchange, clock or asyncio.get_running_loop().time).run(write)
    return collected(lines)


def in_virtual_time(work: Coroutine[None, None, Result]) -> Result:
    """What a coroutine returns on a loop whose time jumps from one event to the next: exact on a slow machine too."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0)) as runner:
        return runner.run(work)


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


class FreezingExchange(ScriptedExchange):
    """Answers nothing between 0.2 and 0.7 seconds after it was made; the answers come when it thaws."""

    def __init__(self) -> None:
        super().__init__({})
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def send(self) -> Answer:
        since = self._loop.time() - self._began
        if 0.2 <= since < 0.7:
            await asyncio.sleep(0.7 - since)
        return Answer(200)


class StarvedClock:
    """The loop's time, and beside it what passed while the whole loop stood still, as on a starved machine."""

    def __init__(self) -> None:
        self.stood_still = 0.0
        self._time = asyncio.get_running_loop().time

    def __call__(self) -> float:
        return self._time() + self.stood_still


class BlockingExchange(ScriptedExchange):
    """Stops everything for 0.2 seconds at request number 20."""

    def __init__(self, clock: StarvedClock) -> None:
        super().__init__({})
        self._clock = clock

    async def send(self) -> Answer:
        if self._number == 20:
            self._clock.stood_still += 0.2
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
    """Coordinated omission: a client that waits for answers reports one slow request where eighty were."""

    async def waiting_client_saw() -> int:
        exchange, slow = FreezingExchange(), 0
        clock = asyncio.get_running_loop().time
        for _ in range(200):
            asked = clock()
            await exchange.send()
            slow += clock() - asked > 0.101
            await asyncio.sleep(0.005)
        return slow

    async def run() -> Sent:
        return await run_with(FreezingExchange(), plan(URL, rate_per_second=200, limit=200))

    sent = in_virtual_time(run())
    assert sum(outcome.latency > 0.101 for outcome in sent.outcomes) == 80
    assert sent.summary.achieved_rate == pytest.approx(200)
    assert in_virtual_time(waiting_client_saw()) == 1


def test_a_sender_that_freezes_catches_up_and_counts_latency_from_when_it_was_due() -> None:
    async def run() -> Sent:
        clock = StarvedClock()
        return await run_with(BlockingExchange(clock), plan(URL, rate_per_second=500, limit=150), clock)

    sent = in_virtual_time(run())
    late = [outcome for outcome in sent.outcomes if outcome.lag > 0.051]
    assert len(late) == 75  # those due 2 to 149 ms after the stop began are more than 51 ms late
    assert all(outcome.latency >= outcome.lag for outcome in late)
    assert all(outcome.service_time < 0.05 for outcome in late)
    assert [outcome.scheduled for outcome in sent.outcomes] == [index / 500 for index in range(150)]
    assert sent.summary.lag_p99 > 0.15


def test_slow_failures_hold_back_the_successes_issued_after_them() -> None:
    async def run() -> list[tuple[float, Batch]]:
        clock, batches = asyncio.get_running_loop().time, []
        begin = clock()

        async def write(line: Line) -> None:
            if isinstance(line, Batch):
                batches.append((clock() - begin, line))

        exchange = ScriptedExchange({10: 0.25})
        await Dispatch(plan(URL, rate_per_second=200, limit=60), exchange, clock).run(write)
        return batches

    batches = in_virtual_time(run())
    before_the_failure_came = [outcome for at, batch in batches if at < 0.3 for outcome in batch.outcomes]
    assert [outcome.index for outcome in before_the_failure_came] == list(range(10))


def test_more_open_requests_than_allowed_are_said_not_to_have_been_sent() -> None:
    async def run() -> tuple[Sent, Plan]:
        exchange = StuckExchange()
        wanted = plan(URL, rate_per_second=1000, limit=100, timeout_seconds=0.01)
        asyncio.get_running_loop().call_later(0.2, exchange.go_on.set)
        return await run_with(exchange, wanted), wanted

    sent, wanted = in_virtual_time(run())
    assert wanted.in_flight_cap == 40
    assert [outcome.sent for outcome in sent.outcomes] == [True] * 40 + [False] * 60
    assert sent.summary.not_sent == 60
    assert sent.summary.saturated
    assert sent.outcomes[-1].error is Failure.NOT_SENT


def test_answered_requests_are_no_longer_open() -> None:
    wanted = plan(URL, limit=100, timeout_seconds=0.001)
    assert wanted.in_flight_cap == 8
    assert not in_virtual_time(run_with(ScriptedExchange({}), wanted)).summary.saturated


def test_a_silent_server_does_not_silence_the_stream() -> None:
    sent = in_virtual_time(run_with(ScriptedExchange({0: 3.9}), plan(URL, limit=2)))
    empty = [line for line in sent.lines if isinstance(line, Batch) and not line.outcomes]
    assert len(empty) == 3  # one a second


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

    assert asyncio.run(run()) < 1000


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
