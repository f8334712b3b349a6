"""The status of a pod from what its containers do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.embedded.node.status import (
    ContainerView,
    PodView,
    Running,
    State,
    Terminated,
    Waiting,
    container_status,
    pod_phase,
    pod_status,
)

Obj = dict[str, Any]
NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
RUNNING, CREATING = Running(NOON), Waiting("ContainerCreating")


def ended(code: int) -> Terminated:
    return Terminated(
        exit_code=code, reason="Error" if code else "Completed", started_at=NOON, finished_at=NOON, container_id="id"
    )


def view(state: State, name: str = "c", *, last: Terminated | None = None, ready: bool = False) -> ContainerView:
    return ContainerView(name=name, image="i", state=state, last=last, ready=ready, started=ready)


def pod_view(*containers: ContainerView, init: tuple[ContainerView, ...] = (), **more: Any) -> PodView:
    return PodView(containers=containers, init_containers=init, started_at=NOON, node_ip="127.9.0.1", **more)


def pod(before: Obj | None = None, *names: str, **spec: Any) -> Obj:
    return {"metadata": {}, "spec": {"containers": [{"name": n} for n in names], **spec}, "status": before or {}}


@pytest.mark.parametrize(
    ("states", "policy", "phase"),
    [
        ([view(CREATING)], "Always", "Pending"),
        ([view(RUNNING), view(CREATING)], "Always", "Pending"),
        ([view(RUNNING), view(RUNNING)], "Always", "Running"),
        ([view(Waiting("CrashLoopBackOff"), last=ended(1))], "Always", "Running"),
        ([view(ended(0))], "Always", "Running"),
        ([view(ended(0)), view(RUNNING)], "Never", "Running"),
        ([view(ended(0)), view(ended(0))], "OnFailure", "Succeeded"),
        ([view(ended(0)), view(ended(1))], "OnFailure", "Running"),
        ([view(ended(0)), view(ended(1))], "Never", "Failed"),
    ],
)
def test_phases(states: list[ContainerView], policy: str, phase: str) -> None:
    assert pod_phase(pod_view(*states), policy) == phase


@pytest.mark.parametrize(
    ("init", "policy", "phase"),
    [(RUNNING, "Always", "Pending"), (ended(1), "Always", "Pending"), (ended(1), "Never", "Failed")],
)
def test_phases_before_the_init_containers_are_done(init: State, policy: str, phase: str) -> None:
    assert pod_phase(pod_view(view(CREATING), init=(view(init),)), policy) == phase


def test_a_sidecar_counts_for_readiness_but_not_for_the_phase() -> None:
    proxy = view(RUNNING, "linkerd-proxy", ready=True)
    assert pod_phase(pod_view(view(ended(0)), sidecars=[proxy]), "Never") == "Succeeded"
    unready = pod_view(view(RUNNING, ready=True), sidecars=[view(CREATING, "linkerd-proxy")])
    assert conditions(pod_status(pod(), unready, NOON))["Ready"]["status"] == "False"


def conditions(status: Obj) -> dict[str, Obj]:
    return {condition["type"]: condition for condition in status["conditions"]}


def test_a_ready_pod() -> None:
    both = [view(RUNNING, name, ready=True) for name in ("b", "a")]
    status = pod_status(pod(None, "a", "b"), pod_view(*both, pod_ip="127.9.64.1"), NOON)
    assert {name: condition["status"] for name, condition in conditions(status).items()} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    assert (status["podIP"], status["podIPs"], status["hostIP"]) == ("127.9.64.1", [{"ip": "127.9.64.1"}], "127.9.0.1")
    assert status["startTime"] == "2026-01-02T12:00:00Z"
    assert [entry["name"] for entry in status["containerStatuses"]] == ["a", "b"]


def test_an_unready_container_is_named() -> None:
    status = pod_status(pod(), pod_view(view(RUNNING, "a", ready=True), view(RUNNING, "b")), NOON)
    ready = conditions(status)["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    assert ready["message"] == "containers with unready status: [b]"


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    first = pod_status(pod(), pod_view(view(RUNNING, ready=True)), NOON)
    later = NOON + timedelta(hours=1)
    second = pod_status(pod(first), pod_view(view(RUNNING)), later)
    assert conditions(second)["Initialized"]["lastTransitionTime"] == "2026-01-02T12:00:00Z"
    assert conditions(second)["Ready"]["lastTransitionTime"] == "2026-01-02T13:00:00Z"


def test_the_same_state_gives_the_same_status() -> None:
    first = pod_status(pod(), pod_view(view(RUNNING, ready=True)), NOON)
    assert pod_status(pod(first), pod_view(view(RUNNING, ready=True)), NOON + timedelta(hours=1)) == first


def test_a_readiness_gate_of_somebody_else_holds_the_pod_back_and_is_kept() -> None:
    gates = [{"conditionType": "acme.org/open"}]
    ready = pod_view(view(RUNNING, ready=True))
    closed = pod_status(pod(readinessGates=gates), ready, NOON)
    assert conditions(closed)["Ready"]["reason"] == "ReadinessGatesNotReady"
    assert conditions(closed)["ContainersReady"]["status"] == "True"
    opened = {"conditions": [{"type": "acme.org/open", "status": "True"}]}
    status = pod_status(pod(opened, readinessGates=gates), ready, NOON)
    assert conditions(status)["Ready"]["status"] == "True"
    assert conditions(status)["acme.org/open"] == opened["conditions"][0]


def test_a_terminated_container_tells_how_it_ended() -> None:
    killed = Terminated(
        exit_code=137, signal=9, reason="Error", message="oops", started_at=NOON, finished_at=NOON, container_id="x/1"
    )
    status = container_status(view(Waiting("CrashLoopBackOff", "back-off"), last=killed))
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    times = {"startedAt": "2026-01-02T12:00:00Z", "finishedAt": "2026-01-02T12:00:00Z"}
    detail = {"exitCode": 137, "signal": 9, "reason": "Error", "message": "oops", "containerID": "x/1", **times}
    assert status["lastState"] == {"terminated": detail}


def test_a_pod_that_failed_as_a_whole() -> None:
    status = pod_status(pod(), pod_view(view(RUNNING), failure=("NodeError", "boom")), NOON)
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "NodeError", "boom")
