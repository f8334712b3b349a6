"""Parents, backends, Services, identities and the conditions that speak of them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.resources.conditions import ACCEPTED, RESOLVED_REFS, parse_parent_statuses
from harness.resources.document import ResourceInvalid
from harness.resources.identities import identity_matches, namespace_identities, service_account_identity
from harness.resources.parents import (
    is_egress_network_backend,
    is_egress_network_parent,
    is_server_parent,
    is_service_backend,
    is_service_parent,
    status_parent_ref,
)
from harness.resources.routes import BackendRef, ParentRef
from harness.resources.services import Service, ServicePort, parse_service


def parent(group: str, kind: str) -> ParentRef:
    return ParentRef(group, kind, "booksapp", "books", "main", 7002)


@pytest.mark.parametrize(("group", "kind"), [("", "Service"), ("core", "Service"), ("CORE", "service")])
def test_service_parents_1_1(group: str, kind: str) -> None:
    assert is_service_parent(parent(group, kind))


@pytest.mark.parametrize(
    ("group", "kind"),
    [("gateway.networking.k8s.io", "Service"), ("policy.linkerd.io", "Service"), ("v1", "Service"), ("", "Gateway")],
)
def test_what_is_no_service_parent_1_1(group: str, kind: str) -> None:
    assert not is_service_parent(parent(group, kind))
    assert status_parent_ref(parent(group, kind)) is None


def test_server_and_egress_network_parents_1_2() -> None:
    assert is_server_parent(parent("policy.linkerd.io", "Server"))
    assert not is_server_parent(parent("", "Server"))
    assert is_egress_network_parent(parent("policy.linkerd.io", "EgressNetwork"))


def test_backends_1_27() -> None:
    assert is_service_backend(BackendRef("books"))
    assert not is_service_backend(BackendRef("books", group="multicluster.x-k8s.io", kind="ServiceImport"))
    assert is_egress_network_backend(BackendRef("out", "policy.linkerd.io", "EgressNetwork"))


@pytest.mark.parametrize("group", ["", "core", "Core"])
def test_the_status_says_core_for_services_and_no_section_1_62(group: str) -> None:
    assert status_parent_ref(parent(group, "service")) == {
        "group": "core",
        "kind": "Service",
        "namespace": "booksapp",
        "name": "books",
        "port": 7002,
    }


def test_the_status_says_no_port_for_servers_1_62() -> None:
    assert status_parent_ref(parent("policy.linkerd.io", "Server")) == {
        "group": "policy.linkerd.io",
        "kind": "Server",
        "namespace": "booksapp",
        "name": "books",
    }


def service(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "books", "namespace": "booksapp"}, "spec": spec}


def test_a_service_is_read_whole() -> None:
    ports = [
        {"name": "http", "port": 7002, "targetPort": "app", "appProtocol": "http"},
        {"port": 53, "protocol": "UDP"},
    ]
    books = parse_service(service(clusterIP="127.20.1.1", ports=ports, selector={"app": "books"}))
    assert books == Service(
        "booksapp",
        "books",
        cluster_ip="127.20.1.1",
        ports=(ServicePort(7002, "http", "app", app_protocol="http"), ServicePort(53, "", 53, "UDP")),
        selector={"app": "books"},
    )
    assert books.port(7002) is books.port_named("http") is books.ports[0]
    assert books.port(53) is None  # UDP is never routed
    assert books.port(8080) is None


@pytest.mark.parametrize(
    ("spec", "can_be"),
    [({}, True), ({"clusterIP": "127.0.0.9"}, True), ({"clusterIP": "None"}, False), ({"type": "ExternalName"}, False)],
)
def test_headless_and_external_services_are_no_parents_1_7(spec: dict[str, Any], can_be: bool) -> None:
    parsed = parse_service(service(**spec))
    assert parsed.can_be_parent is can_be
    assert parsed.cluster_ip in ("", "127.0.0.9")


def test_a_malformed_service_reports_everything() -> None:
    with pytest.raises(ResourceInvalid) as caught:
        parse_service({"metadata": {}, "spec": {"ports": [{"port": 0}, {}]}})
    assert [problem.path for problem in caught.value.problems] == [
        "metadata.name",
        "spec.ports[0].port",
        "spec.ports[1].port",
    ]


def test_names_of_identities_3_19() -> None:
    webapp = service_account_identity("booksapp", "webapp")
    assert webapp == "webapp.booksapp.serviceaccount.identity.linkerd.cluster.local"
    assert identity_matches(namespace_identities("booksapp"), webapp)
    assert not identity_matches(namespace_identities("shop"), webapp)


@pytest.mark.parametrize(
    ("pattern", "identity", "holds"),
    [
        ("*", "spiffe://x/y", True),
        ("*.a.b", "x.y.a.b", True),
        ("*.a.b", "a.b", False),
        ("x.*.b", "x.a.b", False),
        ("spiffe://x/*", "spiffe://x/y", False),
        ("x.a", "x.a", True),
    ],
)
def test_patterns_of_identities_3_19(pattern: str, identity: str, holds: bool) -> None:
    assert identity_matches(pattern, identity) is holds


def status(**condition: Any) -> dict[str, Any]:
    reference = {"group": "core", "kind": "Service", "namespace": "booksapp", "name": "books", "port": 7002}
    return {"parents": [{"controllerName": "c", "parentRef": reference, "conditions": [condition]}]}


def test_conditions_of_a_parent() -> None:
    (books,) = parse_parent_statuses(status(type=ACCEPTED, status="True", reason="Accepted", observedGeneration=2))
    assert (books.controller, books.group, books.kind, books.namespace, books.name, books.port) == (
        ("c", "core", "Service", "booksapp", "books", 7002)
    )
    assert books.is_true(ACCEPTED, generation=2)
    assert not books.is_true(ACCEPTED, generation=3)
    assert not books.is_true(RESOLVED_REFS)


def test_a_condition_without_a_generation_counts_for_all() -> None:
    (books,) = parse_parent_statuses(status(type=ACCEPTED, status="False", reason="NoMatchingParent", message=""))
    found = books.condition(ACCEPTED, generation=9)
    assert found is not None
    assert found.reason == "NoMatchingParent"
    assert not books.is_true(ACCEPTED, generation=9)


@pytest.mark.parametrize("raw", [{}, {"parents": None}, {"parents": 3}, {"parents": [3]}])
def test_a_malformed_status_says_nothing(raw: dict[str, Any]) -> None:
    assert parse_parent_statuses(raw) == ()
