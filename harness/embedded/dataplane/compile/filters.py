"""Header modifiers of routes and backends (§1.56, §1.36)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from harness.embedded.dataplane.compile.local_replies import literal_value
from harness.embedded.dataplane.compile.names import Config
from harness.resources.filters import RequestHeaderModifier, ResponseHeaderModifier

_OVERWRITE: Final = "OVERWRITE_IF_EXISTS_OR_ADD"
_APPEND: Final = "APPEND_IF_EXISTS_OR_ADD"
HeaderModifier: TypeAlias = RequestHeaderModifier | ResponseHeaderModifier


@dataclass(slots=True)
class _Change:
    """What happens to one header: its old values stay or go, and these are added."""

    replaces: bool = False
    values: list[str] = field(default_factory=list)


def request_changes(modifiers: Sequence[object]) -> Config:
    """The `request_headers_…` fields that do what these filters do one after the other."""
    return _fields("request", _combine(item for item in modifiers if isinstance(item, RequestHeaderModifier)))


def response_changes(modifiers: Sequence[object], *, always_removed: Iterable[str] = ()) -> Config:
    """The `response_headers_…` fields of these filters; `always_removed` go unless a filter writes them."""
    changes = {name: _Change(replaces=True) for name in always_removed}
    changes |= _combine(item for item in modifiers if isinstance(item, ResponseHeaderModifier))
    return _fields("response", changes)


def _combine(modifiers: Iterable[HeaderModifier]) -> dict[str, _Change]:
    """One change per header; within a filter adds come first, then sets, then removals (§1.56).

    The proxy would do removals first and a backend's changes before its route's, so nothing is left to its order.
    """
    changes: dict[str, _Change] = {}
    for modifier in modifiers:
        for header in modifier.add:
            changes.setdefault(header.name.lower(), _Change()).values.append(header.value)
        for header in modifier.set:
            changes[header.name.lower()] = _Change(replaces=True, values=[header.value])
        for name in modifier.remove:
            changes[name.lower()] = _Change(replaces=True)
    return changes


def _fields(side: str, changes: dict[str, _Change]) -> Config:
    removed = [name for name, change in changes.items() if change.replaces and not change.values]
    added = [entry for name, change in changes.items() for entry in _entries(name, change)]
    fields = {f"{side}_headers_to_remove": removed, f"{side}_headers_to_add": added}
    return {name: entries for name, entries in fields.items() if entries}


def _entries(name: str, change: _Change) -> list[Config]:
    return [
        {
            "header": {"key": name, "value": literal_value(value)},
            "append_action": _OVERWRITE if change.replaces and not index else _APPEND,
            "keep_empty_value": True,
        }
        for index, value in enumerate(change.values)
    ]
