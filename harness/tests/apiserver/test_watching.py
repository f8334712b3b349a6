"""Lists and watches: nothing is missed, and what cannot be told any more is said to be gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.targets import Target
from harness.embedded.apiserver.views import View
from harness.embedded.apiserver.watch import WatchRequest, watch_stream
from harness.tests.apiserver.support import (
    Box,
    configmap,
    new_api,
    official,
    official_config,
    official_watch,
    running_box,
)


def raw_events(core: Any, namespace: str, **query: Any) -> list[dict[str, Any]]:
    """All events of one watch over ConfigMaps, as they came; ends with the watch."""
    answer = core.list_namespaced_config_map(namespace, watch=True, _preload_content=False, **query)
    return [orjson.loads(line) for line in answer.data.splitlines()]


def summary(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    ours = (event for event in events if event["object"]["metadata"].get("name") != "kube-root-ca.crt")
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in ours]


def test_a_watch_from_the_lists_version_misses_nothing_and_repeats_nothing(core: Any, namespace: str) -> None:
    writing = threading.Thread(
        target=lambda: [core.create_namespaced_config_map(namespace, configmap(f"c{i}")) for i in range(40)]
    )
    core.create_namespaced_config_map(namespace, configmap("before"))
    writing.start()
    listed = core.list_namespaced_config_map(namespace)
    seen = [item.metadata.name for item in listed.items]
    follow = official_watch.Watch()
    for event in follow.stream(
        core.list_namespaced_config_map,
        namespace,
        resource_version=listed.metadata.resource_version,
        timeout_seconds=10,
    ):
        seen.append(event["object"].metadata.name)
        if event["object"].metadata.name == "c39":
            follow.stop()
    writing.join()
    assert sorted(seen) == sorted(["before", "kube-root-ca.crt", *(f"c{i}" for i in range(40))])


def test_events_of_one_object_come_in_order_with_growing_versions(core: Any, namespace: str) -> None:
    start = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, configmap("one"))
    for value in "abc":
        core.patch_namespaced_config_map("one", namespace, {"data": {"key": value}})
    core.delete_namespaced_config_map("one", namespace)
    events = raw_events(core, namespace, resource_version=start, timeout_seconds=1)
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert events[-1]["object"]["data"] == {"key": "c"}


def test_leaving_and_entering_a_selector_is_seen_as_deletion_and_addition(core: Any, namespace: str) -> None:
    start = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, configmap("moving", {"color": "red"}, key="1"))
    core.patch_namespaced_config_map("moving", namespace, {"data": {"key": "2"}})
    core.patch_namespaced_config_map("moving", namespace, {"metadata": {"labels": {"color": "blue"}}})
    core.patch_namespaced_config_map("moving", namespace, {"data": {"key": "3"}})
    core.patch_namespaced_config_map("moving", namespace, {"metadata": {"labels": {"color": "red"}}})
    core.delete_namespaced_config_map("moving", namespace)
    events = raw_events(core, namespace, resource_version=start, label_selector="color=red", timeout_seconds=1)
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    left = events[2]["object"]
    assert left["metadata"]["labels"] == {"color": "red"}, "the state the client knew"
    assert int(left["metadata"]["resourceVersion"]) > int(events[1]["object"]["metadata"]["resourceVersion"])


@pytest.fixture
def short_memory(tmp_path: Path) -> Iterator[tuple[Box, Any]]:
    with running_box(tmp_path, history=5) as box:
        made = official_config.new_client_from_config(config_file=str(box.kubeconfig))
        yield box, official.CoreV1Api(made)
        made.rest_client.pool_manager.clear()


def test_a_version_that_history_forgot_answers_410_in_the_stream(short_memory: tuple[Box, Any]) -> None:
    _, core = short_memory
    old = core.list_namespaced_config_map("default").metadata.resource_version
    for number in range(8):
        core.create_namespaced_config_map("default", configmap(f"c{number}"))
    (event,) = raw_events(core, "default", resource_version=old, timeout_seconds=5)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_a_page_of_a_list_that_history_forgot_answers_410(short_memory: tuple[Box, Any]) -> None:
    _, core = short_memory
    for number in range(4):
        core.create_namespaced_config_map("default", configmap(f"c{number}"))
    page = core.list_namespaced_config_map("default", limit=2)
    for number in range(8):
        core.patch_namespaced_config_map("c0", "default", {"data": {"n": str(number)}})
    with pytest.raises(official.ApiException) as refused:
        core.list_namespaced_config_map("default", limit=2, _continue=page.metadata._continue)
    assert refused.value.status == 410


def test_pages_show_the_state_of_the_first_page(core: Any, namespace: str) -> None:
    for number in range(5):
        core.create_namespaced_config_map(namespace, configmap(f"c{number}"))
    first = core.list_namespaced_config_map(namespace, limit=2)
    assert first.metadata.remaining_item_count == 4
    core.delete_namespaced_config_map("c3", namespace)
    core.create_namespaced_config_map(namespace, configmap("c33"))
    names = [item.metadata.name for item in first.items]
    token = first.metadata._continue
    while token:
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token)
        assert page.metadata.resource_version == first.metadata.resource_version
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
    assert names == ["c0", "c1", "c2", "c3", "c4", "kube-root-ca.crt"]


def test_initial_events_end_with_a_marked_bookmark(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    events = raw_events(
        core,
        namespace,
        send_initial_events=True,
        resource_version_match="NotOlderThan",
        allow_watch_bookmarks=True,
        timeout_seconds=1,
    )
    assert summary(events)[:2] == [("ADDED", "one"), ("BOOKMARK", "")]
    mark = next(event for event in events if event["type"] == "BOOKMARK")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_initial_events_without_their_companion_are_refused_not_ignored(core: Any, namespace: str) -> None:
    with pytest.raises(official.ApiException) as refused:
        core.list_namespaced_config_map(namespace, watch=True, send_initial_events=True)
    assert refused.value.status == 422


def test_a_watch_that_ends_marks_how_far_it_came(core: Any, namespace: str) -> None:
    listed = core.list_namespaced_config_map(namespace).metadata.resource_version
    query = {"resource_version": listed, "timeout_seconds": 1}
    (mark,) = raw_events(core, namespace, allow_watch_bookmarks=True, **query)
    assert mark["type"] == "BOOKMARK"
    assert int(mark["object"]["metadata"]["resourceVersion"]) >= int(listed)


def test_a_watch_whose_time_ran_out_unseen_still_marks_how_far_it_came() -> None:
    """As after a server that was held up for all of the watch's time."""
    api = new_api()
    api.create("namespaces", {"metadata": {"name": "n"}})
    kind = api.kinds.find("", "v1", "configmaps")
    assert kind is not None
    target = Target(kind, "v1", "n")

    async def heard(*, bookmarks: bool) -> list[str]:
        request = WatchRequest(target, None, api.store.revision, False, False, bookmarks, seconds=0.0)
        chunks = watch_stream(api.store, request, View(kind, "v1", "Object", "", api.schemas)).chunks
        assert await anext(chunks) == b""
        name = api.create("configmaps", configmap(f"made-{bookmarks}".lower()), namespace="n")["metadata"]["name"]
        events = [orjson.loads(line) for line in b"".join([chunk async for chunk in chunks]).splitlines()]
        assert events[0]["object"]["metadata"]["name"] == name
        assert events[-1]["object"]["metadata"]["resourceVersion"] == str(api.store.revision)
        return [event["type"] for event in events]

    assert asyncio.run(heard(bookmarks=True)) == ["ADDED", "BOOKMARK"]
    assert asyncio.run(heard(bookmarks=False)) == ["ADDED"]


