"""The dashboard's stream, read as a browser reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

Frame = dict[str, Any]
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody who has the page open."""

    _lines: Iterator[str]

    def until(self, holds: Callable[[Frame], bool]) -> Frame:
        """The next frame that holds; fails with the last one if none does in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        last: Frame = {}
        for line in self._lines:
            if line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
                if holds(last):
                    return last
            assert time.monotonic() < deadline, f"no such frame in {PATIENCE_SECONDS} s; the last one: {last}"
        raise AssertionError(f"the stream ended; its last frame: {last}")


@contextmanager
def watching(url: str, *, host: str = "") -> Iterator[Watcher]:
    """An open stream.

    host  the Host header, if it is not that of the URL
    """
    headers = {"Host": host} if host else {}
    with httpx.stream("GET", f"{url}events", headers=headers, timeout=PATIENCE_SECONDS) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        yield Watcher(answer.iter_lines())


def rows(frame: Frame, table: str) -> list[dict[str, Any]]:
    """The rows of a table, none before the first view."""
    view = frame["view"]
    return [] if view is None else view[table]


def is_live(frame: Frame) -> bool:
    """Whether there are numbers and nothing is wrong."""
    return frame["problem"] == "" and frame["view"] is not None


def busy(frame: Frame) -> set[str]:
    """The workloads that answered something."""
    return {row["name"] for row in rows(frame, "workloads") if row["health"] != "idle"}
