"""Strategic merge patch: lists of built-in kinds are merged by the key their schema declares.

Directives: `$patch: replace|delete|merge`, `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import orjson

from harness.embedded.apiserver.objects import same, shown
from harness.embedded.apiserver.patches import patch_failed
from harness.embedded.apiserver.schema import ANYTHING, Node

_ORDER = "$setElementOrder/"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_DIRECTIVES = ("$patch", "$retainKeys")


def strategic_merge(node: Node, target: Any, patch: Any) -> Any:
    """`target` with `patch` merged in along the schema `node`. Neither argument is changed.

    raises  ApiError 422 for a patch whose list items lack the merge key
    """
    if not isinstance(patch, dict):
        raise patch_failed("a strategic merge patch is an object")
    return _merge_object(node, target if isinstance(target, dict) else {}, patch)


def _merge_object(node: Node, target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return {name: _plain(value) for name, value in patch.items() if value is not None and not _is_directive(name)}
    retained = patch.get("$retainKeys")
    if not isinstance(retained, list | None):
        raise patch_failed("$retainKeys is a list of field names")
    merged = {name: value for name, value in target.items() if retained is None or name in retained}
    for name, value in patch.items():
        if name in _DIRECTIVES or name.startswith(_ORDER):
            continue
        if name.startswith(_DELETE_FROM):
            _delete_scalars(merged, name.removeprefix(_DELETE_FROM), value)
        elif value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge_value(node.child(name) or ANYTHING, merged.get(name), value)
    for name, order in patch.items():
        if name.startswith(_ORDER):
            _reorder(node, merged, name.removeprefix(_ORDER), order)
    return merged


def _merge_value(node: Node, target: Any, patch: Any) -> Any:
    if isinstance(patch, dict):
        if "replace" in node.strategy and "$patch" not in patch:
            return _plain(patch)
        return _merge_object(node, target if isinstance(target, dict) else {}, patch)
    if isinstance(patch, list):
        if "merge" in node.strategy:
            return _merge_list(node, target if isinstance(target, list) else [], patch)
        return [_plain(item) for item in patch]
    return patch


def _merge_list(node: Node, target: list[Any], patch: list[Any]) -> list[Any]:
    if not node.merge_key:
        return list({_identity(item, ""): item for item in [*target, *patch]}.values())
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [_plain(item) for item in patch if not (isinstance(item, dict) and item.get("$patch") == "replace")]
    merged = list(target)
    for item in patch:
        merged = _merge_item(node, merged, item)
    return merged


def _merge_item(node: Node, items: list[Any], patch: Any) -> list[Any]:
    key = node.merge_key
    if not isinstance(patch, dict) or key not in patch:
        raise patch_failed(f"map: {shown(patch)} does not contain declared merge key: {key}")
    places = [index for index, item in enumerate(items) if same(item.get(key), patch[key])]
    if patch.get("$patch") == "delete":
        return [item for index, item in enumerate(items) if index not in places]
    item_node = node.items or ANYTHING
    if not places:
        return [*items, _merge_object(item_node, {}, patch)]
    return [_merge_object(item_node, item, patch) if index == places[0] else item for index, item in enumerate(items)]


def _delete_scalars(merged: dict[str, Any], name: str, values: Any) -> None:
    if isinstance(merged.get(name), list) and isinstance(values, list):
        merged[name] = [item for item in merged[name] if item not in values]


def _reorder(node: Node, merged: dict[str, Any], name: str, order: Any) -> None:
    items = merged.get(name)
    if not isinstance(items, list) or not isinstance(order, list):
        return
    key = (node.child(name) or ANYTHING).merge_key
    positions = {_identity(item, key): position for position, item in enumerate(order)}
    merged[name] = _ordered(items, [positions.get(_identity(item, key)) for item in items])


def _ordered(items: Sequence[Any], positions: Sequence[int | None]) -> list[Any]:
    # Items the client does not know stay behind the item they followed; those before all known ones stay in front.
    groups: list[tuple[int, int, Any]] = []
    current = -1
    for index, (item, position) in enumerate(zip(items, positions, strict=True)):
        current = current if position is None else position
        groups.append((current, index, item))
    return [item for _, _, item in sorted(groups, key=lambda group: group[:2])]


def _identity(item: Any, key: str) -> Hashable:
    value = item.get(key) if key and isinstance(item, dict) else item
    return orjson.dumps(value)


def _is_directive(name: str) -> bool:
    return name in _DIRECTIVES or name.startswith((_ORDER, _DELETE_FROM))


def _plain(value: Any) -> Any:
    """`value` without nulls and directives, for parts that the target did not have."""
    if isinstance(value, dict):
        return {n: _plain(v) for n, v in value.items() if v is not None and not _is_directive(n)}
    return value
