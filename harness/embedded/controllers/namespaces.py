"""Namespaces: what each one starts with, and their deletion, which ends once they are empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.objects import Obj, clone, is_deleting, name_of, namespace_of, timestamp
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.loop import Controller, Place

ROOT_CA = "kube-root-ca.crt"


class NamespaceController(Controller):
    """Clears a deleted namespace of everything in it, then lets it go."""

    keys = None

    def __init__(self, api: Api) -> None:
        self._api = api

    def targets(self, event: Event) -> Iterable[Place]:
        """The namespace itself; of anything that goes away the namespace it was in, if that waits for it."""
        if event.kind.key == "namespaces":
            return (("", name_of(event.obj)),)
        namespace = self._api.store.get("namespaces", "", namespace_of(event.obj))
        return (("", name_of(namespace)),) if namespace is not None and is_deleting(namespace) else ()

    def reconcile(self, namespace: str, name: str) -> None:
        """Delete what is left; once nothing is, finish the namespace."""
        doomed = self._api.store.get("namespaces", "", name)
        if doomed is None or not is_deleting(doomed):
            return
        for key, obj in self._contents(name):
            if not is_deleting(obj):
                self._delete(key, obj)
        left = self._contents(name)
        if left:
            self._api.update_status("namespaces", {**doomed, "status": _remaining(doomed, left)})
            return
        finished = clone(self._api.get("namespaces", "", name))
        finished["spec"]["finalizers"] = [entry for entry in finished["spec"]["finalizers"] if entry != "kubernetes"]
        self._api.update("namespaces", finished, subresource="finalize")

    def _contents(self, name: str) -> list[tuple[str, Obj]]:
        kinds = [kind.key for kind in self._api.kinds if kind.namespaced and kind.stored]
        return [(key, obj) for key in kinds for obj in self._api.store.list(key, name)]

    def _delete(self, key: str, obj: Obj) -> None:
        try:
            self._api.delete(key, namespace_of(obj), name_of(obj))
        except ApiError as error:
            if error.code != 404:  # gone with its owner meanwhile
                raise


def _remaining(namespace: Obj, left: list[tuple[str, Obj]]) -> Obj:
    """status with the conditions that say what the deletion waits for."""
    counts: dict[str, int] = {}
    finalizers: dict[str, int] = {}
    for key, obj in left:
        counts[key] = counts.get(key, 0) + 1
        for entry in obj["metadata"].get("finalizers") or ():
            finalizers[entry] = finalizers.get(entry, 0) + 1
    listed = ", ".join(f"{key} has {count} resource instances" for key, count in sorted(counts.items()))
    held = ", ".join(f"{entry} in {count} resource instances" for entry, count in sorted(finalizers.items()))
    conditions = [
        _condition(
            namespace, "NamespaceContentRemaining", "SomeResourcesRemain", f"Some resources are remaining: {listed}"
        )
    ]
    if held:
        said = f"Some content in the namespace has finalizers remaining: {held}"
        conditions.append(_condition(namespace, "NamespaceFinalizersRemaining", "SomeFinalizersRemain", said))
    return {"phase": "Terminating", "conditions": conditions}


def _condition(namespace: Obj, type_: str, reason: str, message: str) -> Obj:
    known = {entry["type"]: entry for entry in namespace["status"].get("conditions") or ()}.get(type_, {})
    since = known.get("lastTransitionTime") or timestamp()
    return {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since}


def furnish_namespaces(api: Api, root_ca: str) -> Callable[[], None]:
    """Give every namespace its `default` ServiceAccount and root CA ConfigMap, at once and again if deleted.

    Done inside the commit that creates the namespace: whoever was told that it exists can create pods in it.

    root_ca  PEM of the cluster's certificate authority
    """

    def furnish(event: Event) -> None:
        if event.kind.key == "namespaces":
            name = name_of(event.obj)
        elif event.type == "DELETED" and name_of(event.obj) in ("default", ROOT_CA):
            name = namespace_of(event.obj)
        else:
            return
        namespace = api.store.get("namespaces", "", name)
        if namespace is None or is_deleting(namespace):
            return
        if api.store.get("serviceaccounts", name, "default") is None:
            api.create("serviceaccounts", {"metadata": {"name": "default"}}, namespace=name)
        if api.store.get("configmaps", name, ROOT_CA) is None:
            api.create("configmaps", {"metadata": {"name": ROOT_CA}, "data": {"ca.crt": root_ca}}, namespace=name)

    return api.store.subscribe(["namespaces", "serviceaccounts", "configmaps"], furnish)
