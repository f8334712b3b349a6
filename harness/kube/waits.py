"""Waiting for a state of a cluster: until it holds, unless it is hopeless, within a time.

One watch per wait; nothing here sleeps and hopes. A hopeless state (an image nobody can pull, a rollout past its
deadline) ends the wait at once with its own words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.errors import EnvironmentFailed
from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef

Clock = Callable[[], float]

HOPELESS_WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})


@dataclass(frozen=True, slots=True)
class Waited:
    """A wait that ended well.

    seconds  how long it took
    obj      the object as last seen
    """

    seconds: float
    obj: JsonObject


class WaitFailed(EnvironmentFailed):
    """The state did not come in time, or cannot come any more; the message says what was last seen."""


def wait_there(kube: Kube, ref: ObjectRef, *, within: float, clock: Clock = time.monotonic) -> float:
    """Seconds until an object that somebody is about to create exists."""
    begin = clock()
    while (left := within - (clock() - begin)) > 0:
        for present in kube.observe(ref.api_version, ref.kind, ref.namespace, name=ref.name, seconds=left):
            if ref.name in present:
                return clock() - begin
            if clock() - begin >= within:
                break
    raise WaitFailed(f"{ref} was not created within {within:g} s")


def rollout_complete(deployment: JsonObject) -> bool:
    """Whether a Deployment's newest template runs everywhere and nothing old is left."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("replicas", 0) <= status.get("updatedReplicas", 0)
        and status.get("availableReplicas", 0) >= wanted
    )


def describe_rollout(deployment: JsonObject) -> str:
    """Counts and the condition that speaks, for a message."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    said = [c.get("message", "") for c in status.get("conditions") or [] if c.get("status") == "False"]
    counts = f"{status.get('updatedReplicas', 0)} of {wanted} updated, {status.get('availableReplicas', 0)} available"
    return f"{counts}{'; ' + said[0] if said else ''}"


def wait_for(
    kube: Kube,
    ref: ObjectRef,
    holds: Callable[[JsonObject], bool],
    *,
    within: float,
    describe: Callable[[JsonObject], str],
    hopeless: Callable[[JsonObject], str | None] = lambda obj: None,
    clock: Clock = time.monotonic,
) -> Waited:
    """Watch one object until it holds.

    within  seconds
    raises  WaitFailed when time is over, the state is hopeless or the object does not exist
    """
    begin, last = clock(), None
    while (left := within - (clock() - begin)) > 0:
        for present in kube.observe(ref.api_version, ref.kind, ref.namespace, name=ref.name, seconds=left):
            last = present.get(ref.name)
            if last is None:
                raise WaitFailed(f"{ref} does not exist")
            if holds(last):
                return Waited(clock() - begin, last)
            if reason := hopeless(last):
                raise WaitFailed(f"{ref} cannot become ready: {reason}")
            if clock() - begin >= within:
                break
    raise WaitFailed(f"{ref} was not ready within {within:g} s: {describe(last) if last else 'never seen'}")


def wait_rollout(kube: Kube, ref: ObjectRef, *, within: float, clock: Clock = time.monotonic) -> Waited:
    """Wait for a Deployment's rollout; if it fails, say which pod holds it and why."""
    try:
        return wait_for(
            kube, ref, rollout_complete, within=within, describe=describe_rollout, hopeless=_past_deadline, clock=clock
        )
    except WaitFailed as failure:
        pods = troubled_pods(kube, ref)
        raise WaitFailed("\n".join([failure.message, *pods])) from None


def _past_deadline(deployment: JsonObject) -> str | None:
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message", "progress deadline exceeded"))
    return None


def troubled_pods(kube: Kube, ref: ObjectRef) -> list[str]:
    """One line per pod of a Deployment that is not ready, with the reason its status gives."""
    deployment = kube.get(ref)
    if deployment is None:
        return []
    labels = ",".join(f"{k}={v}" for k, v in deployment["spec"]["selector"].get("matchLabels", {}).items())
    lines = []
    for pod in kube.objects("v1", "Pod", ref.namespace, labels):
        for container in (pod.get("status") or {}).get("containerStatuses") or []:
            if container.get("ready"):
                continue
            state = container.get("state") or {}
            detail = state.get("waiting") or state.get("terminated") or {"reason": "running, not ready"}
            lines.append(
                f"  pod {pod['metadata']['name']} container {container['name']}: "
                f"{detail.get('reason', '')} {detail.get('message', '')}".rstrip()
            )
    return lines


