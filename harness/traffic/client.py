"""The harness's end of a sender: gives it a plan and reads what became of the requests, while they are sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self

from harness.errors import ClusterLost, EnvironmentFailed
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Plan
from harness.traffic.stream import Batch, Start, Summary, Trouble, decode

OpenStream = Callable[[bytes], AbstractContextManager[Iterator[bytes]]]
"""Posts a plan to the sender's /send and gives the body of its answer in pieces of any size; leaving it hangs up."""

_EXCERPT_BYTES = 200


class SenderClient:
    """One sender, reached through a transport of the caller's choice.

    open_stream  see OpenStream; it raises for anything but status 200
    """

    def __init__(self, open_stream: OpenStream) -> None:
        self._open_stream = open_stream

    def send(self, plan: Plan) -> Sending:
        """Requests under way; nothing is sent before the result is entered or iterated."""
        return Sending(self._open_stream, plan)


class Sending:
    """Outcomes of one plan in issue order, in batches as they come.

        with client.send(plan) as sending:
            for outcomes in sending:
                ...
        sending.summary

    A batch can be empty: it says that the sender is alive, and lets a loop look at its deadline about once a second.
    Leaving the context or calling `close` stops the sender; the summary is then missing.

    start    when sending began by the sender's clock; None before the first batch
    began    when that was told here, a moment of the monotonic clock; 0 before the first batch
    summary  how well the schedule was kept; None unless the plan was carried out to its end
    """

    def __init__(self, open_stream: OpenStream, plan: Plan) -> None:
        self.start: Start | None = None
        self.began = 0.0
        self.summary: Summary | None = None
        self._open_stream = open_stream
        self._plan = plan
        self._stack = ExitStack()
        self._pieces: Iterator[bytes] | None = None
        self._next_index = 0

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Outcome, ...]]:
        """Batches until the plan is done.

        raises  ClusterLost if the stream ends before its summary or outcomes are missing from it;
                EnvironmentFailed if the sender gave up or speaks another language
        """
        for text in _lines(self._open()):
            match self._decode(text):
                case Start() as start:
                    self.start, self.began = start, time.monotonic()
                case Batch() as batch:
                    yield self._checked(batch)
                case Summary() as summary:
                    self.summary = summary
                    return
                case Trouble(sentence):
                    raise EnvironmentFailed(sentence, "look at the sender pod's log")
        raise ClusterLost(
            f"the sender's stream ended after {self._next_index} outcomes without a summary",
            "is the sender pod, or the API server in between, still running?",
        )

    def close(self) -> None:
        """Stop the sender; may be called more than once."""
        self._stack.close()

    def _open(self) -> Iterator[bytes]:
        if self._pieces is None:
            self._pieces = self._stack.enter_context(self._open_stream(self._plan.encode()))
        return self._pieces

    def _decode(self, text: bytes) -> Start | Batch | Summary | Trouble:
        try:
            return decode(text)
        except ValueError as error:
            raise EnvironmentFailed(
                f"the sender's answer makes no sense ({error}): {text[:_EXCERPT_BYTES]!r}",
                "are sender image and harness of the same version?",
            ) from error

    def _checked(self, batch: Batch) -> tuple[Outcome, ...]:
        if batch.first != self._next_index:
            raise ClusterLost(f"the sender's stream skips from outcome {self._next_index} to {batch.first}")
        self._next_index += len(batch.outcomes)
        return batch.outcomes


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Complete lines of a stream that comes in pieces of any size; a last line without a break is cut off."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line for line in lines if line)
