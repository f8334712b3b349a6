"""Issue order: outcomes are handed on in the order their requests were due, never in the order they came back.

Responses that come back early are the fast ones. If failures are slow, as timeouts are, a count of what has come back
so far holds hardly any of them, and a verdict on it is wrong every time.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class IssueOrder(Generic[T]):
    """Holds outcomes back until all issued before them are there.

    watermark   every index below it has been handed on
    """

    def __init__(self) -> None:
        self.watermark = 0
        self._waiting: dict[int, T] = {}

    def put(self, index: int, item: T) -> None:
        """Take the outcome of request `index`; raises ValueError if it has one already."""
        if index < self.watermark or index in self._waiting:
            raise ValueError(f"request {index} has two outcomes")
        self._waiting[index] = item

    def take(self) -> list[T]:
        """The outcomes from the watermark on without a gap; may be empty. Moves the watermark behind them."""
        ready = []
        while (item := self._waiting.pop(self.watermark, None)) is not None:
            ready.append(item)
            self.watermark += 1
        return ready
