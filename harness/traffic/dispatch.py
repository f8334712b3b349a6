"""A plan carried out: requests leave on schedule, outcomes come back in issue order while sending goes on."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence

from harness.traffic.exchange import Answer, Exchange
from harness.traffic.order import IssueOrder
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import Plan
from harness.traffic.schedule import OpenLoop
from harness.traffic.stream import Batch, Line, Start, Summary

FLUSH_SECONDS = 0.05
"""How often outcomes are handed on; a verdict is looked at as often."""
SIGN_OF_LIFE_SECONDS = 1.0

Write = Callable[[Line], Awaitable[None]]


class Dispatch:
    """Sends the requests of one plan and reports on them.

    exchange    sends one request
    clock       seconds, never running backwards
    """

    def __init__(self, plan: Plan, exchange: Exchange, clock: Callable[[], float] = time.perf_counter) -> None:
        self._plan = plan
        self._exchange = exchange
        self._clock = clock
        self._order: IssueOrder[Outcome] = IssueOrder()
        self._complete = asyncio.Event()
        self._recorded = 0
        self._open = 0
        self._not_sent = 0
        self._lags = array("d")
        self._sent_at = array("d")

    async def run(self, write: Write) -> None:
        """Carry the plan out and write its lines: Start, Batches in issue order, Summary.

        If `write` fails or the task is cancelled, all open requests are dropped and nothing more is sent.
        """
        cpu_before = time.process_time()
        await write(Start(time.time()))
        self._loop = OpenLoop(self._plan.schedule, self._plan.limit, self._clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._issue(group))
            await self._report(write)
        await write(self._summary(time.process_time() - cpu_before))

    async def _issue(self, group: asyncio.TaskGroup) -> None:
        while (pause := self._loop.pause()) is not None:
            await asyncio.sleep(pause)
            for index, due in self._loop.take():
                if self._open >= self._plan.in_flight_cap:
                    self._hold_back(index, due)
                else:
                    self._open += 1
                    group.create_task(self._request(index, due))

    async def _request(self, index: int, due: float) -> None:
        sent = self._loop.elapsed()
        answer = await self._exchange.send()
        self._open -= 1
        self._lags.append(sent - due)
        self._sent_at.append(sent)
        self._record(index, due, sent, answer)

    def _hold_back(self, index: int, due: float) -> None:
        self._not_sent += 1
        self._record(index, due, self._loop.elapsed(), Answer(error=Failure.NOT_SENT))

    def _record(self, index: int, due: float, sent: float, answer: Answer) -> None:
        now = self._loop.elapsed()
        outcome = Outcome(
            index=index,
            scheduled=due,
            lag=sent - due,
            latency=now - due,
            service_time=now - sent,
            status=answer.status,
            error=answer.error,
            headers=answer.headers,
            body_start=answer.body_start,
            connection=answer.connection,
        )
        self._order.put(index, outcome)
        self._recorded += 1
        if self._recorded == self._plan.limit:
            self._complete.set()

    async def _report(self, write: Write) -> None:
        """Write what is complete up to the watermark, until everything is."""
        last_sign = self._clock()
        while self._order.watermark < self._plan.limit:
            await self._next_flush()
            first = self._order.watermark
            outcomes = tuple(self._order.take())
            if outcomes or self._clock() - last_sign >= SIGN_OF_LIFE_SECONDS:
                await write(Batch(first, outcomes))
                last_sign = self._clock()

    async def _next_flush(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._complete.wait()
        except TimeoutError:
            return  # the plan goes on; what is there is due

    def _summary(self, cpu_seconds: float) -> Summary:
        seconds = max(self._sent_at, default=0.0) - min(self._sent_at, default=0.0)
        return Summary(
            requests=self._recorded,
            not_sent=self._not_sent,
            resent=self._exchange.resent,
            lag_p99=percentile(self._lags, 0.99),
            achieved_rate=(len(self._sent_at) - 1) / seconds if seconds else self._plan.rate_per_second,
            seconds=self._loop.elapsed(),
            cpu_seconds=cpu_seconds,
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least `share` of all do not exceed; 0 if there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    needed = -int(-len(ordered) * share // 1)  # rounded up
    return ordered[max(0, needed - 1)]
