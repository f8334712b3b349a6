"""What a deletion does to an object: gone at once, or marked and waiting for finalizers, grace or its contents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, clone, dig, timestamp

Propagation = Literal["Background", "Foreground", "Orphan"]
PROPAGATIONS: tuple[str, ...] = get_args(Propagation)
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


def deleted_state(kind: Kind, obj: Obj, *, propagation: Propagation, grace_seconds: int | None) -> Obj | None:
    """The object after a DELETE, or None if it goes at once; equal to `obj` if the DELETE changes nothing."""
    grace = _grace(kind, obj, grace_seconds)
    state = clone(obj)
    metadata = state["metadata"]
    if not metadata.get("deletionTimestamp") or grace < metadata.get("deletionGracePeriodSeconds", 0):
        metadata["deletionTimestamp"] = timestamp(datetime.now(UTC) + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        _set_finalizers(metadata, propagation)
        if kind.key == "namespaces":
            state.setdefault("status", {})["phase"] = "Terminating"
    return None if is_finished(kind, state) else state


def is_finished(kind: Kind, obj: Obj) -> bool:
    """A marked object that nothing holds any more: no finalizer, no grace left, and no contents to clear away."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if kind.key == "namespaces" and dig(obj, "spec", "finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")


def _grace(kind: Kind, obj: Obj, asked: int | None) -> int:
    # Only pods stop gracefully. One that no node runs, or that has ended, has nothing to stop.
    if kind.key != "pods" or not dig(obj, "spec", "nodeName"):
        return 0
    if dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    return asked if asked is not None else int(dig(obj, "spec", "terminationGracePeriodSeconds") or 0)


def _set_finalizers(metadata: Obj, propagation: Propagation) -> None:
    kept = [entry for entry in metadata.get("finalizers") or () if entry not in (FOREGROUND, ORPHAN)]
    added = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(propagation, [])
    if kept or added:
        metadata["finalizers"] = [*kept, *added]
    else:
        metadata.pop("finalizers", None)
