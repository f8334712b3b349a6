"""Objects put into a cluster, changed and taken away again, with a ledger of what was there before.

Everything we create carries the label `signalbox.dev/run`; an object that exists without it is somebody else's
and is never overwritten. What a scenario touches is remembered once, so that undo restores the first state however
many steps changed it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from typing import Any

from harness.errors import EnvironmentFailed
from harness.kube.client import Kube, KubeError
from harness.kube.objects import JsonObject, ObjectRef
from harness.kube.waits import WaitFailed, wait_gone

GONE_SECONDS = 30.0
RUN_LABEL = "signalbox.dev/run"
LAST_APPLIED = "signalbox.dev/last-applied"


def three_way(last: Any, desired: Any, live: Any) -> JsonObject:
    """The merge patch that takes `live` to `desired` and drops what `last` had and `desired` has not.

    Lists are replaced whole, as a merge patch does; keys that others added to `live` stay.
    """
    patch: JsonObject = {}
    for key, value in desired.items():
        now = live.get(key)
        if isinstance(value, dict) and isinstance(now, dict):
            inner = three_way((last or {}).get(key) or {}, value, now)
            if inner:
                patch[key] = inner
        elif value != now:
            patch[key] = value
    for key in last or {}:
        if key not in desired and key in live:
            patch[key] = None
    return patch


def create_missing(kube: Kube, objects: Iterable[JsonObject]) -> None:
    """Create those of the objects that are not there yet, in order, as they are: without our label, not to be undone.

    raises  EnvironmentFailed with the API server's words
    """
    for obj in objects:
        try:
            kube.create(obj)
        except KubeError as error:
            if error.status != 409:
                raise EnvironmentFailed(f"{ObjectRef.of(obj)} was refused: {error.message}") from None


class Ledger:
    """What every touched object was before the first touch."""

    def __init__(self) -> None:
        self._before: dict[ObjectRef, JsonObject | None] = {}

    def remember(self, ref: ObjectRef, before: JsonObject | None) -> None:
        """Keep the state of an object, if this is the first time it is touched."""
        self._before.setdefault(ref, copy.deepcopy(before))

    def entries(self) -> list[tuple[ObjectRef, JsonObject | None]]:
        """Touched objects, the last first touched first."""
        return list(reversed(self._before.items()))


class Applier:
    """Changes to one cluster on behalf of one run.

    guarded  others live in the cluster: nothing is changed outside namespaces that carry our label, and of what
             belongs to the whole cluster only such namespaces are made
    """

    def __init__(self, kube: Kube, run_id: str, *, guarded: bool = False) -> None:
        self._kube = kube
        self._run_id = run_id
        self._guarded = guarded

    def apply(self, manifest: JsonObject, ledger: Ledger) -> JsonObject:
        """The object as stored after creating it or bringing it to the manifest's state.

        raises  KubeError as the API server words it; EnvironmentFailed if the object is not ours
        """
        desired = self._marked(manifest)
        ref = ObjectRef.of(desired)
        self._check_place(ref)
        live = self._kube.get(ref)
        ledger.remember(ref, live)
        if live is None:
            return self._kube.create(desired)
        self._check_ours(ref, live)
        last = json.loads(live["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}"))
        patch = three_way(last, desired, live)
        return self._kube.merge_patch(ref, patch) if patch else live

    def delete(self, ref: ObjectRef, ledger: Ledger) -> bool:
        """Delete an object of ours; False if it was not there."""
        self._check_place(ref)
        live = self._kube.get(ref)
        ledger.remember(ref, live)
        if live is None:
            return False
        self._check_ours(ref, live)
        return self._kube.delete(ref)

    def change(self, ref: ObjectRef, edit: Callable[[JsonObject], Any], ledger: Ledger, *, kind: str) -> JsonObject:
        """The object after a patch computed from its live state; `edit` gets the live object, returns the patch."""
        self._check_place(ref)
        live = self._kube.get(ref)
        if live is None:
            raise KubeError(404, "NotFound", f"{ref} does not exist")
        self._check_ours(ref, live)
        ledger.remember(ref, live)
        return self._kube.patch(ref, edit(live), kind)

    def undo(self, ledger: Ledger) -> list[str]:
        """Bring every touched object back to its first state; the sentences name what could not be.

        What was created is gone when this returns, so whoever comes next finds the cluster as it was.
        """
        failures, deleted = [], []
        for ref, before in ledger.entries():
            try:
                self._restore(ref, before)
                deleted += [ref] if before is None else []
            except KubeError as error:
                failures.append(f"{ref} could not be restored: {error.message}")
        for ref in deleted:
            try:
                wait_gone(self._kube, ref, within=GONE_SECONDS)
            except WaitFailed as error:
                failures.append(error.message)
        return failures

    def _restore(self, ref: ObjectRef, before: JsonObject | None) -> None:
        if before is None:
            self._kube.delete(ref)
            return
        live = self._kube.get(ref)
        wanted = _content(before)
        if live is None:
            self._kube.create(wanted)
            return
        patch = three_way(_content(live), wanted, _content(live))
        if patch:
            self._kube.merge_patch(ref, patch)

    def _marked(self, manifest: JsonObject) -> JsonObject:
        desired = copy.deepcopy(manifest)
        metadata = desired["metadata"]
        if self._kube.is_namespaced(desired["apiVersion"], desired["kind"]):
            metadata.setdefault("namespace", "default")
        metadata.setdefault("labels", {})[RUN_LABEL] = self._run_id
        metadata.setdefault("annotations", {})[LAST_APPLIED] = json.dumps(manifest, sort_keys=True)
        return desired

    def _check_place(self, ref: ObjectRef) -> None:
        """Refuse what lies outside our namespaces on a cluster that others use."""
        if not self._guarded:
            return
        if ref.namespace is None:
            if ref.kind == "Namespace":
                return  # one that is there already must be ours: _check_ours looks
            raise EnvironmentFailed(
                f"{ref} belongs to the whole cluster, and others use this cluster",
                "leave it out, or run it on a cluster of its own: --cluster embedded, k3d or kind",
            )
        home = self._kube.get(ObjectRef("v1", "Namespace", None, ref.namespace))
        if home is not None:
            self._check_ours(ref, home)

    def _check_ours(self, ref: ObjectRef, live: JsonObject) -> None:
        if RUN_LABEL not in live["metadata"].get("labels", {}):
            raise EnvironmentFailed(
                f"{_subject(ref, live)} exists already and does not carry our label {RUN_LABEL}",
                "delete it, or run against a cluster that Signalbox may change",
            )


def _subject(ref: ObjectRef, live: JsonObject) -> str:
    """What is in the way: the object itself, or the namespace it would go to."""
    found = f"{live['kind']}/{live['metadata']['name']}" if "kind" in live else ref.name
    return str(ref) if found == f"{ref.kind}/{ref.name}" else f"{ref} is not for us to change: {found}"


_SERVER_OWNED = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink")


def _content(obj: JsonObject) -> JsonObject:
    """An object without what only the server writes."""
    kept = {key: value for key, value in obj.items() if key != "status"}
    kept["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_OWNED}
    return kept
