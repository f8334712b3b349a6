"""The objects behind the rows: how their pods are counted, and the word for a pod's state."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.errors import InputError
from harness.kube.client import Kube
from harness.mesh.targets import DEPLOYMENT, NAMESPACE, POD, SERVICE, Target
from harness.mesh.workloads import Workload, pod_status, read_workloads

Obj = dict[str, Any]


class FakeKube:
    def __init__(self, **by_kind: list[Obj]) -> None:
        self.by_kind = by_kind

    def objects(self, api_version: str, kind: str, namespace: str | None = None) -> list[Obj]:
        found = self.by_kind.get(kind, [])
        return [one for one in found if namespace in (None, one["metadata"].get("namespace"))]


def obj(name: str, *, namespace: str | None = "b", owner: str = "") -> Obj:
    metadata: Obj = {"name": name, "uid": f"uid-{name}"} | ({"namespace": namespace} if namespace else {})
    if owner:
        metadata["ownerReferences"] = [{"uid": f"uid-{owner}", "controller": True}]
    return {"metadata": metadata}


def pod(name: str, owner: str, *, meshed: bool = True, phase: str = "Running") -> Obj:
    containers = [{"name": "app"}, *([{"name": "linkerd-proxy"}] if meshed else [])]
    return {**obj(name, owner=owner), "spec": {"containers": containers}, "status": {"phase": phase}}


KUBE = cast(
    Kube,
    FakeKube(
        Deployment=[obj("books"), obj("authors")],
        ReplicaSet=[obj("books-1", owner="books"), obj("books-2", owner="books"), obj("bare")],
        Pod=[
            pod("a", "books-1"),
            pod("b", "books-2", meshed=False),
            pod("c", "books-2", phase="Failed"),
            pod("d", "bare"),
            pod("e", ""),
        ],
        Namespace=[obj("b", namespace=None), obj("c", namespace=None)],
    ),
)


def test_a_deployment_counts_pods_of_all_its_replica_sets_but_failed_ones() -> None:
    assert read_workloads(KUBE, Target(DEPLOYMENT, "b", "")) == {
        ("b", "books"): Workload("b", "books", 1, 2),
        ("b", "authors"): Workload("b", "authors", 0, 0),
    }


def test_a_namespace_counts_all_its_pods() -> None:
    assert read_workloads(KUBE, Target(NAMESPACE, "", "")) == {
        ("", "b"): Workload("", "b", 3, 4),
        ("", "c"): Workload("", "c", 0, 0),
    }


def test_one_object_by_name() -> None:
    assert list(read_workloads(KUBE, Target(POD, "b", "a"))) == [("b", "a")]
    assert read_workloads(KUBE, Target(POD, "b", "a"))["b", "a"].status == "Running"
    assert read_workloads(KUBE, Target(SERVICE, "b", "books")) == {}


def test_a_name_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(InputError, match="no deployment 'bookz' in namespace b; did you mean 'books'"):
        read_workloads(KUBE, Target(DEPLOYMENT, "b", "bookz"))


RUNNING: Obj = {"ready": True, "state": {"running": {}}}
DONE: Obj = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Running", "containerStatuses": [RUNNING]}, "Running"),
        ({"phase": "Running", "containerStatuses": [RUNNING, DONE]}, "Running"),
        ({"phase": "Succeeded", "containerStatuses": [DONE]}, "Completed"),
        (
            {"phase": "Running", "containerStatuses": [RUNNING, {"state": {"waiting": {"reason": "ErrImagePull"}}}]},
            "ErrImagePull",
        ),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}, "ExitCode:3"),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"signal": 9}}}]}, "Signal:9"),
    ],
)
def test_the_word_for_a_state(status: Obj, word: str) -> None:
    assert pod_status({"spec": {"containers": []}, "status": status}) == word


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ([{"name": "one", "state": {"waiting": {"reason": "PodInitializing"}}}, {"name": "two"}], "Init:0/2"),
        ([{"name": "one", **DONE}, {"name": "two", "state": {"running": {}}}], "Init:1/2"),
        ([{"name": "one", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}], "Init:Error"),
        ([{"name": "one", **DONE}, {"name": "two", "started": True, "ready": True}], "Pending"),
    ],
)
def test_init_containers_come_first(state: list[Obj], word: str) -> None:
    spec = {"initContainers": [{"name": "one"}, {"name": "two", "restartPolicy": "Always"}]}
    assert pod_status({"spec": spec, "status": {"phase": "Pending", "initContainerStatuses": state}}) == word
