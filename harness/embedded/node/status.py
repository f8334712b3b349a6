"""The status of a pod from what its containers do; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Obj = dict[str, Any]
_Why = tuple[str, str]
_NO_REASON: _Why = ("", "")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running: about to, or held up by `reason`."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """The process is alive."""

    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """The process has ended; exit_code is 128 + signal if a signal ended it."""

    exit_code: int
    signal: int = 0
    reason: str
    message: str = ""
    started_at: datetime
    finished_at: datetime
    container_id: str


State = Waiting | Running | Terminated


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """One container at one moment.

    ready      running, and its readiness probe (if any) holds
    started    running, and its startup probe (if any) has succeeded
    last       how the run before this one ended
    """

    name: str
    image: str
    image_id: str = ""
    container_id: str = ""
    state: State
    last: Terminated | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False

    @property
    def succeeded(self) -> bool:
        return isinstance(self.state, Terminated) and self.state.exit_code == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """One pod at one moment.

    sidecars     containers that serve the others (the proxy): they count for readiness, not for the phase
    pod_ip       "" until the pod has addresses
    """

    containers: Sequence[ContainerView]
    init_containers: Sequence[ContainerView] = ()
    sidecars: Sequence[ContainerView] = ()
    started_at: datetime
    node_ip: str
    pod_ip: str = ""
    failure: tuple[str, str] | None = None
    """Reason and message if the pod as a whole has failed."""

    @property
    def initialized(self) -> bool:
        return all(container.succeeded for container in self.init_containers)


Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


def pod_phase(view: PodView, restart_policy: str) -> Phase:
    """The phase as a kubelet derives it from its containers."""
    if view.failure:
        return "Failed"
    if not view.initialized:
        failed = any(isinstance(c.state, Terminated) and c.state.exit_code for c in view.init_containers)
        return "Failed" if failed and restart_policy == "Never" else "Pending"
    never_ran = [c for c in view.containers if isinstance(c.state, Waiting) and c.last is None]
    if never_ran:
        return "Pending"
    ended = [c for c in view.containers if isinstance(c.state, Terminated)]
    if len(ended) < len(view.containers) or restart_policy == "Always":
        return "Running"
    if all(c.succeeded for c in ended):
        return "Succeeded"
    return "Failed" if restart_policy == "Never" else "Running"


def pod_status(pod: Obj, view: PodView, now: datetime) -> Obj:
    """The whole status object; conditions keep their lastTransitionTime as long as they hold."""
    spec, before = pod["spec"], pod.get("status") or {}
    phase = pod_phase(view, spec.get("restartPolicy", "Always"))
    everyone = [*view.containers, *view.sidecars]
    status: Obj = {
        "phase": phase,
        "conditions": _conditions(pod, view, phase, now),
        "hostIP": view.node_ip,
        "hostIPs": [{"ip": view.node_ip}],
        "startTime": kubernetes_time(view.started_at),
        "containerStatuses": [container_status(c) for c in sorted(everyone, key=_order(spec["containers"]))],
        "qosClass": before.get("qosClass", "BestEffort"),
    }
    if view.init_containers:
        status["initContainerStatuses"] = [container_status(c) for c in view.init_containers]
    if view.pod_ip:
        status |= {"podIP": view.pod_ip, "podIPs": [{"ip": view.pod_ip}]}
    if view.failure:
        status |= {"reason": view.failure[0], "message": view.failure[1]}
    return status


def container_status(view: ContainerView) -> Obj:
    """One entry of containerStatuses."""
    return {
        "name": view.name,
        "state": _state(view.state),
        "lastState": _state(view.last) if view.last else {},
        "ready": view.ready,
        "restartCount": view.restarts,
        "image": view.image,
        "imageID": view.image_id,
        **({"containerID": view.container_id} if view.container_id else {}),
        "started": view.started,
    }


def kubernetes_time(moment: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _order(containers: Sequence[Obj]) -> Any:
    places = {container["name"]: place for place, container in enumerate(containers)}
    return lambda view: places.get(view.name, len(places))


def _state(state: State) -> Obj:
    if isinstance(state, Waiting):
        return {"waiting": {"reason": state.reason} | ({"message": state.message} if state.message else {})}
    if isinstance(state, Running):
        return {"running": {"startedAt": kubernetes_time(state.started_at)}}
    ended: Obj = {
        "exitCode": state.exit_code,
        "reason": state.reason,
        "startedAt": kubernetes_time(state.started_at),
        "finishedAt": kubernetes_time(state.finished_at),
        "containerID": state.container_id,
    }
    if state.signal:
        ended["signal"] = state.signal
    if state.message:
        ended["message"] = state.message
    return {"terminated": ended}


def _conditions(pod: Obj, view: PodView, phase: Phase, now: datetime) -> list[Obj]:
    before = {condition["type"]: condition for condition in (pod.get("status") or {}).get("conditions") or ()}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    closed = [gate for gate in gates if before.get(gate, {}).get("status") != "True"]
    incomplete = [container.name for container in view.init_containers if not container.succeeded]
    unready = _why_containers_unready(view, phase)
    wanted = {
        "PodReadyToStartContainers": None if view.pod_ip else _NO_REASON,
        "Initialized": _why("ContainersNotInitialized", "containers with incomplete status", incomplete),
        "Ready": unready or _why("ReadinessGatesNotReady", "readiness gates whose condition is not True", closed),
        "ContainersReady": unready,
        "PodScheduled": None,
    }
    foreign = [condition for name, condition in before.items() if name not in wanted]
    return [*(_condition(name, why, before.get(name), now) for name, why in wanted.items()), *foreign]


def _why_containers_unready(view: PodView, phase: Phase) -> _Why | None:
    if phase in ("Succeeded", "Failed"):
        return "PodCompleted" if phase == "Succeeded" else "PodFailed", ""
    unready = [container.name for container in (*view.containers, *view.sidecars) if not container.ready]
    return _why("ContainersNotReady", "containers with unready status", unready)


def _why(reason: str, what: str, names: Sequence[str]) -> _Why | None:
    """Reason and message if there are names, None (all is well) if there are none."""
    return (reason, f"{what}: [{' '.join(names)}]") if names else None


def _condition(name: str, why: _Why | None, before: Obj | None, now: datetime) -> Obj:
    """The condition: True if nothing speaks against it."""
    status = "False" if why else "True"
    same = before is not None and before["status"] == status
    condition: Obj = {
        "type": name,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": before["lastTransitionTime"] if same and before else kubernetes_time(now),
    }
    reason, message = why or _NO_REASON
    return condition | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})
