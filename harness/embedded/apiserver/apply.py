"""Server-side apply: an object merged with what a manager wants of it, along the schema.

No library on PyPI does this on the server's side. What is merged how is structured-merge-diff's: objects field by
field, list-maps item by item, sets as sets, everything else as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import orjson

from harness.embedded.apiserver.errors import ApiError
from harness.embedded.apiserver.fieldsets import Path, item_step, path_text
from harness.embedded.apiserver.managers import Shares, Writer, changed_paths, managed_fields, shares_of
from harness.embedded.apiserver.objects import Obj, same
from harness.embedded.apiserver.schema import ANYTHING, Node

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SHOWN_CONFLICTS = 20


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply results in.

    paths  what the manager now manages
    taken  what others managed of it, and no longer do
    """

    obj: Obj
    paths: frozenset[Path]
    taken: frozenset[Path]


def apply_config(node: Node, live: Obj, config: Obj, writer: Writer, *, force: bool) -> Applied:
    """`live` after `writer` applied `config`. Neither argument is changed.

    raises  ApiError 409 if it would change what others manage, unless `force`
    """
    shares = shares_of(live["metadata"].get("managedFields"))
    wanted = managed_fields(node, config)
    merged = _merge(node, live, config)
    before = managed_fields(node, live)
    changed = changed_paths(before, managed_fields(node, merged)) & wanted.keys()
    conflicts = {other: share.paths & changed for other, share in shares.items() if other != writer}
    conflicts = {other: paths for other, paths in conflicts.items() if paths}
    if conflicts and not force and not _may_take_over(node, live, before, writer, conflicts):
        raise _conflict(conflicts, shares)
    kept = wanted.keys() | {path for other, share in shares.items() if other != writer for path in share.paths}
    last = shares[writer].paths if writer in shares else frozenset()
    merged = _without(node, merged, last - kept, kept, ())
    return Applied(merged, frozenset(wanted), frozenset().union(*conflicts.values()))


def _merge(node: Node, live: Any, config: Any) -> Any:
    if isinstance(config, dict) and isinstance(live, dict) and not node.atomic:
        merged = dict(live)
        for name, value in config.items():
            if value is not None:
                merged[name] = _merge(node.child(name) or ANYTHING, live.get(name), value)
        return merged
    if isinstance(config, list) and isinstance(live, list) and node.identity is not None:
        items = {item_step(node, item): item for item in live}
        for item in config:
            step = item_step(node, item)
            items[step] = _merge(node.items or ANYTHING, items.get(step), item)
        return list(items.values())
    return config


def _without(node: Node, value: Any, gone: Set[Path], kept: Set[Path], place: Path) -> Any:
    """`value` without the paths that nobody manages any more; what is empty by that goes as well."""
    below = {path for path in gone if path[: len(place)] == place and len(path) > len(place)}
    if not below:
        return value
    if isinstance(value, dict):
        left = {
            name: _left(node.child(name), child, below, kept, (*place, f"f:{name}")) for name, child in value.items()
        }
        return {name: child for name, child in left.items() if child is not None} or None
    if isinstance(value, list) and node.identity is not None:
        items = [_left(node.items, item, below, kept, (*place, item_step(node, item))) for item in value]
        return [item for item in items if item is not None] or None
    return value


def _left(node: Node | None, value: Any, gone: Set[Path], kept: Set[Path], place: Path) -> Any:
    if place in gone and not any(path[: len(place)] == place for path in kept):
        return None
    return _without(node or ANYTHING, value, gone, kept, place)


def _may_take_over(
    node: Node, live: Obj, before: Mapping[Path, Any], writer: Writer, conflicts: Mapping[Writer, Set[Path]]
) -> bool:
    """The first `kubectl apply --server-side` of an object may take what `kubectl apply` set and nobody changed."""
    last = (live["metadata"].get("annotations") or {}).get(_LAST_APPLIED)
    if writer.manager != "kubectl" or not last:
        return False
    try:
        applied = managed_fields(node, {"metadata": {}, **orjson.loads(last)})
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        return False
    disputed = (path for paths in conflicts.values() for path in paths)
    return all(path in applied and same(applied[path], before.get(path)) for path in disputed)


def _conflict(conflicts: Mapping[Writer, Set[Path]], shares: Shares) -> ApiError:
    said = {(_who(writer, shares), path_text(path)) for writer, paths in conflicts.items() for path in sorted(paths)}
    listed = sorted(said)
    count = f"{len(listed)} conflict" + "s" * (len(listed) > 1)
    shown = "\n".join(f"- {path} ({who})" for who, path in listed[:_SHOWN_CONFLICTS])
    causes = [{"reason": "FieldManagerConflict", "message": who, "field": path} for who, path in listed]
    message = (
        f"Apply failed with {count}: {listed[0][0]}: {listed[0][1]}"
        if len(listed) == 1
        else (f"Apply failed with {count}:\n{shown}")
    )
    return ApiError(409, "Conflict", message, {"causes": causes})


def _who(writer: Writer, shares: Shares) -> str:
    through = f' with subresource "{writer.subresource}"' if writer.subresource else ""
    return f'conflict with "{writer.manager}"{through} using {shares[writer].api_version}'
