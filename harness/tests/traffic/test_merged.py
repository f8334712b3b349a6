"""Several senders as one: every request once, in issue order, counts added up, stopped together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.errors import ClusterLost
from harness.traffic.client import OpenStream, SenderClient
from harness.traffic.merged import merged_sender, shares
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import Plan, Request
from harness.traffic.stream import Batch, Start, Summary, encode


def plan(limit: int, rate: float = 90.0) -> Plan:
    return Plan(request=Request(url="http://x/"), rate_per_second=rate, limit=limit)


def outcome(index: int, due: float, status: int) -> Outcome:
    return Outcome(index=index, scheduled=due, lag=0, latency=0.1, service_time=0.1, status=status)


class Worker:
    """A sender that answers every request with its own number as status; `left` is set when its stream is left."""

    def __init__(self, number: int, *, cut_after: int | None = None) -> None:
        self.number = number
        self.cut_after = cut_after
        self.plan: Plan | None = None
        self.left = threading.Event()

    def open(self) -> OpenStream:
        @contextmanager
        def stream(body: bytes) -> Iterator[Iterator[bytes]]:
            self.plan = Plan.decode(body)
            try:
                yield self._lines(self.plan)
            finally:
                self.left.set()

        return stream

    def _lines(self, plan: Plan) -> Iterator[bytes]:
        yield encode(Start(1000.0 + self.number / 1000))
        for index in range(plan.limit):
            if index == self.cut_after:
                return
            yield encode(Batch(index, (outcome(index, index / plan.rate_per_second, 200 + self.number),)))
        yield encode(
            Summary(
                requests=plan.limit,
                not_sent=self.number,
                resent=0,
                lag_p99=self.number / 10,
                achieved_rate=plan.rate_per_second,
                seconds=1.0,
                cpu_seconds=0.5,
            )
        )


def merged(*workers: Worker) -> SenderClient:
    return merged_sender([SenderClient(worker.open()) for worker in workers])


def test_every_request_is_sent_once_by_the_sender_whose_turn_it_is() -> None:
    workers = [Worker(number) for number in range(3)]
    sending = merged(*workers).send(plan(10))
    with sending:
        outcomes = [one for batch in sending for one in batch]
    assert [one.index for one in outcomes] == list(range(10))
    assert [one.status for one in outcomes] == [200 + index % 3 for index in range(10)]
    assert [worker.plan.limit for worker in workers if worker.plan] == [4, 3, 3]
    assert {worker.plan.rate_per_second for worker in workers if worker.plan} == {30.0}
    assert outcomes[4].scheduled == pytest.approx(1 / 30 + 0.001, abs=1e-5)


def test_counts_add_up_and_the_worst_delay_counts() -> None:
    sending = merged(*(Worker(number) for number in range(3))).send(plan(9))
    with sending:
        list(sending)
    summary = sending.summary
    assert summary is not None
    assert (summary.requests, summary.not_sent, summary.lag_p99) == (9, 3, 0.2)
    assert summary.achieved_rate == pytest.approx(90)


def test_one_request_is_sent_by_the_first_alone() -> None:
    workers = [Worker(number) for number in range(3)]
    with merged(*workers).send(plan(1)) as sending:
        assert [one.status for batch in sending for one in batch] == [200]
    assert [worker.plan is None for worker in workers] == [False, True, True]


@pytest.mark.parametrize(("limit", "count"), [(1, 3), (7, 3), (9, 3), (50, 50), (3, 50)])
def test_shares_cover_the_plan(limit: int, count: int) -> None:
    parts = shares(plan(limit), count)
    assert sum(part.limit for part in parts) == limit
    assert sum(part.rate_per_second for part in parts) == pytest.approx(90)
    assert max(part.limit for part in parts) - min(part.limit for part in parts) <= 1


def test_a_sender_that_is_cut_off_fails_the_whole_and_all_are_stopped() -> None:
    workers = [Worker(0), Worker(1, cut_after=1)]
    with merged(*workers).send(plan(20)) as sending, pytest.raises(ClusterLost, match="without a summary"):
        list(sending)
    assert all(worker.left.wait(60) for worker in workers)


def test_leaving_early_stops_all() -> None:
    workers = [Worker(0), Worker(1)]
    with merged(*workers).send(plan(1000)) as sending:
        for batch in sending:
            if batch:
                break
    assert all(worker.left.wait(60) for worker in workers)


def test_a_failed_request_keeps_its_place() -> None:
    class Failing(Worker):
        def _lines(self, plan: Plan) -> Iterator[bytes]:
            yield encode(Start(1000.0))
            lost = Outcome(index=0, scheduled=0, lag=0, latency=1, service_time=1, error=Failure.RESET)
            yield encode(Batch(0, (lost,)))
            yield from list(super()._lines(plan))[-1:]

    with merged(Worker(0), Failing(1)).send(plan(2)) as sending:
        outcomes = [one for batch in sending for one in batch]
    assert [(one.status, one.error) for one in outcomes] == [(200, None), (None, Failure.RESET)]


def test_each_sender_climbs_its_part_of_a_ramp() -> None:
    whole = Plan(
        request=Request(url="http://x/"), rate_per_second=90, limit=100, ramp_from_per_second=30, ramp_seconds=2
    )
    parts = shares(whole, 3)
    assert {(part.ramp_from_per_second, part.rate_per_second, part.ramp_seconds) for part in parts} == {(10, 30, 2)}
    assert sum(part.limit for part in parts) == 100
