"""Changes to parsed YAML, as data: where, and what is there afterwards."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from harness.scenario.yaml_source import Location


class _Removed:
    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed()
"""In place of a value: the key or list item is taken away."""

_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class NoSuchPlace(LookupError):
    """An edit does not meet what it is made for; the message says where the way ends."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to one document.

    at  where; () is the document itself, and the last key of the way may be new to its mapping
    to  the value there afterwards, or REMOVED
    """

    at: Location
    to: Any


def edited(data: Any, edits: Iterable[Edit]) -> Any:
    """A copy of the data with the edits made one after the other; REMOVED if the document itself is taken away.

    raises  NoSuchPlace
    """
    changed = copy.deepcopy(data)
    for edit in edits:
        changed = _made(changed, edit)
    return changed


def _made(data: Any, edit: Edit) -> Any:
    if not edit.at:
        return edit.to
    inner, last = within(data, edit.at[:-1]), edit.at[-1]
    if edit.to is REMOVED:
        within(data, edit.at)
        del inner[last]
    elif isinstance(last, str) if isinstance(inner, dict) else _is_item(inner, last):
        inner[last] = copy.deepcopy(edit.to)
    else:
        raise NoSuchPlace(f"there is no {spelled(edit.at)}")
    return data


def _is_item(data: Any, index: str | int) -> bool:
    return isinstance(data, list) and isinstance(index, int) and index < len(data)


def within(data: Any, at: Location) -> Any:
    """What is at a place; raises NoSuchPlace."""
    for index, part in enumerate(at):
        try:
            data = data[part]
        except (LookupError, TypeError):
            raise NoSuchPlace(f"there is no {spelled(at[: index + 1])}") from None
    return data


def parsed(path: str) -> Location:
    """The location that `spec.rules[0].backendRefs[1].weight` writes; raises ValueError."""
    parts = _PART.findall(path)
    location = tuple(int(index) if index else key for index, key in parts)
    if spelled(location) != path:
        raise ValueError(f"'{path}' is no path; write one like spec.rules[0].backendRefs[1].weight")
    return location


def spelled(location: Location) -> str:
    """A location as `parsed` reads it."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
