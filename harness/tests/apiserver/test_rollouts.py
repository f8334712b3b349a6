"""Deployments: what a rollout promises while it runs, and what is left when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.embedded.apiserver.api import Event
from harness.tests.apiserver.support import NEVER_READY, Box, deployment
from harness.tests.apiserver.test_deleting import until
from harness.tests.apiserver.test_writing import refusal


def rolled_out(apps: Any, namespace: str, generation: int = 0) -> Any:
    """The Deployment once all of its replicas are new and available."""

    def done() -> Any:
        found = apps.read_namespaced_deployment("web", namespace)
        status, wanted = found.status, found.spec.replicas
        counts = (status.replicas or 0, status.updated_replicas or 0, status.available_replicas or 0)
        current = status.observed_generation == found.metadata.generation
        return found if current and counts == (wanted,) * 3 else None

    return until(done, "rolled out")


def image_patch(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}


def replica_sets(apps: Any, namespace: str) -> dict[str, Any]:
    """ReplicaSets by the image they run."""
    return {
        entry.spec.template.spec.containers[0].image: entry
        for entry in apps.list_namespaced_replica_set(namespace).items
    }


def pods_by_image(core: Any, namespace: str) -> list[str]:
    alive = [entry for entry in core.list_namespaced_pod(namespace).items if not entry.metadata.deletion_timestamp]
    return sorted(entry.spec.containers[0].image for entry in alive)


@contextmanager
def counted(box: Box, namespace: str) -> Iterator[list[tuple[int, int]]]:
    """After every change of a pod: how many there are, and how many are ready."""
    seen: list[tuple[int, int]] = []

    def count(event: Event) -> None:
        pods = [pod for pod in box.api.store.list("pods", namespace) if not pod["metadata"].get("deletionTimestamp")]
        ready = [pod for pod in pods if pod["status"].get("phase") == "Running"]
        seen.append((len(pods), len(ready)))

    unsubscribe = box.call(lambda: box.api.store.subscribe(["pods"], count))
    yield seen
    box.call(unsubscribe)


def test_pods_are_named_and_labelled_after_their_template(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=3))
    rolled_out(apps, namespace)
    (replica_set,) = apps.list_namespaced_replica_set(namespace).items
    digest = replica_set.metadata.labels["pod-template-hash"]
    assert replica_set.metadata.name == f"web-{digest}"
    pods = core.list_namespaced_pod(namespace, label_selector=f"app=web,pod-template-hash={digest}").items
    assert len({entry.metadata.name for entry in pods}) == 3
    assert all(entry.metadata.name.startswith(f"web-{digest}-") for entry in pods)
    reasons = {event.reason for event in core.list_namespaced_event(namespace).items}
    assert reasons >= {"ScalingReplicaSet", "SuccessfulCreate"}


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "fewest"), [(1, 0, 5, 4), (0, 1, 4, 3), ("25%", "25%", 5, 3), ("50%", "0%", 6, 4)]
)
def test_a_rolling_update_stays_within_its_bounds(
    box: Box, apps: Any, core: Any, namespace: str, surge: int | str, unavailable: int | str, most: int, fewest: int
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    apps.create_namespaced_deployment(namespace, deployment(replicas=4, strategy=rolling))
    rolled_out(apps, namespace)
    with counted(box, namespace) as seen:
        apps.patch_namespaced_deployment("web", namespace, image_patch("app:2"))
        rolled_out(apps, namespace)
    assert pods_by_image(core, namespace) == ["app:2"] * 4
    assert max(total for total, _ in seen) <= most
    assert min(ready for _, ready in seen) >= fewest


def test_a_broken_template_leaves_the_old_pods_serving(box: Box, apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=4))
    rolled_out(apps, namespace)
    broken = image_patch("app:2")
    broken["spec"]["template"]["metadata"] = {"annotations": {NEVER_READY: "true"}}
    with counted(box, namespace) as seen:
        apps.patch_namespaced_deployment("web", namespace, broken)
        until(lambda: pods_by_image(core, namespace).count("app:2") == 2, "two new pods")
        undone = image_patch("app:1")
        undone["spec"]["template"]["metadata"] = {"annotations": {NEVER_READY: None}}
        apps.patch_namespaced_deployment("web", namespace, undone)
        rolled_out(apps, namespace)
    assert min(ready for _, ready in seen) >= 3
    assert pods_by_image(core, namespace) == ["app:1"] * 4


def test_recreate_never_mixes_templates(box: Box, apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=2, strategy={"type": "Recreate"}))
    rolled_out(apps, namespace)
    mixtures: set[frozenset[str]] = set()

    def note(event: Event) -> None:
        pods = box.api.store.list("pods", namespace)
        mixtures.add(frozenset(entry["spec"]["containers"][0]["image"] for entry in pods))

    unsubscribe = box.call(lambda: box.api.store.subscribe(["pods"], note))
    apps.patch_namespaced_deployment("web", namespace, image_patch("app:2"))
    rolled_out(apps, namespace)
    box.call(unsubscribe)
    assert mixtures == {frozenset(), frozenset(["app:1"]), frozenset(["app:2"])}


def test_going_back_reuses_the_replica_set_as_a_new_revision(apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    rolled_out(apps, namespace)
    for image in ("app:2", "app:1"):
        apps.patch_namespaced_deployment("web", namespace, image_patch(image))
        found = rolled_out(apps, namespace)
    revision = "deployment.kubernetes.io/revision"
    assert found.metadata.annotations[revision] == "3"
    sets = replica_sets(apps, namespace)
    assert {image: entry.metadata.annotations[revision] for image, entry in sets.items()} == {
        "app:1": "3",
        "app:2": "2",
    }


def test_old_revisions_are_forgotten_beyond_the_limit(apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1, revisionHistoryLimit=2))
    rolled_out(apps, namespace)
    for number in range(2, 6):
        apps.patch_namespaced_deployment("web", namespace, image_patch(f"app:{number}"))
        rolled_out(apps, namespace)
    until(lambda: set(replica_sets(apps, namespace)) == {"app:3", "app:4", "app:5"}, "two old ones left")


def test_scaling_changes_pods_but_no_revision(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    rolled_out(apps, namespace)
    before = {entry.metadata.name for entry in core.list_namespaced_pod(namespace).items}
    assert apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 3}}).spec.replicas == 3
    rolled_out(apps, namespace)
    after = {entry.metadata.name for entry in core.list_namespaced_pod(namespace).items}
    assert before < after
    scale = apps.read_namespaced_deployment_scale("web", namespace)
    assert (scale.status.replicas, scale.status.selector) == (3, "app=web")
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 0}})
    until(lambda: not core.list_namespaced_pod(namespace).items, "no pods")
    assert len(replica_sets(apps, namespace)) == 1
    assert refusal(apps.patch_namespaced_deployment_scale, "web", namespace, {"spec": {"replicas": -1}})[0] == 422


def test_a_paused_rollout_waits_yet_scales(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    rolled_out(apps, namespace)
    patch = image_patch("app:2")
    patch["spec"] |= {"paused": True, "replicas": 2}
    apps.patch_namespaced_deployment("web", namespace, patch)
    until(lambda: pods_by_image(core, namespace) == ["app:1", "app:1"], "scaled with the old template")
    apps.patch_namespaced_deployment("web", namespace, {"spec": {"paused": False}})
    rolled_out(apps, namespace)
    assert pods_by_image(core, namespace) == ["app:2", "app:2"]


def test_a_rollout_that_stands_still_says_so_and_recovers(apps: Any, namespace: str) -> None:
    body = deployment(replicas=1, progressDeadlineSeconds=1)
    body["spec"]["template"]["metadata"]["annotations"] = {NEVER_READY: "true"}
    apps.create_namespaced_deployment(namespace, body)

    def progressing() -> tuple[str, str]:
        conditions = apps.read_namespaced_deployment("web", namespace).status.conditions or ()
        return next(((entry.status, entry.reason) for entry in conditions if entry.type == "Progressing"), ("", ""))

    until(lambda: progressing() == ("False", "ProgressDeadlineExceeded"), "deadline exceeded")
    apps.patch_namespaced_deployment(
        "web", namespace, {"spec": {"template": {"metadata": {"annotations": {NEVER_READY: None}}}}}
    )
    rolled_out(apps, namespace)
    assert progressing() == ("True", "NewReplicaSetAvailable")


def test_a_pod_that_loses_its_label_is_replaced_and_left_alone(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=1))
    rolled_out(apps, namespace)
    (taken,) = core.list_namespaced_pod(namespace).items
    core.patch_namespaced_pod(taken.metadata.name, namespace, {"metadata": {"labels": {"app": "debug"}}})
    until(lambda: len(core.list_namespaced_pod(namespace, label_selector="app=web").items) == 1, "replaced")
    assert not core.read_namespaced_pod(taken.metadata.name, namespace).metadata.owner_references


def test_pods_that_cannot_be_created_are_told_in_status_and_retried(apps: Any, core: Any, namespace: str) -> None:
    body = deployment(replicas=1)
    body["spec"]["template"]["spec"]["serviceAccountName"] = "robot"
    apps.create_namespaced_deployment(namespace, body)

    def failure() -> str:
        conditions = apps.read_namespaced_deployment("web", namespace).status.conditions or ()
        return next((entry.message for entry in conditions if entry.type == "ReplicaFailure"), "")

    until(lambda: 'serviceaccount "robot" not found' in failure(), "the failure is told")
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "robot"}})
    rolled_out(apps, namespace)
    assert failure() == ""
