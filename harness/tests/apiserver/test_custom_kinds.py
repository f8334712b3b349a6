"""Kinds that a CustomResourceDefinition describes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.apiserver.objects import clone
from harness.tests.apiserver.support import WIDGET_CRD, Box, official
from harness.tests.apiserver.test_writing import refusal


def widget(version: str = "v1", name: str = "one", **spec: Any) -> dict[str, Any]:
    body = {"color": "red", **spec}
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": {"name": name}, "spec": body}


def create(widgets: Any, namespace: str, body: Any, version: str = "v1", **query: Any) -> Any:
    return widgets.create_namespaced_custom_object("example.com", version, namespace, "widgets", body, **query)


def test_a_definition_is_established_and_served(widgets: Any, api_client: Any, namespace: str) -> None:
    found = official.ApiextensionsV1Api(api_client).read_custom_resource_definition("widgets.example.com")
    assert {entry.type: entry.status for entry in found.status.conditions}["Established"] == "True"
    assert found.status.stored_versions == ["v1"]
    assert create(widgets, namespace, widget())["metadata"]["generation"] == 1


def test_defaults_are_filled_in_and_unknown_fields_pruned(widgets: Any, namespace: str) -> None:
    made = create(widgets, namespace, widget(parts=[{"name": "a"}], free={"any": [1]}, typo=1, note=None))
    assert made["spec"] == {
        "color": "red",
        "size": 1,
        "parts": [{"name": "a", "count": 7}],
        "free": {"any": [1]},
        "note": None,
    }


def test_strict_validation_names_pruned_fields(widgets: Any, namespace: str) -> None:
    body = widget(parts=[{"name": "a", "typo": 1}])
    code, status = refusal(create, widgets, namespace, body, field_validation="Strict")
    assert code == 400
    assert 'unknown field "spec.parts[0].typo"' in status["message"]


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"color": "blue"}, "spec.color", "FieldValueNotSupported"),
        ({"color": None}, "spec.color", "FieldValueRequired"),
        ({"size": "big"}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": -1}, "spec.size", "FieldValueInvalid"),
        ({"size": 2**40}, "spec.size", "FieldValueInvalid"),
        ({"weight": 1.5}, "spec.weight", "FieldValueTypeInvalid"),
        ({"note": "NO"}, "spec.note", "FieldValueInvalid"),
        ({"parts": [{"name": str(n)} for n in range(4)]}, "spec.parts", "FieldValueTooMany"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, "spec.parts[1]", "FieldValueDuplicate"),
    ],
)
def test_what_the_schema_forbids_is_refused_by_field(
    widgets: Any, namespace: str, spec: dict[str, Any], field: str, reason: str
) -> None:
    code, status = refusal(create, widgets, namespace, widget(**spec))
    assert code == 422
    assert [(cause["field"], cause["reason"]) for cause in status["details"]["causes"]] == [(field, reason)]


@pytest.mark.parametrize("weight", [3, "3kg"])
def test_int_or_string_takes_both(widgets: Any, namespace: str, weight: int | str) -> None:
    assert create(widgets, namespace, widget(weight=weight))["spec"]["weight"] == weight


def test_every_served_version_shows_the_same_object(widgets: Any, namespace: str) -> None:
    made = create(widgets, namespace, widget("v1beta1"), "v1beta1")
    assert made["apiVersion"] == "example.com/v1beta1"
    stored = widgets.get_namespaced_custom_object("example.com", "v1", namespace, "widgets", "one")
    assert stored["apiVersion"] == "example.com/v1"
    assert stored["metadata"]["uid"] == made["metadata"]["uid"]
    assert refusal(create, widgets, namespace, widget("v1", "two"), "v1beta1")[0] == 400


def test_status_and_generation_of_custom_objects(widgets: Any, namespace: str) -> None:
    create(widgets, namespace, {**widget(), "status": {"dropped": True}})
    place = ("example.com", "v1", namespace, "widgets", "one")
    assert "status" not in widgets.get_namespaced_custom_object(*place)
    by_status = widgets.patch_namespaced_custom_object_status(*place, {"status": {"size": 4}, "spec": {"size": 9}})
    assert (by_status["status"], by_status["spec"]["size"], by_status["metadata"]["generation"]) == ({"size": 4}, 1, 1)
    by_spec = widgets.patch_namespaced_custom_object(*place, {"spec": {"size": 9}, "status": {}})
    assert (by_spec["status"], by_spec["spec"]["size"], by_spec["metadata"]["generation"]) == ({"size": 4}, 9, 2)


def test_custom_objects_scale_through_their_paths(widgets: Any, namespace: str) -> None:
    create(widgets, namespace, widget(size=2))
    place = ("example.com", "v1", namespace, "widgets", "one")
    assert widgets.get_namespaced_custom_object_scale(*place)["spec"] == {"replicas": 2}
    widgets.patch_namespaced_custom_object_scale(*place, {"spec": {"replicas": 5}})
    assert widgets.get_namespaced_custom_object(*place)["spec"]["size"] == 5


def test_replacing_needs_a_version(widgets: Any, namespace: str) -> None:
    create(widgets, namespace, widget())
    place = ("example.com", "v1", namespace, "widgets", "one")
    code, status = refusal(widgets.replace_namespaced_custom_object, *place, widget())
    assert code == 422
    assert "must be specified for an update" in status["message"]


def test_strategic_merge_is_for_builtin_kinds_only(widgets: Any, dynamic: Any, namespace: str) -> None:
    create(widgets, namespace, widget())
    kind = dynamic.resources.get(api_version="example.com/v1", kind="Widget")
    content = "application/strategic-merge-patch+json"
    with pytest.raises(Exception, match="415"):
        kind.patch(body={"spec": {"size": 3}}, name="one", namespace=namespace, content_type=content)


def test_a_withdrawn_definition_takes_its_objects_along(api_client: Any, namespace: str) -> None:
    extensions = official.ApiextensionsV1Api(api_client)
    gadgets = {**WIDGET_CRD, "metadata": {"name": "gadgets.example.org"}}
    gadgets["spec"] = {**WIDGET_CRD["spec"], "group": "example.org", "names": {"plural": "gadgets", "kind": "Gadget"}}
    extensions.create_custom_resource_definition(gadgets)
    custom = official.CustomObjectsApi(api_client)
    body = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"color": "red"}}
    custom.create_namespaced_custom_object("example.org", "v1", namespace, "gadgets", body)
    extensions.delete_custom_resource_definition("gadgets.example.org")
    assert refusal(custom.list_namespaced_custom_object, "example.org", "v1", namespace, "gadgets")[0] == 404
    extensions.create_custom_resource_definition(gadgets)
    assert custom.list_namespaced_custom_object("example.org", "v1", namespace, "gadgets")["items"] == []


SCHEMA = ("spec", "versions", 0, "schema", "openAPIV3Schema")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("spec", "versions", 0, "storage"), False, "spec.versions"),
        (("spec", "versions", 1, "storage"), True, "spec.versions"),
        (("spec", "versions", 1, "name"), "v1", "spec.versions[1].name"),
        (("metadata", "name"), "others.example.com", "metadata.name"),
        ((*SCHEMA, "type"), "thing", "spec.versions[0].schema.openAPIV3Schema.type"),
        ((*SCHEMA, "properties"), {"a": 5}, "spec.versions[0].schema.openAPIV3Schema.properties.a"),
        ((*SCHEMA, "$ref"), "#/elsewhere", "spec.versions[0].schema.openAPIV3Schema.$ref"),
        ((*SCHEMA, "items"), [{"type": "object"}], "spec.versions[0].schema.openAPIV3Schema.items"),
        ((*SCHEMA, "additionalProperties"), "x", "spec.versions[0].schema.openAPIV3Schema.additionalProperties"),
        (
            (*SCHEMA, "properties", "spec", "properties", "color", "pattern"),
            "(",
            "spec.versions[0].schema.openAPIV3Schema",
        ),
    ],
)
def test_a_definition_that_nothing_can_follow_is_refused_by_field(
    box: Box, path: tuple[Any, ...], value: Any, field: str
) -> None:
    definition = clone(WIDGET_CRD)
    place: Any = definition
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    answer = box.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All", definition)
    causes = (answer.json.get("details") or {}).get("causes") or []
    fields = [cause["field"] for cause in causes] or [answer.json["message"]]
    assert answer.status in (400, 422), answer.content
    assert any(field in found for found in fields), fields


@pytest.mark.parametrize(
    ("group", "plural", "said"),
    [
        ("apps", "widgets", 'spec.group: Invalid value: "apps": should be a domain with at least one dot'),
        ("networking.k8s.io", "ingresses", "metadata.name: Forbidden: ingresses.networking.k8s.io is built in"),
    ],
)
def test_a_definition_takes_no_place_that_is_not_its_own(box: Box, group: str, plural: str, said: str) -> None:
    definition = clone(WIDGET_CRD)
    definition["metadata"]["name"], definition["spec"]["group"] = f"{plural}.{group}", group
    definition["spec"]["names"]["plural"] = plural
    answer = box.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All", definition)
    assert answer.status == 422
    assert answer.json["message"].endswith(said)


def test_what_a_definition_leaves_empty_it_does_not_say(box: Box) -> None:
    definition = clone(WIDGET_CRD)
    definition["metadata"]["name"], definition["spec"]["group"] = "widgets.example.net", "example.net"
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema |= {"description": None, "example": None}
    schema["properties"]["x-kubernetes-validations"] = {"type": "object", "required": None}
    answer = box.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All", definition)
    assert answer.status == 201, answer.content
    kept = answer.json["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "description" not in kept
    assert kept["properties"]["x-kubernetes-validations"] == {"type": "object"}
