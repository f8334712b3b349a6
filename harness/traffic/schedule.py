"""When each request is due. Open loop: nothing that happens to earlier requests moves later ones.

A client that waits for answers before it goes on stops asking just when a server is slow, and reports good latencies
of the questions it did not ask (coordinated omission). Here a late request is sent at once, none is left out, and
none is shifted; how late it was is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

MIN_PAUSE_SECONDS = 0.001
"""Event loops sleep in whole milliseconds; asking for less can make them spin."""


class Schedule(Protocol):
    """Due times that never decrease."""

    def due(self, index: int) -> float:
        """When request `index` is due, in seconds since sending began."""


@dataclass(frozen=True, slots=True)
class ConstantRate:
    """Requests at equal distances; the first is due at once."""

    per_second: float

    def due(self, index: int) -> float:
        """When request `index` is due, in seconds since sending began."""
        return index / self.per_second


@dataclass(frozen=True, slots=True)
class EvenRamp:
    """Requests whose rate changes evenly from `first` to `last` per second over `seconds`, and then stays."""

    first: float
    last: float
    seconds: float

    def due(self, index: int) -> float:
        """When request `index` is due, in seconds since sending began."""
        ramped = self.seconds * (self.first + self.last) / 2
        if index >= ramped:
            return self.seconds + (index - ramped) / self.last
        # index = first * t + (last - first) / (2 * seconds) * t**2, solved so that nothing cancels when they are close
        return 2 * index / (self.first + sqrt(self.first**2 + 2 * (self.last - self.first) * index / self.seconds))


class OpenLoop:
    """Hands out the requests of a schedule when they are due.

    limit  number of requests
    clock  seconds from any origin, never running backwards; time begins when this object is made
    """

    def __init__(self, schedule: Schedule, limit: int, clock: Callable[[], float]) -> None:
        self._schedule = schedule
        self._limit = limit
        self._clock = clock
        self._began = clock()
        self._next = 0

    def elapsed(self) -> float:
        """Seconds since sending began."""
        return self._clock() - self._began

    def take(self) -> list[tuple[int, float]]:
        """All requests that are due and were not handed out before, each with its due time."""
        now = self.elapsed()
        taken = []
        while self._next < self._limit and (due := self._schedule.due(self._next)) <= now:
            taken.append((self._next, due))
            self._next += 1
        return taken

    def pause(self) -> float | None:
        """Seconds to sleep before the next `take`; 0 if a request is due, None when all are handed out."""
        if self._next >= self._limit:
            return None
        ahead = self._schedule.due(self._next) - self.elapsed()
        return max(MIN_PAUSE_SECONDS, ahead) if ahead > 0 else 0.0
