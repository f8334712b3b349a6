"""What is served, as clients find it out."""

from __future__ import annotations

from typing import Any

import pytest

from harness.tests.apiserver.support import Box, configmap, official

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def test_versions_and_groups(box: Box, api_client: Any) -> None:
    assert official.VersionApi(api_client).get_code().git_version.startswith("v1.32.")
    assert official.CoreApi(api_client).get_api_versions().versions == ["v1"]
    names = [group.name for group in official.ApisApi(api_client).get_api_versions().groups]
    assert {"apps", "batch", "networking.k8s.io", "apiextensions.k8s.io"} <= set(names)


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping"])
def test_health(box: Box, path: str) -> None:
    answer = box.request("GET", path)
    assert (answer.status, answer.content) == (200, b"ok")


def test_resources_of_a_group_with_their_subresources(box: Box) -> None:
    listed = box.request("GET", "/apis/apps/v1").json
    by_name = {entry["name"]: entry for entry in listed["resources"]}
    assert by_name["deployments"]["shortNames"] == ["deploy"]
    assert by_name["deployments/scale"]["kind"] == "Scale"
    assert by_name["deployments/scale"]["group"] == "autoscaling"
    assert box.request("GET", "/apis/apps/v2").status == 404
    assert box.request("GET", "/apis/nowhere").status == 404


@pytest.mark.parametrize("root", ["/api", "/apis"])
def test_aggregated_discovery_says_the_same_in_one_answer(box: Box, root: str) -> None:
    answer = box.request("GET", root, Accept=AGGREGATED)
    assert answer.headers["Content-Type"] == AGGREGATED.partition(",")[0]
    for group in answer.json["items"]:
        for version in group["versions"]:
            name = group["metadata"].get("name", "")
            listed = box.request("GET", f"{root}/{name}/{version['version']}".replace("//", "/")).json["resources"]
            own = {entry["name"] for entry in listed if "/" not in entry["name"]}
            assert {entry["resource"] for entry in version["resources"]} == own


def test_a_client_that_only_knows_version_two_beta_gets_the_old_form(box: Box) -> None:
    answer = box.request("GET", "/apis", Accept=AGGREGATED.replace("v=v2", "v=v2beta1"))
    assert answer.json["kind"] == "APIGroupList"


def test_the_dynamic_client_works_on_every_stored_kind(dynamic: Any, namespace: str) -> None:
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    maps.create(body=configmap("one", a="1"), namespace=namespace)
    maps.patch(body={"data": {"b": "2"}}, name="one", namespace=namespace, content_type="application/merge-patch+json")
    assert maps.get(name="one", namespace=namespace).data.to_dict() == {"a": "1", "b": "2"}
    events = [(event["type"], event["object"].metadata.name) for event in maps.watch(namespace=namespace, timeout=1)]
    assert ("ADDED", "one") in events
    maps.delete(name="one", namespace=namespace)
    assert [item.metadata.name for item in maps.get(namespace=namespace).items] == ["kube-root-ca.crt"]


def test_items_of_builtin_lists_are_typed_by_the_list(box: Box, namespace: str) -> None:
    listed = box.request("GET", f"/api/v1/namespaces/{namespace}/configmaps").json
    assert listed["kind"] == "ConfigMapList"
    assert all("kind" not in item and "apiVersion" not in item for item in listed["items"])


@pytest.mark.parametrize(
    ("path", "body", "field", "expected"),
    [
        ("authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": {}}}, "allowed", True),
        ("authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {}}, "incomplete", False),
    ],
)
def test_everybody_may_do_everything_and_is_told_so(box: Box, path: str, body: Any, field: str, expected: bool) -> None:
    answer = box.request("POST", f"/apis/{path}", body)
    assert (answer.status, answer.json["status"][field]) == (201, expected)
    assert answer.json["spec"] == body["spec"]


def test_whoami(box: Box) -> None:
    answer = box.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert answer.json["status"]["userInfo"]["username"] == "kubernetes-admin"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothings", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", "/api/v1/pods/one", 404),
        ("GET", "/api/v1/namespaces/default/pods/one/nothing", 404),
        ("POST", "/api/v1/pods", 405),
        ("POST", "/version", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
    ],
)
def test_paths_and_verbs_that_are_not_served(box: Box, method: str, path: str, status: int) -> None:
    answer = box.request(method, path)
    assert (answer.status, answer.json["kind"]) == (status, "Status")
