from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dialect import LINKERD_EDGE
from harness.embedded.apiserver.schema import ANYTHING, Node, compile_node, shape
from harness.embedded.apiserver.validation import Validator, to_json_schema
from harness.embedded.crds import definitions
from harness.resources.durations import DurationInvalid, format_duration, parse_policy_duration
from harness.resources.routes import SERVED_VERSIONS, parse_http_route
from harness.tests.resources import crd_cases
from harness.tests.resources.documents import GATEWAY, POLICY, Obj, route

VERSIONS = [f"{group}/{version}" for group, versions in SERVED_VERSIONS.items() for version in versions]


def route_definitions() -> list[Any]:
    return [found for found in definitions(LINKERD_EDGE) if found["spec"]["names"]["kind"] == "HTTPRoute"]


@cache
def engine(api_version: str) -> tuple[Node, Validator]:
    group, _, version = api_version.rpartition("/")
    (definition,) = (found for found in route_definitions() if found["spec"]["group"] == group)
    (served,) = (found for found in definition["spec"]["versions"] if found["name"] == version)
    schema = served["schema"]["openAPIV3Schema"]
    node = compile_node(schema)
    node.properties["metadata"] = ANYTHING  # the API server knows it better than any CustomResourceDefinition
    return node, Validator(to_json_schema(schema))


def submit(spec: Obj, api_version: str, **more: Any) -> tuple[Obj, list[str]]:
    """The object as it would be stored, and why it would not be."""
    node, validator = engine(api_version)
    document: Obj = json.loads(json.dumps(route(api_version=api_version) | {"spec": spec} | more))
    shaped = shape(node, document)
    return document, [str(cause) for cause in [*shaped.causes, *validator.findings(document)]]


def walk(value: Any) -> Iterator[Any]:
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from walk(child)


def test_each_group_stores_its_newest_version_and_serves_all_1_67_1_68() -> None:
    for definition in route_definitions():
        spec = definition["spec"]
        assert definition["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
        expected = SERVED_VERSIONS[spec["group"]]
        assert {version["name"] for version in spec["versions"]} == set(expected)
        assert [version["name"] for version in spec["versions"] if version["storage"]] == [expected[-1]]
        for version in spec["versions"]:
            assert version["served"]
            assert version["subresources"] == {"status": {}}
            assert [column["name"] for column in version["additionalPrinterColumns"]] == ["Hostnames", "Age"]


def test_every_schema_is_structural() -> None:
    for definition in route_definitions():
        for value in walk(definition["spec"]["versions"]):
            if isinstance(value, dict) and {"properties", "items"} & set(value) and "openAPIV3Schema" not in value:
                assert value.get("type") in ("object", "array"), value


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", crd_cases.VALID)
def test_accepted_1_70(case: str, version: str) -> None:
    assert submit(crd_cases.VALID[case], version)[1] == []


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
@pytest.mark.parametrize("case", crd_cases.INVALID)
def test_refused_1_70(case: str, version: str) -> None:
    assert submit(crd_cases.INVALID[case], version)[1]


@pytest.mark.parametrize("version", ["policy.linkerd.io/v1beta2", POLICY, GATEWAY])
@pytest.mark.parametrize("case", crd_cases.INVALID_SINCE_V1BETA2)
def test_refused_since_v1beta2_1_70(case: str, version: str) -> None:
    assert submit(crd_cases.INVALID_SINCE_V1BETA2[case], version)[1]


@pytest.mark.parametrize("case", crd_cases.POLICY_ONLY_INVALID)
def test_refused_in_the_policy_group_only_1_55(case: str) -> None:
    assert submit(crd_cases.POLICY_ONLY_INVALID[case], POLICY)[1]
    assert submit(crd_cases.POLICY_ONLY_INVALID[case], GATEWAY)[1] == []


@pytest.mark.parametrize("case", crd_cases.GATEWAY_ONLY_INVALID)
def test_refused_in_the_gateway_group(case: str) -> None:
    assert submit(crd_cases.GATEWAY_ONLY_INVALID[case], GATEWAY)[1]


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_old_backends_have_no_weight_and_a_default_namespace_1_67(version: str) -> None:
    spec = crd_cases.VALID["weights"]
    stored, problems = submit(spec, f"policy.linkerd.io/{version}")
    assert problems == []
    assert stored["spec"]["rules"][0]["backendRefs"][0] == {"name": "books", "port": 7002, "namespace": "default"}


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1", "v1beta2"])
def test_timeouts_are_dropped_silently_before_v1beta3_1_67(version: str) -> None:
    stored, problems = submit(crd_cases.VALID["timeouts"], f"policy.linkerd.io/{version}")
    assert problems == []
    assert "timeouts" not in stored["spec"]["rules"][0]


@pytest.mark.parametrize("version", VERSIONS)
def test_defaults_1_2_1_21_1_22(version: str) -> None:
    stored, _ = submit({"parentRefs": [{"name": "books", "kind": "Service"}]}, version)
    assert stored["spec"] == {
        "parentRefs": [{"name": "books", "kind": "Service", "group": version.rpartition("/")[0]}],
        "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}],
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", crd_cases.VALID)
def test_a_manifest_reads_like_the_stored_object(case: str, version: str) -> None:
    written = route(api_version=version) | {"spec": crd_cases.VALID[case]}
    stored, _ = submit(crd_cases.VALID[case], version)
    stored["apiVersion"] = f"{version.rpartition('/')[0]}/{SERVED_VERSIONS[version.rpartition('/')[0]][-1]}"
    assert parse_http_route(written) == parse_http_route(stored)


@given(st.timedeltas(timedelta(0), timedelta(days=400)).map(format_duration) | st.text("0123456789.+-hmsnuµ"))
def test_the_schema_takes_a_policy_timeout_if_it_can_be_read_2_4(text: str) -> None:
    accepted = not submit({"rules": [{"timeouts": {"request": text}}]}, POLICY)[1]
    assert accepted is _is_readable(text) or text in ("", "+", "-") or text.startswith(("++", "--", "+-"))


def _is_readable(text: str) -> bool:
    try:
        parse_policy_duration(text)
    except DurationInvalid:
        return False
    return True


def test_the_controllers_status_is_valid_1_62() -> None:
    condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    condition["lastTransitionTime"] = "2024-01-01T00:00:00Z"
    parent = {"group": "core", "kind": "Service", "namespace": "booksapp", "name": "books"}
    entry = {"controllerName": "linkerd.io/policy-controller", "parentRef": parent, "conditions": [condition]}
    for version in VERSIONS:
        assert submit({}, version, status={"parents": [entry]})[1] == []
        assert submit({}, version, status={"parents": [entry | {"controllerName": "linkerd"}]})[1]
        assert submit({}, version, status={"parents": [entry | {"conditions": [condition] * 2}]})[1]
