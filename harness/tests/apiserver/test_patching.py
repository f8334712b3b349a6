"""The three kinds of patches."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.patches import json_patch, merge_patch
from harness.embedded.apiserver.strategic import strategic_merge
from harness.tests.apiserver.support import Answer, Box, configmap, deployment, new_api, official


def test_strategic_merge_finds_containers_and_variables_by_name(apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=0))
    change = {"name": "app", "env": [{"name": "B", "value": "22"}, {"name": "C", "value": "3"}]}
    extra = {"name": "side", "image": "side:1"}
    patch = {"spec": {"template": {"spec": {"containers": [change, extra]}}}}
    containers = apps.patch_namespaced_deployment("web", namespace, patch).spec.template.spec.containers
    assert [(entry.name, entry.image) for entry in containers] == [("app", "app:1"), ("side", "side:1")]
    assert [(entry.name, entry.value) for entry in containers[0].env] == [("A", "1"), ("B", "22"), ("C", "3")]


def test_strategic_merge_removes_one_variable_by_name(apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=0))
    env = [{"name": "A", "$patch": "delete"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": env}]}}}}
    (container,) = apps.patch_namespaced_deployment("web", namespace, patch).spec.template.spec.containers
    assert [entry.name for entry in container.env] == ["B"]


@pytest.fixture
def api() -> Api:
    return new_api()


def node(api: Api, key: str = "deployments.apps") -> Any:
    kind = api.kind(key)
    return api.schemas.of(kind, kind.version).node


def containers(*entries: Any, **directives: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(entries), **directives}}}}


@pytest.mark.parametrize(
    ("patch", "names"),
    [
        (containers({"name": "b"}, **{"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}), ["b", "x", "a"]),
        (
            containers({"name": "c"}, **{"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}),
            ["c", "a", "b", "x"],
        ),
        (containers({"$patch": "replace"}, {"name": "new"}), ["new"]),
        (containers({"name": "a", "$patch": "delete"}, {"name": "nobody", "$patch": "delete"}), ["b", "x"]),
    ],
)
def test_directives_on_lists(api: Api, patch: dict[str, Any], names: list[str]) -> None:
    live = containers({"name": "a"}, {"name": "b"}, {"name": "x"})
    merged = strategic_merge(node(api), live, patch)
    assert [entry["name"] for entry in merged["spec"]["template"]["spec"]["containers"]] == names


def test_directives_on_maps_and_scalar_lists(api: Api) -> None:
    live = {
        "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}},
        "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
    }
    patch = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "finalizers": ["c"],
            "labels": {"$patch": "replace", "z": "3"},
        },
        "spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
    }
    assert strategic_merge(node(api), live, patch) == {
        "metadata": {"finalizers": ["b", "c"], "labels": {"z": "3"}},
        "spec": {"strategy": {"type": "Recreate"}},
    }


@pytest.mark.parametrize("patch", [[], "text", containers({"image": "x"}), {"spec": {"$retainKeys": 3}}, containers(7)])
def test_strategic_patches_that_make_no_sense_are_refused(api: Api, patch: Any) -> None:
    with pytest.raises(ApiError) as refused:
        strategic_merge(node(api), containers({"name": "a"}), patch)
    assert refused.value.code == 422


def test_merge_patch_replaces_lists_and_deletes_by_null() -> None:
    live = {"a": {"b": 1, "c": 2}, "l": [1, 2], "s": "x"}
    patch = {"a": {"b": None, "d": {"e": None, "f": 1}}, "l": [3], "s": {"t": 1}}
    assert merge_patch(live, patch) == {"a": {"c": 2, "d": {"f": 1}}, "l": [3], "s": {"t": 1}}
    assert live["l"] == [1, 2]


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "add", "path": "/a/0", "value": 0}], {"a": [0, 1, 2], "m/n": {"~": 1}}),
        ([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3], "m/n": {"~": 1}}),
        ([{"op": "remove", "path": "/m~1n/~0"}], {"a": [1, 2], "m/n": {}}),
        ([{"op": "replace", "path": "/a", "value": None}], {"a": None, "m/n": {"~": 1}}),
        ([{"op": "test", "path": "/a/1", "value": 2}, {"op": "move", "from": "/a/0", "path": "/b"}],
         {"a": [2], "b": 1, "m/n": {"~": 1}}),
        ([{"op": "copy", "from": "/m~1n", "path": "/a/1"}], {"a": [1, {"~": 1}, 2], "m/n": {"~": 1}}),
    ],
)  # fmt: skip
def test_json_patch_operations(operations: list[Any], result: Any) -> None:
    assert json_patch({"a": [1, 2], "m/n": {"~": 1}}, operations) == result


@pytest.mark.parametrize(
    "operations",
    [
        {},
        ["x"],
        [{"op": "test", "path": "/a/0", "value": 9}],
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "replace", "path": "/a/7", "value": 1}],
        [{"op": "add", "path": "/x/y", "value": 1}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/a/²", "value": 1}],
        [{"op": "add", "path": "/b"}],
        [{"op": "explode", "path": "/a"}],
        [{"op": "move", "path": "/a", "from": "/a/0/deep"}],
    ],
)
def test_json_patches_that_do_not_fit_are_refused(operations: Any) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": [1, 2]}, operations)
    assert refused.value.code == 422


def patched(box: Box, namespace: str, body: Any, content_type: str) -> Answer:
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    return box.request("PATCH", path, body, Content_Type=content_type)


def test_all_patch_types_over_http(box: Box, core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one", a="1"))
    merged = patched(box, namespace, {"data": {"a": None, "b": "2"}}, "application/merge-patch+json")
    assert (merged.status, merged.json["data"]) == (200, {"b": "2"})
    operations = [{"op": "add", "path": "/data/c", "value": "3"}]
    merged = patched(box, namespace, operations, "application/json-patch+json")
    assert (merged.status, merged.json["data"]) == (200, {"b": "2", "c": "3"})


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain"])
def test_unserved_patch_types_are_named(box: Box, core: Any, namespace: str, content_type: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    refused = patched(box, namespace, {"data": {}}, content_type)
    assert (refused.status, refused.json["reason"]) == (415, "UnsupportedMediaType")
    assert content_type in refused.json["message"]


@pytest.mark.parametrize(
    "patch", [{"metadata": {"name": "two"}}, {"metadata": {"namespace": "other"}}, {"metadata": None}]
)
def test_a_patch_cannot_rename(core: Any, namespace: str, patch: Any) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    with pytest.raises(official.ApiException) as refused:
        core.patch_namespaced_config_map("one", namespace, patch)
    assert refused.value.status == 400
