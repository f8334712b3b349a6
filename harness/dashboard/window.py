"""The window that slides: the readings of the last seconds, and what lies between the oldest and the newest. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from harness.dashboard.reading import Reading
from harness.dashboard.rows import View, view

SLACK_SECONDS: Final = 0.5
"""Readings are not on time to the millisecond: one that is this much too young still begins the window."""


class Window:
    """About `seconds` long: shorter while it fills, longer where readings are further apart than that."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._readings: deque[Reading] = deque()

    def add(self, reading: Reading) -> View | None:
        """The view that ends with this reading; None for the first one."""
        self._readings.append(reading)
        while len(self._readings) > 2 and reading.at - self._readings[1].at > self._seconds - SLACK_SECONDS:
            self._readings.popleft()
        first = self._readings[0]
        return None if first is reading else view(first, reading)
