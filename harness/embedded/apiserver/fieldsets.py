"""Sets of field paths, the notation of managedFields (FieldsV1).

A path is a tuple of steps: `f:name` a field, `k:{"name":"x"}` the item of a list-map with these keys, `v:1` the item
of a set. Which lists are maps or sets, and which objects are atomic, the schema says; all other lists are atomic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from harness.embedded.apiserver.objects import Obj
from harness.embedded.apiserver.schema import ANYTHING, Node

Path = tuple[str, ...]
MEMBER = object()
"""The value of a path that only says that an item or a map entry is there; what is in it has paths of its own."""


def fields_of(node: Node, value: Any) -> dict[Path, Any]:
    """Every leaf of `value` and every item and map entry on the way, with its value."""
    found: dict[Path, Any] = {}
    _walk(node, value, (), found)
    return found


def _walk(node: Node, value: Any, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and not node.atomic:
        for name, child in value.items():
            step = (*path, f"f:{name}")
            _walk(node.child(name) or ANYTHING, child, step, found)
            if name not in node.properties:
                found.setdefault(step, MEMBER)
    elif isinstance(value, list) and value and node.identity is not None:
        for item in value:
            step = (*path, item_step(node, item))
            if node.identity:
                _walk(node.items or ANYTHING, item, step, found)
            found[step] = MEMBER
    elif path:
        found[path] = value


def item_step(node: Node, item: Any) -> str:
    """The step to an item of a list that is a map or a set; missing keys count with their defaults."""
    if not node.identity or not isinstance(item, dict):
        return f"v:{_json(item)}"
    defaults = node.items.defaults if node.items else {}
    keys = {key: item.get(key, defaults.get(key)) for key in sorted(node.identity)}
    return f"k:{_json({key: value for key, value in keys.items() if value is not None})}"


def encode(paths: Iterable[Path]) -> Obj:
    """A set of paths as FieldsV1."""
    members = set(paths)
    root: Obj = {}
    for path in sorted(members):
        place = root
        for depth, step in enumerate(path, start=1):
            place = place.setdefault(step, {})
            if path[:depth] in members and depth < len(path):
                place.setdefault(".", {})
    return root


def decode(fields: Any, prefix: Path = ()) -> set[Path]:
    """A set of paths from FieldsV1; what is none is left out."""
    if not isinstance(fields, Mapping):
        return set()
    found = {prefix} if prefix and (not fields or "." in fields) else set()
    for step, below in fields.items():
        if step != ".":
            found |= decode(below, (*prefix, step))
    return found


def path_text(path: Path) -> str:
    """A path for people: .spec.containers[name="web"].image."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            keys = orjson.loads(rest)
            text += "[" + ",".join(f"{key}={_json(value)}" for key, value in keys.items()) + "]"
        else:
            text += f"[={rest}]"
    return text


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
