"""How far a Job is: its pods by how they ended, and the status that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.embedded.apiserver.objects import Obj, dig, is_condition_true, timestamp
from harness.embedded.controllers.podstate import is_active, is_ready

_INDEX = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a Job ended."""

    kind: str
    reason: str
    message: str

    @property
    def event_type(self) -> str:
        """Normal or Warning."""
        return "Normal" if self.kind == "Complete" else "Warning"


@dataclass(frozen=True, slots=True)
class Tally:
    """A Job's pods.

    succeeded_indexes  in an Indexed Job, each once
    """

    indexed: bool
    active: Sequence[Obj]
    succeeded: Sequence[Obj]
    failed: Sequence[Obj]

    @classmethod
    def of(cls, job: Obj, pods: Iterable[Obj]) -> Tally:
        """Sort a Job's pods; one that is on its way out without having ended counts nowhere."""
        by_end: Mapping[str, list[Obj]] = {"Succeeded": [], "Failed": []}
        active = []
        for pod in pods:
            if is_active(pod):
                active.append(pod)
            elif (phase := dig(pod, "status", "phase")) in by_end:
                by_end[phase].append(pod)
        indexed = job["spec"].get("completionMode") == "Indexed"
        return cls(indexed, active, by_end["Succeeded"], by_end["Failed"])

    @property
    def succeeded_indexes(self) -> set[int]:
        """Indexes that are done."""
        return {index for pod in self.succeeded if (index := _index(pod)) is not None}

    @property
    def done(self) -> int:
        """Completions so far."""
        return len(self.succeeded_indexes) if self.indexed else len(self.succeeded)

    def wanted_active(self, spec: Obj) -> int:
        """How many pods should run now."""
        parallelism: int = spec.get("parallelism", 1)
        completions: int | None = spec.get("completions")
        if completions is None:  # a work queue: once one has succeeded no new one starts
            return len(self.active) if self.succeeded else parallelism
        return min(parallelism, completions - self.done)

    def free_indexes(self, spec: Obj, count: int) -> Sequence[int | None]:
        """Indexes for so many new pods, the lowest first; Nones if the Job has no indexes."""
        if not self.indexed:
            return [None] * count
        taken = self.succeeded_indexes | {index for pod in self.active if (index := _index(pod)) is not None}
        return [index for index in range(spec.get("completions") or 0) if index not in taken][:count]


def ended_as(job: Obj, tally: Tally, now: datetime) -> Outcome | None:
    """How the Job has just ended; None if it goes on."""
    spec = job["spec"]
    start = dig(job, "status", "startTime")
    limit = spec.get("activeDeadlineSeconds")
    if limit and start and (now - datetime.fromisoformat(start)).total_seconds() >= limit:
        return Outcome("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    restarts = sum(
        status.get("restartCount", 0)
        for pod in tally.active
        for status in dig(pod, "status", "containerStatuses") or ()
    )
    if len(tally.failed) + restarts > spec.get("backoffLimit", 6):
        return Outcome("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    completions = spec.get("completions")
    if tally.done >= completions if completions is not None else tally.succeeded and not tally.active:
        return Outcome("Complete", "Completed", "Job completed")
    return None


def finished(job: Obj) -> datetime | None:
    """When the Job ended; None while it goes on."""
    for entry in dig(job, "status", "conditions") or ():
        if entry["type"] in ("Complete", "Failed") and entry["status"] == "True":
            return datetime.fromisoformat(entry["lastTransitionTime"])
    return None


def job_status(job: Obj, tally: Tally, outcome: Outcome | None, now: datetime) -> Obj:
    """The whole status."""
    before = job.get("status") or {}
    suspended = bool(job["spec"].get("suspend"))
    status: dict[str, Any] = {
        "active": 0 if outcome else len(tally.active),
        "ready": 0 if outcome else sum(map(is_ready, tally.active)),
        "succeeded": tally.done,
        "failed": len(tally.failed),
        "uncountedTerminatedPods": {},
        "conditions": _conditions(job, outcome, suspended),
    }
    status = {name: value for name, value in status.items() if value or name in ("ready", "uncountedTerminatedPods")}
    if tally.indexed and tally.succeeded_indexes:
        status["completedIndexes"] = ranges(tally.succeeded_indexes)
    if not suspended:
        status["startTime"] = before.get("startTime") or timestamp(now)
    if outcome is not None and outcome.kind == "Complete":
        status["completionTime"] = timestamp(now)
    return status


def ranges(indexes: Iterable[int]) -> str:
    """`0-2,4`: how Kubernetes writes a set of indexes."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and index == parts[-1][1] + 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _conditions(job: Obj, outcome: Outcome | None, suspended: bool) -> list[Obj]:
    if outcome is None:
        if not suspended and not is_condition_true(job, "Suspended"):
            return []
        if suspended and is_condition_true(job, "Suspended"):
            return list(job["status"]["conditions"])
        return [_condition("Suspended", "True" if suspended else "False", "JobSuspended", "Job suspended")]
    first = "SuccessCriteriaMet" if outcome.kind == "Complete" else "FailureTarget"
    return [_condition(kind, "True", outcome.reason, outcome.message) for kind in (first, outcome.kind)]


def _condition(kind: str, status: str, reason: str, message: str) -> Obj:
    moment = timestamp()
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": moment,
        "lastTransitionTime": moment,
    }


def _index(pod: Obj) -> int | None:
    text = (pod["metadata"].get("annotations") or {}).get(_INDEX)
    return int(text) if text is not None and text.isdigit() else None