def test_one_object_can_be_watched_by_field_selector(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    core.create_namespaced_config_map(namespace, configmap("two"))
    events = raw_events(core, namespace, field_selector="metadata.name=two", timeout_seconds=1)
    assert summary(events) == [("ADDED", "two")]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"field_selector": "data.key=1"}, 400),
        ({"label_selector": "a in"}, 400),
        ({"resource_version": "abc"}, 400),
        ({"resource_version": "999999999"}, 504),
        ({"_continue": "nonsense"}, 400),
    ],
)
def test_queries_that_make_no_sense_are_refused(core: Any, namespace: str, query: dict[str, str], status: int) -> None:
    with pytest.raises(official.ApiException) as refused:
        core.list_namespaced_config_map(namespace, **query)
    assert refused.value.status == status


def test_a_commit_made_by_a_subscriber_is_delivered_after_its_cause() -> None:
    api: Api = new_api()
    api.create("namespaces", {"metadata": {"name": "n"}})
    seen: list[tuple[str, str]] = []

    def answering(event: Any) -> None:
        if event.obj["metadata"]["name"] == "cause":
            api.create("configmaps", configmap("effect"), namespace="n")

    api.store.subscribe(["configmaps"], answering)
    api.store.subscribe(["configmaps"], lambda event: seen.append((event.type, event.obj["metadata"]["name"])))
    api.create("configmaps", configmap("cause"), namespace="n")
    assert seen == [("ADDED", "cause"), ("ADDED", "effect")]


def test_a_failing_subscriber_hides_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    api = new_api()
    seen: list[str] = []

    def fail(event: Any) -> None:
        raise ZeroDivisionError

    api.store.subscribe(None, fail)
    unsubscribe = api.store.subscribe(None, lambda event: seen.append(event.type))
    api.create("namespaces", {"metadata": {"name": "n"}})
    unsubscribe()
    api.create("namespaces", {"metadata": {"name": "m"}})
    assert seen == ["ADDED"]
    assert "ZeroDivisionError" in caplog.text
