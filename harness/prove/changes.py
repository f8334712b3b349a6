"""What mutation operators yield: one change to one object or request, in words and as an edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.prove.edits import REMOVED, Edit
from harness.scenario.yaml_source import Location

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to make wrong in one document.

    said  what, such as «weight 10 → 0 of error-injector»
    hole  the sentence that is true if nobody notices
    """

    said: str
    hole: str
    edits: tuple[Edit, ...]

    @property
    def at(self) -> Location:
        """Where the first edit is."""
        return self.edits[0].at


def put(said: str, hole: str, at: Location, to: Any) -> Change:
    """A change of one value."""
    return Change(said, hole, (Edit(at, to),))


def gone(what: str, hole: str, at: Location) -> Change:
    """A change that takes something away."""
    return Change(f"{what} is gone", hole, (Edit(at, REMOVED),))


def each(data: Data, *way: str) -> Iterator[tuple[Location, Any]]:
    """The items of a list at the end of a way of keys, each with its location; nothing if the way ends before."""
    inner: Any = data
    for key in way:
        inner = inner.get(key) if isinstance(inner, Mapping) else None
    for index, item in enumerate(inner if isinstance(inner, list) else ()):
        yield (*way, index), item
