"""Garbage collection: objects whose owners are gone go too; foreground and orphan deletion wait for that."""

from __future__ import annotations

from collections.abc import Iterable

from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.deletion import FOREGROUND, ORPHAN, Propagation
from harness.embedded.apiserver.objects import Obj, clone, is_deleting, name_of, namespace_of, uid_of
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.loop import Controller, Place

_Ref = tuple[str, str, str]
"""Kind key, namespace, name."""


class GarbageCollector(Controller):
    """Follows ownerReferences through an index by uid, never by searching."""

    keys = None

    def __init__(self, api: Api) -> None:
        self._api = api
        self._alive: dict[str, _Ref] = {}
        self._dependents: dict[str, set[_Ref]] = {}

    def targets(self, event: Event) -> Iterable[Place]:
        """The object if it has or loses owners or finalizers of ours; its dependents and owners when it goes away."""
        self._index(event)
        found = {_place(_ref(event))} if event.type != "DELETED" and _concerns(event.obj) else set()
        if event.type == "DELETED" or is_deleting(event.obj):
            found |= {_place(ref) for ref in self._dependents.get(uid_of(event.obj), ())}
            found |= {_place(self._alive[uid]) for uid in _owner_uids(event.obj) if uid in self._alive}
        return found

    def reconcile(self, namespace: str, name: str) -> None:
        """Decide about one object; `name` is kind key and name."""
        key, _, name = name.partition("/")
        obj = self._api.store.get(key, namespace, name)
        if obj is None:
            return
        finalizers = obj["metadata"].get("finalizers") or ()
        if is_deleting(obj) and FOREGROUND in finalizers:
            self._finish_foreground(key, obj)
        elif is_deleting(obj) and ORPHAN in finalizers:
            self._orphan_dependents(key, obj)
        elif obj["metadata"].get("ownerReferences") and not is_deleting(obj):
            self._check_owners(key, obj)

    def _index(self, event: Event) -> None:
        ref, uid = _ref(event), uid_of(event.obj)
        if event.type == "DELETED":
            self._alive.pop(uid, None)
        else:
            self._alive[uid] = ref
        before = _owner_uids(event.old) if event.old else set()
        now = set() if event.type == "DELETED" else _owner_uids(event.obj)
        for owner in before - now:
            self._dependents.get(owner, set()).discard(ref)
            if not self._dependents.get(owner):
                self._dependents.pop(owner, None)
        for owner in now - before:
            self._dependents.setdefault(owner, set()).add(ref)

    def _check_owners(self, key: str, obj: Obj) -> None:
        states = {ref["uid"]: self._owner_state(obj, ref) for ref in obj["metadata"]["ownerReferences"]}
        if "solid" in states.values():
            gone = {uid for uid, state in states.items() if state == "gone"}
            if gone:
                self._drop_references(key, obj, gone)
            return
        policy: Propagation = "Background"
        if "waiting" in states.values() and self._dependents.get(uid_of(obj)):
            # The owner waits for this object, so this object must wait for its own, or they would outlive the owner.
            policy = "Foreground"
        self._delete(key, obj, policy)

    def _owner_state(self, obj: Obj, ref: Obj) -> str:
        place = self._alive.get(ref["uid"])
        if place is None or place[1] not in ("", namespace_of(obj)):
            return "gone"
        owner = self._api.store.get(*place)
        waits = owner is not None and is_deleting(owner) and FOREGROUND in (owner["metadata"].get("finalizers") or ())
        return "waiting" if waits else "solid"

    def _finish_foreground(self, key: str, owner: Obj) -> None:
        for ref in tuple(self._dependents.get(uid_of(owner), ())):
            dependent = self._api.store.get(*ref)
            if dependent is not None and _blocks(dependent, uid_of(owner)):
                return
        self._remove_finalizer(key, owner, FOREGROUND)

    def _orphan_dependents(self, key: str, owner: Obj) -> None:
        for ref in tuple(self._dependents.get(uid_of(owner), ())):
            dependent = self._api.store.get(*ref)
            if dependent is not None:
                self._drop_references(ref[0], dependent, {uid_of(owner)})
        self._remove_finalizer(key, owner, ORPHAN)

    def _drop_references(self, key: str, obj: Obj, owners: set[str]) -> None:
        changed = clone(obj)
        kept = [ref for ref in changed["metadata"]["ownerReferences"] if ref["uid"] not in owners]
        changed["metadata"]["ownerReferences"] = kept
        if not kept:
            del changed["metadata"]["ownerReferences"]
        self._api.update(key, changed)

    def _remove_finalizer(self, key: str, obj: Obj, finalizer: str) -> None:
        changed = clone(obj)
        changed["metadata"]["finalizers"] = [entry for entry in changed["metadata"]["finalizers"] if entry != finalizer]
        self._api.update(key, changed)

    def _delete(self, key: str, obj: Obj, policy: Propagation) -> None:
        try:
            self._api.delete(key, namespace_of(obj), name_of(obj), propagation=policy, uid=uid_of(obj))
        except ApiError as error:
            if error.code not in (404, 409):  # gone or another one meanwhile
                raise


def _ref(event: Event) -> _Ref:
    return event.kind.key, namespace_of(event.obj), name_of(event.obj)


def _place(ref: _Ref) -> Place:
    return ref[1], f"{ref[0]}/{ref[2]}"


def _owner_uids(obj: Obj) -> set[str]:
    return {ref["uid"] for ref in obj["metadata"].get("ownerReferences") or ()}


def _concerns(obj: Obj) -> bool:
    ours = {FOREGROUND, ORPHAN} & set(obj["metadata"].get("finalizers") or ())
    return bool(obj["metadata"].get("ownerReferences") or ours)


def _blocks(dependent: Obj, owner_uid: str) -> bool:
    references = dependent["metadata"].get("ownerReferences") or ()
    return any(ref["uid"] == owner_uid and ref.get("blockOwnerDeletion") for ref in references)
