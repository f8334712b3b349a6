"""The harness's end of the stream, over a transport that a test scripts."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.errors import ClusterLost, EnvironmentFailed
from harness.traffic.client import SenderClient
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Plan, Request
from harness.traffic.stream import Batch, Start, Summary, Trouble, encode

PLAN = Plan(request=Request(url="http://books:7002/"), rate_per_second=100, limit=4)
SUMMARY = Summary(requests=4, not_sent=0, resent=0, lag_p99=0.001, achieved_rate=100, seconds=0.05, cpu_seconds=0.001)


def outcome(index: int) -> Outcome:
    return Outcome(index=index, scheduled=index / 100, lag=0, latency=0.002, service_time=0.002, status=200)


WHOLE = b"".join(
    encode(line)
    for line in (
        Start(1795430000.5),
        Batch(0, (outcome(0), outcome(1))),
        Batch(2, ()),
        Batch(2, (outcome(2), outcome(3))),
        SUMMARY,
    )
)


class Wire:
    """A transport that gives the pieces it was made with."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.plans: list[bytes] = []
        self.closed = 0

    @contextmanager
    def open(self, body: bytes) -> Iterator[Iterator[bytes]]:
        self.plans.append(body)
        try:
            yield iter(self.pieces)
        finally:
            self.closed += 1


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_outcomes_are_the_same_however_the_stream_is_cut(size: int) -> None:
    wire = Wire(*(WHOLE[start : start + size] for start in range(0, len(WHOLE), size)))
    with SenderClient(wire.open).send(PLAN) as sending:
        batches = list(sending)
    assert batches == [(outcome(0), outcome(1)), (), (outcome(2), outcome(3))]
    assert sending.summary == SUMMARY
    assert sending.start == Start(1795430000.5)
    assert Plan.decode(wire.plans[0]) == PLAN


def test_leaving_early_hangs_up_and_leaves_no_summary() -> None:
    wire = Wire(WHOLE)
    with SenderClient(wire.open).send(PLAN) as sending:
        next(iter(sending))
    assert wire.closed == 1
    assert sending.summary is None
    sending.close()
    assert wire.closed == 1


@pytest.mark.parametrize("missing", [1, 20, 200])
def test_a_stream_that_is_cut_off_is_a_lost_cluster(missing: int) -> None:
    with (
        SenderClient(Wire(WHOLE[:-missing]).open).send(PLAN) as sending,
        pytest.raises(ClusterLost, match="without a summary"),
    ):
        list(sending)


def test_a_gap_in_the_outcomes_is_a_lost_cluster() -> None:
    wire = Wire(encode(Batch(0, (outcome(0),))) + encode(Batch(2, (outcome(2),))))
    with SenderClient(wire.open).send(PLAN) as sending, pytest.raises(ClusterLost, match="from outcome 1 to 2"):
        list(sending)


def test_trouble_of_the_sender_is_passed_on() -> None:
    wire = Wire(encode(Trouble("the sender failed: MemoryError()")))
    with SenderClient(wire.open).send(PLAN) as sending, pytest.raises(EnvironmentFailed, match="MemoryError"):
        list(sending)


def test_another_language_is_refused_with_an_excerpt() -> None:
    wire = Wire(b"<html>gateway error</html>\n")
    with SenderClient(wire.open).send(PLAN) as sending, pytest.raises(EnvironmentFailed, match="gateway error"):
        list(sending)
