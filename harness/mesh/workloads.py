"""The objects that a table has rows for, with their pods counted as viz counts them (§6.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import Finding, InputError, nearest
from harness.kube.client import Kube
from harness.kube.objects import JsonObject
from harness.mesh.metrics import is_meshed
from harness.mesh.targets import DEPLOYMENT, NAMESPACE, POD, Target

WorkloadKey = tuple[str, str]
"""Namespace and name; the namespace of a Namespace is ""."""


@dataclass(frozen=True, slots=True)
class Workload:
    """An object that owns pods, or is one.

    meshed, total  pods that have not failed
    status         of a pod, as kubectl says it
    """

    namespace: str
    name: str
    meshed: int
    total: int
    status: str = ""


def read_workloads(kube: Kube, target: Target) -> dict[WorkloadKey, Workload]:
    """The objects that a target means; none for a Service, whose pods are not counted.

    raises  InputError if it has a name and no such object is there
    """
    readers: Mapping[str, Callable[[Kube, str | None], list[Workload]]] = {
        DEPLOYMENT.name: _deployments,
        NAMESPACE.name: _namespaces,
        POD.name: _pods,
    }
    if target.kind.name not in readers:
        return {}
    found = {(one.namespace, one.name): one for one in readers[target.kind.name](kube, target.namespace or None)}
    if not target.name:
        return found
    if (target.namespace, target.name) not in found:
        place = f" in namespace {target.namespace}" if target.namespace else ""
        hint = nearest(target.name, [name for _, name in found])
        raise InputError([Finding("", 0, f"there is no {target.kind.name} '{target.name}'{place}{hint}")])
    return {(target.namespace, target.name): found[target.namespace, target.name]}


def _deployments(kube: Kube, namespace: str | None) -> list[Workload]:
    pods = kube.objects("v1", "Pod", namespace)
    replica_sets = kube.objects("apps/v1", "ReplicaSet", namespace)
    above = {one["metadata"]["uid"]: _controller(one) for one in replica_sets}
    return [
        _workload(one, (pod for pod in pods if above.get(_controller(pod)) == one["metadata"]["uid"]))
        for one in kube.objects("apps/v1", "Deployment", namespace)
    ]


def _namespaces(kube: Kube, _: str | None) -> list[Workload]:
    pods = kube.objects("v1", "Pod")
    return [
        _workload(one, (pod for pod in pods if pod["metadata"]["namespace"] == one["metadata"]["name"]))
        for one in kube.objects("v1", "Namespace")
    ]


def _pods(kube: Kube, namespace: str | None) -> list[Workload]:
    return [_workload(pod, [pod], status=pod_status(pod)) for pod in kube.objects("v1", "Pod", namespace)]


def _workload(owner: JsonObject, pods: Iterable[JsonObject], *, status: str = "") -> Workload:
    alive = [pod for pod in pods if pod.get("status", {}).get("phase") != "Failed"]
    metadata = owner["metadata"]
    meshed = sum(is_meshed(pod) for pod in alive)
    return Workload(metadata.get("namespace") or "", metadata["name"], meshed, len(alive), status)


def _controller(obj: JsonObject) -> str:
    owners = obj["metadata"].get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def pod_status(pod: JsonObject) -> str:
    """The word for a pod's state: its phase, or what holds one of its containers up.

    The first container with something to say wins; a pod whose init containers are not through shows `Init:...`.
    """
    status = pod.get("status") or {}
    initial = _init_status(pod, status)
    if initial:
        return initial
    containers = status.get("containerStatuses") or []
    said = next(filter(None, map(_reason, containers)), "")
    if said == "Completed" and any(one.get("ready") and "running" in (one.get("state") or {}) for one in containers):
        return "Running"
    return said or str(status.get("reason") or status.get("phase") or "")


def _init_status(pod: JsonObject, status: JsonObject) -> str:
    specs = {one["name"]: one for one in pod["spec"].get("initContainers") or []}
    for done, one in enumerate(status.get("initContainerStatuses") or []):
        state = one.get("state") or {}
        ended = state.get("terminated")
        sidecar = specs.get(one["name"], {}).get("restartPolicy") == "Always"
        if (ended and ended.get("exitCode") == 0) or (sidecar and one.get("started") and one.get("ready")):
            continue
        reason = _reason(one)
        return f"Init:{reason}" if reason not in ("", "PodInitializing") else f"Init:{done}/{len(specs)}"
    return ""


def _reason(container: Mapping[str, Any]) -> str:
    state = container.get("state") or {}
    ended = state.get("terminated")
    if not ended:
        return str((state.get("waiting") or {}).get("reason") or "")
    exit_word = f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
    return str(ended.get("reason") or exit_word)
