"""Deletion: at once, with grace, held by finalizers, followed by dependents, and of whole namespaces."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.tests.apiserver.support import Box, configmap, deployment, official, pod
from harness.tests.apiserver.test_writing import refusal


def until(condition: Callable[[], Any], what: str, seconds: float = 5.0) -> Any:
    """The first true result of `condition`; fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"never: {what}"
    return result


def is_gone(read: Callable[..., Any], *args: Any) -> bool:
    try:
        read(*args)
    except official.ApiException as error:
        return bool(error.status == 404)
    return False


def test_finalizers_hold_a_deleted_object_until_they_are_removed(core: Any, namespace: str) -> None:
    held = configmap("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    core.create_namespaced_config_map(namespace, held)
    core.delete_namespaced_config_map("held", namespace)
    waiting = core.read_namespaced_config_map("held", namespace)
    assert waiting.metadata.deletion_timestamp is not None
    assert core.patch_namespaced_config_map("held", namespace, {"data": {"still": "writable"}}).data
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    assert refusal(core.patch_namespaced_config_map, "held", namespace, more)[0] == 422
    again = core.delete_namespaced_config_map("held", namespace)
    assert again.metadata.deletion_timestamp if hasattr(again, "metadata") else True
    core.patch_namespaced_config_map("held", namespace, {"metadata": {"finalizers": None}})
    assert is_gone(core.read_namespaced_config_map, "held", namespace)


def test_nobody_can_set_or_clear_the_deletion_mark_by_hand(core: Any, namespace: str) -> None:
    body = configmap("one")
    body["metadata"] |= {"deletionTimestamp": "2020-01-01T00:00:00Z", "uid": "mine"}
    made = core.create_namespaced_config_map(namespace, body)
    assert made.metadata.deletion_timestamp is None
    assert made.metadata.uid != "mine"
    marked = {"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}}
    assert core.patch_namespaced_config_map("one", namespace, marked).metadata.deletion_timestamp is None


def test_preconditions_protect_the_next_object_of_the_same_name(core: Any, namespace: str) -> None:
    first = core.create_namespaced_config_map(namespace, configmap("one"))
    core.delete_namespaced_config_map("one", namespace)
    core.create_namespaced_config_map(namespace, configmap("one"))
    options = {"preconditions": {"uid": first.metadata.uid}}
    assert refusal(core.delete_namespaced_config_map, "one", namespace, body=options)[0] == 409
    assert core.read_namespaced_config_map("one", namespace)


def test_a_pod_stops_with_grace_and_goes_when_the_node_says_so(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())
    stopping = core.delete_namespaced_pod("one", namespace, grace_period_seconds=5)
    assert stopping.metadata.deletion_grace_period_seconds == 5
    until(lambda: is_gone(core.read_namespaced_pod, "one", namespace), "the pod is gone")


def test_a_pod_without_grace_goes_at_once(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())
    core.delete_namespaced_pod("one", namespace, grace_period_seconds=0)
    assert is_gone(core.read_namespaced_pod, "one", namespace)


def test_deleting_a_deployment_takes_its_replica_sets_and_pods_along(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=2))
    until(lambda: len(core.list_namespaced_pod(namespace).items) == 2, "two pods")
    apps.delete_namespaced_deployment("web", namespace)
    assert is_gone(apps.read_namespaced_deployment, "web", namespace), "in the background the owner goes first"
    until(lambda: not apps.list_namespaced_replica_set(namespace).items, "no replica set")
    until(lambda: not core.list_namespaced_pod(namespace).items, "no pod")


def test_foreground_deletion_lets_the_owner_go_last(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    held = until(lambda: core.list_namespaced_pod(namespace).items, "a pod")[0].metadata.name
    core.patch_namespaced_pod(held, namespace, {"metadata": {"finalizers": ["example.com/hold"]}})
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
    until(lambda: core.read_namespaced_pod(held, namespace).metadata.deletion_timestamp, "the pod is being deleted")
    assert apps.read_namespaced_deployment("web", namespace).metadata.finalizers == ["foregroundDeletion"]
    assert apps.list_namespaced_replica_set(namespace).items[0].metadata.deletion_timestamp
    core.patch_namespaced_pod(
        held, namespace, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/hold"]}}
    )
    until(lambda: is_gone(apps.read_namespaced_deployment, "web", namespace), "the deployment is gone")
    assert not core.list_namespaced_pod(namespace).items


def test_orphaned_pods_stay_and_are_adopted_again(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    kept = until(lambda: core.list_namespaced_pod(namespace).items, "a pod")[0].metadata.name
    (replica_set,) = apps.list_namespaced_replica_set(namespace).items
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Orphan")
    until(lambda: is_gone(apps.read_namespaced_deployment, "web", namespace), "the deployment is gone")
    assert apps.read_namespaced_replica_set(replica_set.metadata.name, namespace).metadata.owner_references is None
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    until(lambda: apps.list_namespaced_replica_set(namespace).items[0].metadata.owner_references, "adopted")
    assert [entry.metadata.name for entry in core.list_namespaced_pod(namespace).items] == [kept]


def test_an_object_whose_owner_never_existed_is_collected(core: Any, namespace: str) -> None:
    orphan = configmap("orphan")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "0000"}
    orphan["metadata"]["ownerReferences"] = [reference]
    core.create_namespaced_config_map(namespace, orphan)
    until(lambda: is_gone(core.read_namespaced_config_map, "orphan", namespace), "collected")


def test_an_object_with_a_second_owner_only_loses_the_reference(core: Any, namespace: str) -> None:
    owners = [core.create_namespaced_config_map(namespace, configmap(name)) for name in ("first", "second")]
    child = configmap("child")
    child["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name, "uid": owner.metadata.uid}
        for owner in owners
    ]
    core.create_namespaced_config_map(namespace, child)
    core.delete_namespaced_config_map("first", namespace)

    def left() -> list[str]:
        references = core.read_namespaced_config_map("child", namespace).metadata.owner_references
        return [reference.name for reference in references]

    until(lambda: left() == ["second"], "one owner left")


def test_a_collection_is_deleted_by_selector(core: Any, namespace: str) -> None:
    for name, color in (("a", "red"), ("b", "red"), ("c", "blue")):
        core.create_namespaced_config_map(namespace, configmap(name, {"color": color}))
    core.delete_collection_namespaced_config_map(namespace, label_selector="color=red")
    names = {item.metadata.name for item in core.list_namespaced_config_map(namespace).items}
    assert names == {"c", "kube-root-ca.crt"}


def test_a_namespace_goes_once_everything_in_it_is_gone(core: Any, apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=2))
    held = configmap("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    core.create_namespaced_config_map(namespace, held)
    core.delete_namespace(namespace)
    waiting = until(
        lambda: core.read_namespace(namespace).status.conditions and core.read_namespace(namespace), "told why"
    )
    assert waiting.status.phase == "Terminating"
    assert {entry.type for entry in waiting.status.conditions} >= {"NamespaceFinalizersRemaining"}
    code, status = refusal(core.create_namespaced_config_map, namespace, configmap("late"))
    assert (code, status["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    core.patch_namespaced_config_map("held", namespace, {"metadata": {"finalizers": None}})
    until(lambda: is_gone(core.read_namespace, namespace), "the namespace is gone")
    core.create_namespace({"metadata": {"name": namespace}})
    assert [item.metadata.name for item in core.list_namespaced_config_map(namespace).items] == ["kube-root-ca.crt"]


def test_the_first_namespaces_may_not_be_deleted(core: Any) -> None:
    assert refusal(core.delete_namespace, "kube-system")[0] == 403


@pytest.mark.parametrize("query", [{"propagation_policy": "Sideways"}, {"dry_run": "Some"}])
def test_deletions_that_make_no_sense_are_refused(core: Any, namespace: str, query: dict[str, str]) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    assert refusal(core.delete_namespaced_config_map, "one", namespace, **query)[0] == 400


@pytest.mark.parametrize("preconditions", [1, "x", ["x"], True])
def test_preconditions_that_are_none_are_refused(box: Box, core: Any, namespace: str, preconditions: Any) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    assert box.request("DELETE", path, {"preconditions": preconditions}).status == 400
