"""ReplicaSets: as many pods of one template as asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.objects import (
    Obj,
    clone,
    dig,
    is_deleting,
    name_of,
    namespace_of,
    owner_reference,
    timestamp,
)
from harness.embedded.apiserver.selectors import matches_labels
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.events import record_event
from harness.embedded.controllers.loop import Controller, Place
from harness.embedded.controllers.ownership import claimed, places_of_owners, places_that_select
from harness.embedded.controllers.podstate import is_active, is_ready, seconds_until_available

KEY = "replicasets.apps"
_BURST = 500
"""Pods created or deleted in one go, as a real controller limits itself."""


class ReplicaSetController(Controller):
    """Creates and deletes pods, and counts them in the status."""

    keys = (KEY, "pods")

    def __init__(self, api: Api, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._now = now

    def targets(self, event: Event) -> Iterable[Place]:
        """The ReplicaSet itself; of a pod its owner, or whoever could adopt it."""
        if event.kind.key == KEY:
            return super().targets(event)
        return (*places_of_owners(event, "ReplicaSet"), *places_that_select(self._api, event, KEY))

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring the number of active pods to spec.replicas and write the status."""
        replica_set = self._api.store.get(KEY, namespace, name)
        if replica_set is None:
            return None
        pods = [pod for pod in claimed(self._api, replica_set, "pods") if is_active(pod)]
        failure = None
        if not is_deleting(replica_set):
            failure = self._scale(replica_set, pods)
            pods = [pod for pod in claimed(self._api, replica_set, "pods") if is_active(pod)]
        again = self._write_status(replica_set, pods, failure)
        if failure is not None:
            raise failure
        return again

    def _scale(self, replica_set: Obj, pods: Sequence[Obj]) -> ApiError | None:
        missing = replica_set["spec"]["replicas"] - len(pods)
        try:
            for _ in range(min(missing, _BURST)):
                self._create_pod(replica_set)
        except ApiError as error:
            record_event(self._api, replica_set, "Warning", "FailedCreate", f"Error creating: {error}", _COMPONENT)
            return error
        for pod in sorted(pods, key=_deletion_rank)[: min(-missing, _BURST)] if missing < 0 else ():
            self._api.delete("pods", namespace_of(pod), name_of(pod))
            record_event(
                self._api, replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name_of(pod)}", _COMPONENT
            )
        return None

    def _create_pod(self, replica_set: Obj) -> None:
        template = clone(replica_set["spec"]["template"])
        metadata = template.get("metadata") or {}
        kept = {name: metadata[name] for name in ("labels", "annotations", "finalizers") if metadata.get(name)}
        owners = [owner_reference(replica_set)]
        new = {"generateName": f"{name_of(replica_set)}-", "ownerReferences": owners, **kept}
        namespace = namespace_of(replica_set)
        pod = self._api.create("pods", {"metadata": new, "spec": template["spec"]}, namespace=namespace)
        record_event(self._api, replica_set, "Normal", "SuccessfulCreate", f"Created pod: {name_of(pod)}", _COMPONENT)

    def _write_status(self, replica_set: Obj, pods: Sequence[Obj], failure: ApiError | None) -> float | None:
        spec = replica_set["spec"]
        waits = [seconds_until_available(pod, spec.get("minReadySeconds", 0), self._now()) for pod in pods]
        labels = dig(spec, "template", "metadata", "labels") or {}
        status: dict[str, Any] = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(matches_labels(labels, pod["metadata"].get("labels") or {}) for pod in pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "availableReplicas": waits.count(0.0),
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        always = ("replicas", "observedGeneration")
        status = {name: value for name, value in status.items() if value or name in always}
        if failure is not None:
            status["conditions"] = [_failure_condition(replica_set, failure)]
        self._api.update_status(KEY, {**replica_set, "status": status})
        return min((wait for wait in waits if wait), default=None)


_COMPONENT = "replicaset-controller"


def _failure_condition(replica_set: Obj, failure: ApiError) -> Obj:
    new = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": str(failure)}
    for known in dig(replica_set, "status", "conditions") or ():
        if {name: known.get(name) for name in new} == new:
            return dict(known)
    return {**new, "lastTransitionTime": timestamp()}


def _deletion_rank(pod: Obj) -> tuple[bool, bool, int, float]:
    """Pods that matter least first: not running, not ready, often restarted, young."""
    statuses = dig(pod, "status", "containerStatuses") or ()
    restarts = sum(entry.get("restartCount", 0) for entry in statuses)
    born = datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()
    return dig(pod, "status", "phase") == "Running", is_ready(pod), -restarts, -born
