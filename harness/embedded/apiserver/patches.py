"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from harness.embedded.apiserver.errors import ApiError
from harness.embedded.apiserver.objects import same, shown

_OPERATIONS = 10_000
"""As many as a real API server takes in one JSON patch."""


def patch_failed(message: str) -> ApiError:
    """422 for a patch that does not fit the object."""
    prefix = "the server rejected our request due to an error in our request: "
    return ApiError(422, "Invalid", prefix + message)


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged in; null deletes. Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """`target` after all operations, none of which may fail (422). Neither argument is changed."""
    if not isinstance(operations, list):
        raise patch_failed("a JSON patch is a list of operations")
    if len(operations) > _OPERATIONS:
        raise ApiError(413, "RequestEntityTooLarge", f"a JSON patch may have {_OPERATIONS} operations")
    document = _copy(target)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise patch_failed(f"not an operation: {shown(operation)}")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _tokens(operation["path"])
    match operation.get("op"):
        case "add":
            return _add(document, path, _copy(_value(operation)))
        case "remove":
            return _remove(document, path)
        case "replace":
            _find(document, path)
            value = _copy(_value(operation))
            return _add(_remove(document, path), path, value) if path else value
        case "test":
            if not same(_find_or_none(document, path), _value(operation)):
                raise patch_failed(f"testing value {operation['path']} failed")
            return document
        case "copy" | "move":
            source = _tokens(str(operation.get("from", "")))
            value = _copy(_find(document, source))
            return _add(_remove(document, source) if operation["op"] == "move" else document, path, value)
    raise patch_failed(f"unexpected operation: {shown(operation.get('op'))}")


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise patch_failed(f"{operation['op']} operation without value: {operation['path']}")
    return operation["value"]


def _tokens(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise patch_failed(f"not a JSON pointer: {shown(pointer)}")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _find(document: Any, path: Sequence[str]) -> Any:
    for depth, token in enumerate(path):
        if isinstance(document, dict) and token in document:
            document = document[token]
        elif isinstance(document, list):
            document = document[_index(document, token, len(document) - 1)]
        else:
            raise patch_failed(f'doc is missing path: "/{"/".join(path[: depth + 1])}": missing value')
    return document


def _find_or_none(document: Any, path: Sequence[str]) -> Any:
    try:
        return _find(document, path)
    except ApiError:
        return None


def _index(items: list[Any], token: str, highest: int) -> int:
    if not token.isascii() or not token.isdigit() or int(token) > highest:
        raise patch_failed(f"unable to access invalid index: {shown(token)} of {len(items)} items")
    return int(token)


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent = _find(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], len(parent)), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise patch_failed(f'doc is missing path: "/{"/".join(path)}": the parent is a scalar')
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    _find(document, path)
    if not path:
        return None
    parent = _find(document, path[:-1])
    del parent[_index(parent, path[-1], len(parent) - 1) if isinstance(parent, list) else path[-1]]
    return document


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
