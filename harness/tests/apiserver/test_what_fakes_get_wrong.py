"""What people complain about most in imitations of Kubernetes: each complaint has tests that name it.

`COMPLAINTS` says which. Those without a better place are here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from harness.embedded.apiserver.managers import MOST_UPDATERS
from harness.tests.apiserver.support import Box, configmap, deployment, is_rolled_out, pod
from harness.tests.apiserver.test_deleting import until
from harness.tests.apiserver.test_watching import raw_events, summary

COMPLAINTS: dict[str, tuple[str, ...]] = {
    "server-side apply knows no owners": (
        "test_server_side_apply.test_applying_creates_and_owns",
        "test_server_side_apply.test_an_update_takes_what_it_changes",
        "test_server_side_apply.test_what_is_no_longer_applied_goes",
        "test_server_side_apply.test_replicas_are_handed_over_as_to_an_autoscaler",
        "test_what_fakes_get_wrong.test_the_oldest_of_many_managers_are_remembered_as_one",
    ),
    "server-side apply knows no conflicts": (
        "test_server_side_apply.test_changing_what_another_manages_is_a_conflict_that_names_it",
        "test_server_side_apply.test_force_takes_over",
        "test_server_side_apply.test_taking_over_from_kubectl_apply_is_no_conflict",
    ),
    "strategic merge is a plain merge": (
        "test_patching.test_strategic_merge_finds_containers_and_variables_by_name",
        "test_patching.test_strategic_merge_removes_one_variable_by_name",
        "test_patching.test_directives_on_lists",
        "test_what_fakes_get_wrong.test_restarting_a_rollout_changes_its_template_and_nothing_else",
    ),
    "field selectors are ignored": (
        "test_what_fakes_get_wrong.test_fields_select_in_lists",
        "test_what_fakes_get_wrong.test_an_object_enters_and_leaves_a_watch_with_its_field",
        "test_watching.test_one_object_can_be_watched_by_field_selector",
        "test_watching.test_queries_that_make_no_sense_are_refused",
    ),
    "between a list and its watch something is lost": (
        "test_watching.test_a_watch_from_the_lists_version_misses_nothing_and_repeats_nothing",
        "test_watching.test_events_of_one_object_come_in_order_with_growing_versions",
        "test_what_fakes_get_wrong.test_an_empty_list_has_a_version_to_watch_from",
        "test_watching.test_initial_events_end_with_a_marked_bookmark",
    ),
    "a version that is too old is not told": (
        "test_watching.test_a_version_that_history_forgot_answers_410_in_the_stream",
        "test_watching.test_a_page_of_a_list_that_history_forgot_answers_410",
    ),
    "deletionTimestamp and finalizers mean nothing": (
        "test_deleting.test_finalizers_hold_a_deleted_object_until_they_are_removed",
        "test_deleting.test_nobody_can_set_or_clear_the_deletion_mark_by_hand",
        "test_deleting.test_foreground_deletion_lets_the_owner_go_last",
        "test_deleting.test_a_pod_stops_with_grace_and_goes_when_the_node_says_so",
    ),
    "status is written with the spec": (
        "test_writing.test_status_and_spec_are_written_through_different_doors",
        "test_custom_kinds.test_status_and_generation_of_custom_objects",
        "test_server_side_apply.test_the_two_halves_of_an_object_have_managers_of_their_own",
    ),
    "generation does not count": (
        "test_writing.test_generation_counts_the_spec_and_nothing_else",
        "test_writing.test_a_write_that_changes_nothing_bumps_nothing",
        "test_what_fakes_get_wrong.test_a_controller_says_which_generation_it_has_seen",
    ),
    "a namespace is terminating for ever": (
        "test_deleting.test_a_namespace_goes_once_everything_in_it_is_gone",
        "test_what_fakes_get_wrong.test_an_empty_namespace_is_gone_at_once",
    ),
    "there are no events": (
        "test_what_fakes_get_wrong.test_a_rollout_is_told_by_events_of_each_object",
        "test_what_fakes_get_wrong.test_the_same_event_again_is_counted",
        "..node.test_pods.test_a_pod_passes_through_every_state_and_tells_of_it",
    ),
    "pods are running at once": (
        "..node.test_pods.test_a_pod_passes_through_every_state_and_tells_of_it",
        "..node.test_restarts.test_a_container_that_keeps_crashing_backs_off",
        "..node.test_restarts.test_an_unknown_image_waits_and_says_what_to_do",
        "..node.test_pods.test_readiness_is_lost_after_the_failure_threshold_and_comes_back",
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_every_complaint_has_tests(complaint: str) -> None:
    for name in COMPLAINTS[complaint]:
        module, _, function = name.rpartition(".")
        found = importlib.import_module(("." * (not module.startswith("."))) + module, __package__)
        assert callable(getattr(found, function)), name


def names(listed: Any) -> list[str]:
    return [item.metadata.name for item in listed.items]


@pytest.fixture
def two_pods(core: Any, namespace: str) -> Iterator[str]:
    """A pod that runs and one that never becomes ready."""
    core.create_namespaced_pod(namespace, pod("runs"))
    core.create_namespaced_pod(namespace, pod("waits", annotations={"test/never-ready": ""}))
    until(lambda: core.read_namespaced_pod("runs", namespace).status.phase == "Running", "it runs")
    yield namespace
    core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("status.phase=Running", ["runs"]),
        ("status.phase!=Running", ["waits"]),
        ("status.phase=Running,metadata.name=waits", []),
        ("spec.nodeName=signalbox", ["runs", "waits"]),
        ("spec.nodeName!=signalbox", []),
        ("spec.restartPolicy==Always,metadata.name!=runs", ["waits"]),
        ("status.podIP=", ["waits"]),
    ],
)
def test_fields_select_in_lists(core: Any, two_pods: str, selector: str, found: list[str]) -> None:
    assert names(core.list_namespaced_pod(two_pods, field_selector=selector)) == found
    everywhere = core.list_pod_for_all_namespaces(field_selector=f"{selector},metadata.namespace={two_pods}")
    assert names(everywhere) == found


def test_fields_of_secrets_and_events_select(core: Any, namespace: str) -> None:
    core.create_namespaced_secret(namespace, {"metadata": {"name": "a"}, "type": "example.com/a"})
    core.create_namespaced_secret(namespace, {"metadata": {"name": "b"}})
    assert names(core.list_namespaced_secret(namespace, field_selector="type=example.com/a")) == ["a"]
    for kind in ("Pod", "Job"):
        about = {"kind": kind, "name": "x", "namespace": namespace}
        core.create_namespaced_event(
            namespace, {"metadata": {"name": kind.lower()}, "involvedObject": about, "type": "Normal"}
        )
    chosen = "involvedObject.kind=Pod,involvedObject.name=x,type=Normal"
    assert names(core.list_namespaced_event(namespace, field_selector=chosen)) == ["pod"]


def test_an_object_enters_and_leaves_a_watch_with_its_field(core: Any, namespace: str) -> None:
    start = core.list_namespaced_pod(namespace).metadata.resource_version
    core.create_namespaced_pod(namespace, pod("one"))
    until(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running", "it runs")
    core.patch_namespaced_pod_status("one", namespace, {"status": {"phase": "Failed"}})
    end = core.list_namespaced_pod(namespace).metadata.resource_version
    answer = core.list_namespaced_pod(
        namespace,
        watch=True,
        field_selector="status.phase=Running",
        resource_version=start,
        timeout_seconds=1,
        _preload_content=False,
    )
    events = [orjson.loads(line) for line in answer.data.splitlines()]
    assert [(event["type"], event["object"]["status"]["phase"]) for event in events] == [
        ("ADDED", "Running"),
        ("DELETED", "Running"),
    ]
    assert events[-1]["object"]["metadata"]["resourceVersion"] == end


def test_an_empty_list_has_a_version_to_watch_from(core: Any, namespace: str) -> None:
    listed = core.list_namespaced_secret(namespace)
    assert listed.items == []
    start = core.list_namespaced_config_map(namespace, label_selector="nobody=has").metadata.resource_version
    assert int(start) >= int(listed.metadata.resource_version) > 0
    core.create_namespaced_config_map(namespace, configmap("one"))
    core.delete_namespaced_config_map("one", namespace)
    core.create_namespaced_config_map(namespace, configmap("one"))
    events = raw_events(core, namespace, resource_version=start, timeout_seconds=1)
    assert summary(events) == [("ADDED", "one"), ("DELETED", "one"), ("ADDED", "one")]
    assert events[0]["object"]["metadata"]["uid"] != events[2]["object"]["metadata"]["uid"]


def test_restarting_a_rollout_changes_its_template_and_nothing_else(apps: Any, namespace: str) -> None:
    before = apps.create_namespaced_deployment(namespace, deployment("one", replicas=0)).to_dict()
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    after = apps.patch_namespaced_deployment("one", namespace, patch).to_dict()
    assert after["spec"]["template"]["metadata"].pop("annotations") == annotations
    before["spec"]["template"]["metadata"].pop("annotations")
    assert after["spec"] == before["spec"]


def test_a_controller_says_which_generation_it_has_seen(box: Box, apps: Any, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    box.request("POST", path, deployment("one"))
    until(lambda: is_rolled_out(box.request("GET", f"{path}/one").json), "it is rolled out")
    changed = apps.patch_namespaced_deployment("one", namespace, {"spec": {"replicas": 2}})
    assert changed.metadata.generation == 2
    until(lambda: apps.read_namespaced_deployment("one", namespace).status.observed_generation == 2, "it is seen")


def test_an_empty_namespace_is_gone_at_once(core: Any, namespace: str) -> None:
    core.delete_namespace(namespace)
    until(lambda: namespace not in names(core.list_namespace()), "it is gone")


def test_a_rollout_is_told_by_events_of_each_object(box: Box, core: Any, apps: Any, namespace: str) -> None:
    made = apps.create_namespaced_deployment(namespace, deployment("one", replicas=2))

    def reasons(kind: str) -> list[str]:
        found = core.list_namespaced_event(namespace, field_selector=f"involvedObject.kind={kind}").items
        return [event.reason for event in found]

    until(lambda: reasons("ReplicaSet") == ["SuccessfulCreate"] * 2, "both pods are told")
    assert reasons("Deployment") == ["ScalingReplicaSet"]
    [event] = core.list_namespaced_event(namespace, field_selector="involvedObject.kind=Deployment").items
    assert event.involved_object.uid == made.metadata.uid
    assert "Scaled up replica set one-" in event.message


def test_the_same_event_again_is_counted(core: Any, apps: Any, namespace: str) -> None:
    template = deployment("one", replicas=1)
    template["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    apps.create_namespaced_deployment(namespace, template)
    until(
        lambda: [
            event.count
            for event in core.list_namespaced_event(namespace, field_selector="reason=FailedCreate").items
            if event.count > 1
        ],
        "the failure is told again",
    )
    assert len(core.list_namespaced_event(namespace, field_selector="reason=FailedCreate").items) == 1
    apps.delete_namespaced_deployment("one", namespace)


def test_the_oldest_of_many_managers_are_remembered_as_one(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"), field_manager="first")
    for number in range(MOST_UPDATERS + 5):
        change = {"data": {f"k{number}": "1"}}
        core.patch_namespaced_config_map("one", namespace, change, field_manager=f"m{number}")
    entries = core.read_namespaced_config_map("one", namespace).metadata.managed_fields
    managers = [entry.manager for entry in entries]
    assert len(managers) == MOST_UPDATERS + 1
    assert managers[0] == "ancient-changes"
    assert managers[-1] == f"m{MOST_UPDATERS + 4}"
    owned = {key for entry in entries for key in entry.fields_v1.get("f:data", {}) if key != "."}
    assert owned == {f"f:k{number}" for number in range(MOST_UPDATERS + 5)}
