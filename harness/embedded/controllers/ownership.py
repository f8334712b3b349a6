"""Who controls what: children found by their controller reference, adopted or released by the selector."""

from __future__ import annotations

from collections.abc import Callable

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import (
    Obj,
    clone,
    controller_of,
    is_deleting,
    namespace_of,
    owner_reference,
    uid_of,
)
from harness.embedded.apiserver.selectors import matches_selector
from harness.embedded.apiserver.store import Event

Place = tuple[str, str]


def claimed(api: Api, owner: Obj, key: str) -> list[Obj]:
    """The children of kind `key` that `owner` controls, by namespace and name.

    Children that the selector matches and nobody controls are adopted; its own that no longer match are released.
    """
    selector = owner["spec"]["selector"]
    return [
        child
        for candidate in api.store.list(key, namespace_of(owner))
        if (child := _claim(api, owner, key, candidate, matches_selector(selector, _labels(candidate)))) is not None
    ]


def _claim(api: Api, owner: Obj, key: str, child: Obj, matches: bool) -> Obj | None:
    controller = controller_of(child)
    if controller is not None:
        if controller["uid"] != uid_of(owner):
            return None
        if not matches and not is_deleting(child) and not is_deleting(owner):
            _with_references(api, key, child, lambda ref: ref["uid"] != uid_of(owner))
            return None
        return child
    if not matches or is_deleting(child) or is_deleting(owner):
        return None
    return _with_references(api, key, child, lambda ref: True, owner_reference(owner))


def _with_references(api: Api, key: str, child: Obj, keep: Callable[[Obj], bool], *added: Obj) -> Obj:
    changed = clone(child)
    kept = [ref for ref in changed["metadata"].get("ownerReferences") or () if keep(ref)]
    changed["metadata"]["ownerReferences"] = [*kept, *added]
    return api.update(key, changed)


def places_of_owners(event: Event, kind: str) -> list[Place]:
    """Where the controllers of kind `kind` are that the event's object had or has."""
    owners = [controller_of(obj) for obj in (event.obj, event.old) if obj is not None]
    return [(namespace_of(event.obj), owner["name"]) for owner in owners if owner and owner["kind"] == kind]


def places_that_select(api: Api, event: Event, key: str) -> list[Place]:
    """Where the objects of kind `key` are whose selector matches the event's object, if nobody controls it."""
    if controller_of(event.obj) is not None:
        return []
    namespace = namespace_of(event.obj)
    owners = api.store.list(key, namespace)
    labels = _labels(event.obj)
    return [
        (namespace, owner["metadata"]["name"])
        for owner in owners
        if matches_selector(owner["spec"]["selector"], labels)
    ]


def _labels(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}
