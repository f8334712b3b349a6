"""Several senders as one: a plan is dealt out among them, and their outcomes come back as if one had sent it all.

Sender i of W sends requests i, i+W, i+2W, … of the plan at a W-th of its rate, so the whole keeps the plan's schedule
but for the moment at which each begins. Outcomes are handed on in issue order: the watermark is that of the slowest
sender, so a verdict on the merged stream is as good as on one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from harness.traffic.client import SenderClient, Sending
from harness.traffic.order import IssueOrder
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Plan
from harness.traffic.stream import Batch, Line, Start, Summary, encode

_Found = Start | tuple[Outcome, ...] | Summary | BaseException


def merged_sender(clients: Sequence[SenderClient]) -> SenderClient:
    """One sender that is all of these.

    A failure of any of them is the failure of the whole; leaving the stream stops all of them.
    """

    @contextmanager
    def open_stream(body: bytes) -> Iterator[Iterator[bytes]]:
        share = shares(Plan.decode(body), len(clients))
        merging = _Merging([client.send(plan) for client, plan in zip(clients, share, strict=False)])
        try:
            yield (encode(line) for line in merging.lines())
        finally:
            merging.stop()

    return SenderClient(open_stream)


def shares(plan: Plan, count: int) -> list[Plan]:
    """What each of so many senders does of a plan; fewer if there are not enough requests for all."""
    used = min(count, plan.limit)
    part = replace(
        plan, rate_per_second=plan.rate_per_second / used, ramp_from_per_second=plan.ramp_from_per_second / used
    )
    return [replace(part, limit=(plan.limit - index + used - 1) // used) for index in range(used)]


class _Merging:
    """Several plans under way, a thread each; `found` has what they say with the number of who says it."""

    def __init__(self, sendings: Sequence[Sending]) -> None:
        self._found: queue.SimpleQueue[tuple[int, _Found]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._count = len(sendings)
        self._threads = [
            threading.Thread(target=self._follow, args=(index, sending), name=f"merged-sender-{index}", daemon=True)
            for index, sending in enumerate(sendings)
        ]
        for thread in self._threads:
            thread.start()

    def lines(self) -> Iterator[Line]:
        """Start, Batches in issue order and Summary, as one sender would write them.

        raises  whatever a sender's stream raised
        """
        order: IssueOrder[tuple[int, Outcome]] = IssueOrder()
        seen, starts, ends = [0] * self._count, dict[int, Start](), list[Summary]()
        while len(ends) < self._count:
            index, found = self._found.get()
            match found:
                case BaseException():
                    raise found
                case Start():
                    starts[index] = found
                    if index == 0:
                        yield found
                case Summary():
                    ends.append(found)
                case outcomes:
                    for outcome in outcomes:
                        order.put(seen[index] * self._count + index, (index, outcome))
                        seen[index] += 1
                    if 0 in starts:  # before that nothing is complete: request 0 is the first sender's
                        first = order.watermark
                        yield Batch(first, tuple(self._placed(first, order.take(), starts)))
        yield _together(ends)

    def _placed(
        self, first: int, taken: Sequence[tuple[int, Outcome]], starts: Mapping[int, Start]
    ) -> Iterator[Outcome]:
        """Outcomes with their place in the whole, due in seconds since the first sender began."""
        for position, (index, outcome) in enumerate(taken, first):
            late = starts[index].unix_time - starts[0].unix_time
            yield replace(outcome, index=position, scheduled=outcome.scheduled + late)

    def stop(self) -> None:
        """Return when no sender sends any more: each looks up at least once a second, when it gets a sign of life."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, index: int, sending: Sending) -> None:
        try:
            with sending:
                for number, outcomes in enumerate(sending):
                    if self._stopped.is_set():
                        return
                    if number == 0 and sending.start is not None:
                        self._found.put((index, sending.start))
                    self._found.put((index, outcomes))
                assert sending.summary is not None, "a stream that ends without one raises"
                self._found.put((index, sending.summary))
        except BaseException as error:
            self._found.put((index, error))


def _together(ends: Sequence[Summary]) -> Summary:
    """Counts and rates add up; of delays the worst is what counts."""
    return Summary(
        requests=sum(end.requests for end in ends),
        not_sent=sum(end.not_sent for end in ends),
        resent=sum(end.resent for end in ends),
        lag_p99=max(end.lag_p99 for end in ends),
        achieved_rate=sum(end.achieved_rate for end in ends),
        seconds=max(end.seconds for end in ends),
        cpu_seconds=sum(end.cpu_seconds for end in ends),
    )