def pod_condition(pod: JsonObject, kind: str) -> bool:
    """Whether a pod's condition is True."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def pod_hopeless(pod: JsonObject) -> str | None:
    """Why a pod can never become ready, or None."""
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in HOPELESS_WAITING:
            return f"{waiting['reason']}: {waiting.get('message', '')}"
    return None


def wait_pod_ready(kube: Kube, namespace: str, name: str, *, within: float) -> Waited:
    """Wait until a pod is Ready."""
    return wait_for(
        kube,
        ObjectRef("v1", "Pod", namespace, name),
        lambda pod: pod_condition(pod, "Ready"),
        within=within,
        describe=lambda pod: f"phase {(pod.get('status') or {}).get('phase', 'unknown')}",
        hopeless=pod_hopeless,
    )


def wait_job_ready(kube: Kube, ref: ObjectRef, pods: int, *, within: float) -> Waited:
    """Wait until so many pods of a Job are ready; a Job that has failed never gets there."""

    def failed(job: JsonObject) -> str | None:
        conditions = (job.get("status") or {}).get("conditions") or []
        return next((c.get("message", "") for c in conditions if c["type"] == "Failed" and c["status"] == "True"), None)

    return wait_for(
        kube,
        ref,
        lambda job: (job.get("status") or {}).get("ready", 0) >= pods,
        within=within,
        describe=lambda job: f"{(job.get('status') or {}).get('ready', 0)} of {pods} pods are ready",
        hopeless=failed,
    )


def wait_gone(kube: Kube, ref: ObjectRef, *, within: float, clock: Clock = time.monotonic) -> float:
    """Seconds until the object no longer exists.

    raises  WaitFailed naming the finalizers that hold it
    """
    begin, holders = clock(), ""
    while (left := within - (clock() - begin)) > 0:
        for present in kube.observe(ref.api_version, ref.kind, ref.namespace, name=ref.name, seconds=left):
            if ref.name not in present:
                return clock() - begin
            holders = ", ".join(present[ref.name]["metadata"].get("finalizers") or [])
            if clock() - begin >= within:
                break
    raise WaitFailed(f"{ref} was not gone within {within:g} s{'; held by ' + holders if holders else ''}")


def wait_deployment_condition(kube: Kube, ref: ObjectRef, condition: str, *, met: bool, within: float) -> Waited:
    """Wait until a Deployment's condition is True, or is not."""
    return wait_for(
        kube,
        ref,
        lambda deployment: pod_condition(deployment, condition) is met,
        within=within,
        describe=describe_rollout,
    )


def wait_pods_condition(
    kube: Kube, namespace: str, labels: str, condition: str, *, met: bool, within: float, clock: Clock = time.monotonic
) -> float:
    """Seconds until all pods with these labels (at least one, none on its way out) have the condition, or have it not.

    raises  WaitFailed saying which pods differ
    """
    begin, others = clock(), ["no pod"]
    while (left := within - (clock() - begin)) > 0:
        for present in kube.observe("v1", "Pod", namespace, labels=labels, seconds=left):
            others = differing(present.values(), condition, met=met)
            if not others:
                return clock() - begin
            if clock() - begin >= within:
                break
    raise WaitFailed(f"not within {within:g} s: {', '.join(others)}")


def wait_pods_differ(
    kube: Kube, namespace: str, labels: str, condition: str, *, met: bool, within: float, clock: Clock = time.monotonic
) -> tuple[float, list[str]]:
    """Seconds until one of the pods with these labels has not the condition, or there is none, and what was seen.

    raises  WaitFailed if all have it, or have it not, all the time
    """
    begin = clock()
    while (left := within - (clock() - begin)) > 0:
        for present in kube.observe("v1", "Pod", namespace, labels=labels, seconds=left):
            if others := differing(present.values(), condition, met=met):
                return clock() - begin, others
            if clock() - begin >= within:
                break
    raise WaitFailed(f"no pod differed within {within:g} s")


def differing(pods: Iterable[JsonObject], condition: str, *, met: bool) -> list[str]:
    """Pods whose condition is not as wanted, in words; «no pod» if there is none that stays."""
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not staying:
        return ["no pod"]
    word = "not " if met else ""
    return [f"{p['metadata']['name']} is {word}{condition}" for p in staying if pod_condition(p, condition) is not met]
