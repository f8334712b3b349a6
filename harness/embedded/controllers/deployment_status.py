"""The status of a Deployment: counts, and the conditions Available and Progressing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from harness.embedded.apiserver.objects import Obj, condition, dig, name_of, timestamp
from harness.embedded.controllers.rollout import Bounds

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def deployment_status(
    deployment: Obj, new: Obj | None, old: Sequence[Obj], bounds: Bounds, now: datetime
) -> tuple[dict[str, Any], float | None]:
    """The status as of `now`, and the seconds after which it would change by time alone (the progress deadline)."""
    counts = _counts(new, old, bounds)
    before = deployment.get("status") or {}
    progressing, again = _progressing(deployment, new, old, counts, now)
    conditions = [_kept(deployment, entry, now) for entry in (_available(counts, bounds), progressing) if entry]
    conditions += [_kept(deployment, entry, now) for entry in _failures(new)]
    status: dict[str, Any] = {name: value for name, value in counts.items() if value}
    status |= {"observedGeneration": deployment["metadata"]["generation"], "conditions": conditions}
    if "collisionCount" in before:
        status["collisionCount"] = before["collisionCount"]
    return status, again


def _counts(new: Obj | None, old: Sequence[Obj], bounds: Bounds) -> dict[str, int]:
    sets = [*old, *([new] if new else [])]

    def total(name: str, among: Sequence[Obj]) -> int:
        return sum(dig(entry, "status", name) or 0 for entry in among)

    replicas, available = total("replicas", sets), total("availableReplicas", sets)
    updated, ready = total("replicas", sets[len(old) :]), total("readyReplicas", sets)
    unavailable = max(max(replicas, bounds.desired) - available, 0)
    return dict(zip(_COUNTS, (replicas, updated, ready, available, unavailable), strict=True))


def _available(counts: dict[str, int], bounds: Bounds) -> Obj:
    if counts["availableReplicas"] >= bounds.fewest_available:
        return _condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    said = "Deployment does not have minimum availability."
    return _condition("Available", "False", "MinimumReplicasUnavailable", said)


def _progressing(
    deployment: Obj, new: Obj | None, old: Sequence[Obj], counts: dict[str, int], now: datetime
) -> tuple[Obj | None, float | None]:
    desired, deadline = deployment["spec"]["replicas"], deployment["spec"]["progressDeadlineSeconds"]
    known = condition(deployment, "Progressing")
    subject = f'ReplicaSet "{name_of(new)}"' if new else f'Deployment "{name_of(deployment)}"'
    if new is not None and _is_complete(counts, desired):
        return _condition(
            "Progressing", "True", "NewReplicaSetAvailable", f"{subject} has successfully progressed."
        ), None
    if deployment["spec"].get("paused"):
        return _condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"), None
    moving = _condition("Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.")
    if known is None or _is_restart(deployment, known) or _has_moved(deployment.get("status") or {}, counts):
        return {**moving, "lastUpdateTime": timestamp(now)}, float(deadline)
    if known["reason"] == "ProgressDeadlineExceeded":
        return known, None
    left = deadline - (now - datetime.fromisoformat(known["lastUpdateTime"])).total_seconds()
    if left > 0:
        return {**moving, "lastUpdateTime": known["lastUpdateTime"]}, left
    return _condition("Progressing", "False", "ProgressDeadlineExceeded", f"{subject} has timed out progressing."), None


def _is_complete(counts: dict[str, int], desired: int) -> bool:
    return all(counts[name] == desired for name in ("updatedReplicas", "replicas", "availableReplicas"))


def _is_restart(deployment: Obj, known: Obj) -> bool:
    """A rollout that begins: the last one was complete, or the spec changed since the last look."""
    observed = dig(deployment, "status", "observedGeneration")
    ended = known["reason"] in ("NewReplicaSetAvailable", "DeploymentPaused")
    return ended or observed != deployment["metadata"]["generation"]


def _has_moved(before: dict[str, Any], counts: dict[str, int]) -> bool:
    """More new pods, fewer old ones, or more that are ready or available."""

    def was(name: str) -> int:
        return int(before.get(name) or 0)

    fewer_old = counts["replicas"] - counts["updatedReplicas"] < was("replicas") - was("updatedReplicas")
    more = (counts[name] > was(name) for name in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return fewer_old or any(more)


def _failures(new: Obj | None) -> list[Obj]:
    failure = condition(new, "ReplicaFailure") if new else None
    return [_condition("ReplicaFailure", failure["status"], failure["reason"], failure["message"])] if failure else []


def _condition(type_: str, status: str, reason: str, message: str) -> Obj:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def _kept(deployment: Obj, new: Obj, now: datetime) -> Obj:
    """The condition with its times: what did not change keeps them."""
    known = condition(deployment, new["type"]) or {}
    same_status = known.get("status") == new["status"]
    same = same_status and known.get("reason") == new["reason"] and known.get("message") == new["message"]
    times = {
        "lastUpdateTime": new.get("lastUpdateTime") or (known["lastUpdateTime"] if same else timestamp(now)),
        "lastTransitionTime": known["lastTransitionTime"] if same_status else timestamp(now),
    }
    return {**new, **times}
