"""Our definitions of the policy kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE
from harness.embedded.crds import definitions
from harness.resources.document import ResourceInvalid
from harness.resources.policy_heads import SERVED_POLICY_VERSIONS
from harness.resources.policy_objects import parse_policy_object
from harness.tests.resources_policy.crd_cases import INVALID, SERVERS_BY_VERSION, VALID, VERSIONS
from harness.tests.resources_policy.documents import Obj, document
from harness.tests.resources_policy.engines import definition, engine, submit

EDGE, OLD = "linkerd-edge", "linkerd-2.14"
# kind: stored version, deprecated versions, in edge and in 2.14
SERVED: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    EDGE: {
        "Server": (["v1beta3", "v1beta2", "v1beta1", "v1alpha1"], ["v1beta1", "v1alpha1"]),
        "ServerAuthorization": (["v1beta1", "v1alpha1"], ["v1alpha1"]),
        "AuthorizationPolicy": (["v1alpha1"], []),
        "MeshTLSAuthentication": (["v1alpha1"], []),
        "NetworkAuthentication": (["v1alpha1"], []),
        "HTTPLocalRateLimitPolicy": (["v1alpha1"], []),
    },
    OLD: {
        "Server": (["v1beta1", "v1alpha1"], ["v1alpha1"]),
        "ServerAuthorization": (["v1beta1", "v1alpha1"], ["v1alpha1"]),
        "AuthorizationPolicy": (["v1alpha1"], []),
        "MeshTLSAuthentication": (["v1alpha1"], []),
        "NetworkAuthentication": (["v1alpha1"], []),
    },
}


@pytest.mark.parametrize(("dialect", "kind"), [(dialect, kind) for dialect in SERVED for kind in SERVED[dialect]])
def test_served_and_deprecated_versions_1_69(dialect: str, kind: str) -> None:
    served, deprecated = SERVED[dialect][kind]
    versions = definition(kind, dialect)["spec"]["versions"]
    assert [version["name"] for version in versions] == served
    assert [version["storage"] for version in versions] == [True, *[False] * (len(served) - 1)]
    assert [version["name"] for version in versions if version.get("deprecated")] == deprecated
    assert all(version["served"] for version in versions)


def test_kinds_by_dialect_3_27() -> None:
    for dialect in (LINKERD_2_14, LINKERD_EDGE):
        kinds = [found["spec"]["names"]["kind"] for found in definitions(dialect)]
        of_calls = ["GRPCRoute"] if dialect.grpc_routes else []
        assert kinds == ["HTTPRoute", "HTTPRoute", *of_calls, *SERVED[dialect.name]]


def test_deprecation_names_the_successor_3_10() -> None:
    versions = {version["name"]: version for version in definition("Server", EDGE)["spec"]["versions"]}
    said = "policy.linkerd.io/v1beta1 Server is deprecated; use policy.linkerd.io/v1beta3 Server"
    assert versions["v1beta1"]["deprecationWarning"] == said


def test_every_definition_has_its_own_name() -> None:
    found = definitions()
    names = [one["metadata"]["name"] for one in found]
    assert len(set(names)) == len(names)
    assert names == [f"{one['spec']['names']['plural']}.{one['spec']['group']}" for one in found]
    assert "authorizationpolicies.policy.linkerd.io" in names


def _walk(value: Any) -> Iterator[Any]:
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _walk(child)


def test_every_schema_is_structural() -> None:
    for found in definitions():
        for value in _walk(found["spec"]["versions"]):
            if isinstance(value, dict) and {"properties", "items"} & set(value) and "openAPIV3Schema" not in value:
                assert value.get("type") in ("object", "array"), value


@pytest.mark.parametrize(("kind", "version"), VERSIONS)
def test_accepted(kind: str, version: str) -> None:
    for case, spec in VALID[kind].items():
        assert submit(engine(kind, version), kind, version, spec)[1] == [], case


@pytest.mark.parametrize(("kind", "version"), VERSIONS)
def test_refused(kind: str, version: str) -> None:
    for case, spec in INVALID[kind].items():
        assert submit(engine(kind, version), kind, version, spec)[1], case


@pytest.mark.parametrize("version", SERVED_POLICY_VERSIONS["Server"])
@pytest.mark.parametrize("case", SERVERS_BY_VERSION)
def test_servers_whose_validity_depends_on_the_version_1_69(case: str, version: str) -> None:
    spec, valid = SERVERS_BY_VERSION[case]
    assert (submit(engine("Server", version), "Server", version, spec)[1] == []) is (version in valid)


@pytest.mark.parametrize(("version", "access"), [("v1beta1", None), ("v1beta2", None), ("v1beta3", "deny")])
def test_defaults_of_servers_3_7_3_9(version: str, access: str | None) -> None:
    stored, _ = submit(engine("Server", version), "Server", version, {"port": 1, "podSelector": {}})
    assert stored["spec"]["proxyProtocol"] == "unknown"
    assert stored["spec"].get("accessPolicy") == access


def test_an_older_version_drops_the_access_policy_1_69() -> None:
    spec = {"port": 1, "podSelector": {}, "accessPolicy": "audit"}
    stored, problems = submit(engine("Server", "v1beta1"), "Server", "v1beta1", spec)
    assert problems == []
    assert "accessPolicy" not in stored["spec"]


def _reading(obj: Obj) -> object:
    try:
        return parse_policy_object(obj)
    except ResourceInvalid as invalid:  # what the webhook refuses
        return invalid.problems


@pytest.mark.parametrize(("kind", "version"), VERSIONS)
def test_a_manifest_reads_like_the_stored_object(kind: str, version: str) -> None:
    for case, spec in VALID[kind].items():
        stored, _ = submit(engine(kind, version), kind, version, spec)
        assert _reading(document(kind, "x", spec, version=version)) == _reading(stored), case


@pytest.mark.parametrize(("identity", "dialects"), [("spiffe://a/b", [EDGE]), ("a.*", [EDGE]), ("*.a", [OLD, EDGE])])
def test_2_14_checks_identities_by_schema_1_74(identity: str, dialects: list[str]) -> None:
    kind = "MeshTLSAuthentication"
    for dialect in (OLD, EDGE):
        problems = submit(engine(kind, "v1alpha1", dialect), kind, "v1alpha1", {"identities": [identity]})[1]
        assert (problems == []) is (dialect in dialects)


def test_the_status_of_a_rate_limit_3_27() -> None:
    kind = "HTTPLocalRateLimitPolicy"
    spec = VALID[kind]["no limit"]
    condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    condition["lastTransitionTime"] = "2024-01-01T00:00:00Z"
    status = {"conditions": [condition], "targetRef": {"name": "s"}}
    stored, problems = submit(engine(kind, "v1alpha1"), kind, "v1alpha1", spec, status=status)
    assert problems == []
    assert stored["status"]["targetRef"] == {"name": "s", "group": "policy.linkerd.io", "kind": "Server"}
    assert submit(engine(kind, "v1alpha1"), kind, "v1alpha1", spec, status={"conditions": []})[1]
