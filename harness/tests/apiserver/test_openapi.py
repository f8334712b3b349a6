"""OpenAPI v3: what kubectl needs of it to validate, explain and apply."""

from __future__ import annotations

from typing import Any

import pytest

from harness.tests.apiserver.support import WIDGET_CRD, Box, official


def links(box: Box) -> dict[str, str]:
    paths = box.request("GET", "/openapi/v3").json["paths"]
    return {path: link["serverRelativeURL"] for path, link in paths.items()}


def references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {found for child in schema for found in references(child)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    return own | {found for child in schema.values() for found in references(child)}


def test_every_group_and_version_that_discovery_names_has_a_document(box: Box) -> None:
    groups = box.request("GET", "/apis").json["groups"]
    named = {f"apis/{version['groupVersion']}" for group in groups for version in group["versions"]}
    assert {"api/v1", *named} == set(links(box))


@pytest.mark.parametrize("path", ["api/v1", "apis/apps/v1", "apis/apiextensions.k8s.io/v1"])
def test_a_document_holds_all_it_refers_to(box: Box, path: str) -> None:
    document = box.request("GET", links(box)[path]).json
    prefix = "#/components/schemas/"
    assert {ref.removeprefix(prefix) for ref in references(document)} <= set(document["components"]["schemas"])


def test_patching_is_described_with_field_validation(box: Box) -> None:
    document = box.request("GET", links(box)["apis/apps/v1"]).json
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]


def test_schemas_keep_what_client_side_patches_go_by(box: Box) -> None:
    schemas = box.request("GET", links(box)["apis/apps/v1"]).json["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["type"] == "array"
    assert containers["description"]


def test_custom_kinds_are_described_and_change_the_hash(box: Box, api_client: Any) -> None:
    extensions = official.ApiextensionsV1Api(api_client)
    name = "hats.example.info"
    hats: dict[str, Any] = {**WIDGET_CRD, "metadata": {"name": name}}
    hats["spec"] = {**WIDGET_CRD["spec"], "group": "example.info", "names": {"plural": "hats", "kind": "Hat"}}
    extensions.create_custom_resource_definition(hats)
    first = links(box)["apis/example.info/v1"]
    schema = box.request("GET", first).json["components"]["schemas"]["info.example.v1.Hat"]
    assert schema["properties"]["spec"]["properties"]["color"]["enum"] == ["red", "green"]
    assert schema["properties"]["metadata"]["$ref"].endswith("ObjectMeta")
    changed = extensions.read_custom_resource_definition(name)
    changed.spec.versions[0].schema.open_apiv3_schema.properties["spec"].description = "what it is like"
    extensions.replace_custom_resource_definition(name, changed)
    assert links(box)["apis/example.info/v1"] != first
    extensions.delete_custom_resource_definition(name)
    assert "apis/example.info/v1" not in links(box)


def test_the_second_version_describes_nothing(box: Box) -> None:
    """kubectl asks for it when a kind is in none of the third's, and then says that there is no such kind."""
    answer = box.request("GET", "/openapi/v2", Accept="application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
    assert (answer.status, answer.content) == (200, b"\x0a\x032.0")
    assert answer.headers["Content-Type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def test_only_builtin_kinds_offer_strategic_merge(box: Box, widgets: Any) -> None:
    """kubectl apply makes its patches by it, and one that is not taken is the end."""
    strategic = "application/strategic-merge-patch+json"
    for document, path, offered in (
        ("api/v1", "/api/v1/namespaces/{namespace}/configmaps/{name}", True),
        ("apis/example.com/v1", "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}", False),
    ):
        patch = box.request("GET", links(box)[document]).json["paths"][path]["patch"]
        assert (strategic in patch["requestBody"]["content"]) is offered


@pytest.mark.parametrize("path", ["/openapi/v2/x", "/openapi", "/openapi/v3/apis/nope/v1", "/openapi/v3/api/v1/x"])
def test_what_is_not_described(box: Box, path: str) -> None:
    assert box.request("GET", path).status == 404
