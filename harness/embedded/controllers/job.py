"""Jobs: pods that run to completion, so many at a time, each index once in an Indexed Job.

Failed pods are replaced with back-off until `backoffLimit`; not offered are pod failure policies, success policies,
per-index limits and CronJobs: such fields are kept and not acted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import (
    Obj,
    clone,
    controller_of,
    dig,
    is_deleting,
    name_of,
    namespace_of,
    owner_reference,
    uid_of,
)
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.events import record_event
from harness.embedded.controllers.job_status import Tally, ended_as, finished, job_status
from harness.embedded.controllers.loop import Controller, Place
from harness.embedded.controllers.ownership import places_of_owners

KEY = "jobs.batch"
INDEX = "batch.kubernetes.io/job-completion-index"
_COMPONENT = "job-controller"
_FIRST_BACKOFF_SECONDS = 10.0
_LAST_BACKOFF_SECONDS = 600.0


class JobController(Controller):
    """Creates pods, counts how they end, and says when the Job is complete or has failed."""

    keys = (KEY, "pods")

    def __init__(self, api: Api, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._now = now

    def targets(self, event: Event) -> Iterable[Place]:
        """The Job itself, or the Job that owns the pod."""
        return super().targets(event) if event.kind.key == KEY else places_of_owners(event, "Job")

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring the number of active pods to what is still wanted and write the status."""
        job = self._api.store.get(KEY, namespace, name)
        if job is None or is_deleting(job):
            return None
        if finished(job) is not None:
            return self._after_the_end(job)
        tally = Tally.of(job, self._pods(job))
        outcome = ended_as(job, tally, self._now())
        again = None
        if outcome is not None or _suspended(job):
            self._end_pods(tally)
        else:
            again = self._fill(job, tally)
        tally = Tally.of(job, self._pods(job))
        self._api.update_status(KEY, {**job, "status": job_status(job, tally, outcome, self._now())})
        if outcome is not None:
            record_event(self._api, job, outcome.event_type, outcome.reason, outcome.message, _COMPONENT)
        return min(filter(None, (again, self._until_deadline(job))), default=None)

    def _pods(self, job: Obj) -> list[Obj]:
        pods = self._api.store.list("pods", namespace_of(job))
        return [pod for pod in pods if (controller_of(pod) or {}).get("uid") == uid_of(job)]

    def _fill(self, job: Obj, tally: Tally) -> float | None:
        """Create what is missing and delete what is too much; seconds until a failed pod may be replaced."""
        spec = job["spec"]
        active, wanted = tally.active, tally.wanted_active(spec)
        for pod in active[wanted:]:
            self._api.delete("pods", namespace_of(pod), name_of(pod))
        missing = wanted - len(active)
        if missing <= 0:
            return None
        wait = self._backoff(tally)
        if wait > 0:
            return wait
        for index in tally.free_indexes(spec, missing):
            self._create_pod(job, index)
        return None

    def _backoff(self, tally: Tally) -> float:
        """Seconds until the next pod may start, after the failures so far."""
        if not tally.failed:
            return 0.0
        pause = min(_FIRST_BACKOFF_SECONDS * 2.0 ** (len(tally.failed) - 1), _LAST_BACKOFF_SECONDS)
        last = max(_ended_at(pod) for pod in tally.failed)
        return max(0.0, pause - (self._now() - last).total_seconds())

    def _create_pod(self, job: Obj, index: int | None) -> None:
        template = clone(job["spec"]["template"])
        metadata = template.get("metadata") or {}
        kept = {name: dict(metadata[name]) for name in ("labels", "annotations") if metadata.get(name)}
        stem = f"{name_of(job)}-"
        if index is not None:
            stem = f"{name_of(job)}-{index}-"
            for place in ("labels", "annotations"):
                kept.setdefault(place, {})[INDEX] = str(index)
            _number(template["spec"], name_of(job), index)
        new = {"generateName": stem, "ownerReferences": [owner_reference(job)], **kept}
        pod = self._api.create("pods", {"metadata": new, "spec": template["spec"]}, namespace=namespace_of(job))
        record_event(self._api, job, "Normal", "SuccessfulCreate", f"Created pod: {name_of(pod)}", _COMPONENT)

    def _end_pods(self, tally: Tally) -> None:
        for pod in tally.active:
            self._api.delete("pods", namespace_of(pod), name_of(pod))

    def _until_deadline(self, job: Obj) -> float | None:
        """Seconds until `activeDeadlineSeconds` is over, if it is set and the clock runs."""
        limit, start = dig(job, "spec", "activeDeadlineSeconds"), dig(job, "status", "startTime")
        if not limit or not start or _suspended(job):
            return float(limit) if limit else None
        return max(0.05, float(limit) - (self._now() - datetime.fromisoformat(start)).total_seconds())

    def _after_the_end(self, job: Obj) -> float | None:
        """Delete a finished Job when its time to live is over; seconds until then."""
        life, end = dig(job, "spec", "ttlSecondsAfterFinished"), finished(job)
        if life is None or end is None:
            return None
        left = float(life) - (self._now() - end).total_seconds()
        if left > 0:
            return left
        self._api.delete(KEY, namespace_of(job), name_of(job))
        return None


def _suspended(job: Obj) -> bool:
    return bool(job["spec"].get("suspend"))


def _number(spec: Obj, job: str, index: int) -> None:
    """Tell every container its index, and the pod's host name too."""
    spec.setdefault("hostname", f"{job}-{index}")
    variable = {"name": "JOB_COMPLETION_INDEX", "value": str(index)}
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        others = [entry for entry in container.get("env") or () if entry["name"] != variable["name"]]
        container["env"] = [*others, variable]


def _ended_at(pod: Obj) -> datetime:
    """When the last container of a pod ended; the pod's birth if none says so."""
    statuses: Sequence[Any] = dig(pod, "status", "containerStatuses") or ()
    ends = [end for status in statuses if (end := dig(status, "state", "terminated", "finishedAt"))]
    return max(map(datetime.fromisoformat, ends or [pod["metadata"]["creationTimestamp"]]))
