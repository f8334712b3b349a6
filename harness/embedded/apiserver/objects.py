"""Small things every part does with a Kubernetes object: copy it, look into it, name it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

Obj = dict[str, Any]
"""A stored object. Treat it as immutable: `clone` it before any change."""


_SHOWN = 200


def clone(obj: Obj) -> Obj:
    """A deep copy that is safe to change (JSON types only, ten times faster than copy.deepcopy)."""
    return cast(Obj, orjson.loads(orjson.dumps(obj)))


def same(one: Any, other: Any) -> bool:
    """Both are the same JSON: Python's `==` takes true for 1, and 1.0 as well."""
    return one is other or (one == other and _encoded(one) == _encoded(other))


def _encoded(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def shown(value: Any) -> str:
    """A value in a message: as it was sent, and no longer than anybody reads."""
    return orjson.dumps(value).decode()[:_SHOWN]


def timestamp(moment: datetime | None = None) -> str:
    """`moment` (default: now) as Kubernetes writes times: UTC, whole seconds, `Z`."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def name_of(obj: Obj) -> str:
    """metadata.name, or "" while it is not known yet."""
    return str(obj["metadata"].get("name") or "")


def namespace_of(obj: Obj) -> str:
    """metadata.namespace, "" for cluster-scoped objects."""
    return str(obj["metadata"].get("namespace") or "")


def uid_of(obj: Obj) -> str:
    """metadata.uid, "" before creation."""
    return str(obj["metadata"].get("uid") or "")


def is_deleting(obj: Obj) -> bool:
    """The object has been deleted by somebody and waits for finalizers or for its grace period."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def dig(obj: Any, *path: str) -> Any:
    """The value under nested mappings, or None as soon as a step is missing."""
    for step in path:
        if not isinstance(obj, Mapping):
            return None
        obj = obj.get(step)
    return obj


def controller_of(obj: Obj) -> Obj | None:
    """The ownerReference with controller: true, or None."""
    references: Iterable[Obj] = obj["metadata"].get("ownerReferences") or ()
    return next((ref for ref in references if ref.get("controller")), None)


def owner_reference(owner: Obj) -> Obj:
    """The ownerReference that makes `owner` the controller of another object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(obj: Obj, kind: str) -> Obj | None:
    """The entry of status.conditions with type `kind`, or None."""
    conditions: Iterable[Obj] = dig(obj, "status", "conditions") or ()
    return next((entry for entry in conditions if entry.get("type") == kind), None)


def is_condition_true(obj: Obj, kind: str) -> bool:
    """The condition of type `kind` exists and has status True."""
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"
