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
    items = inner(data, *way[:-1]).get(way[-1])
    for index, item in enumerate(items if isinstance(items, list) else ()):
        yield (*way, index), item


def each_object(data: Data, *way: str) -> Iterator[tuple[Location, Data]]:
    """The same without items that are no objects: such a manifest is refused, and has nothing to make wrong."""
    return ((at, item) for at, item in each(data, *way) if isinstance(item, Mapping))


def inner(data: Data, *way: str) -> Data:
    """The object at the end of a way of keys; an empty one if there is none."""
    found: Any = data
    for key in way:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
