"""Typed views of policy objects: what is read, and that every problem is found with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.resources.authorizations import (
    parse_authorization_policy,
    parse_mesh_tls_authentication,
    parse_network_authentication,
)
from harness.resources.document import ResourceInvalid
from harness.resources.policy_objects import PARSERS, parse_policy_object
from harness.resources.rate_limits import parse_rate_limit_policy
from harness.resources.selectors import LabelExpression, LabelSelector
from harness.resources.server_authorizations import parse_server_authorization
from harness.resources.servers import parse_server
from harness.tests.resources_policy.documents import (
    Obj,
    authorization_policy,
    document,
    identity,
    mesh_tls,
    networks,
    rate_limit,
    requires,
    server,
    server_authorization,
    target,
)


def test_a_server_with_everything_3_6_3_7_3_9() -> None:
    selector = {"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "x", "operator": "In", "values": ["1", "2"]}]}
    parsed = parse_server(
        server(podSelector=selector, proxyProtocol="HTTP/1", accessPolicy="audit", labels={"team": "b"})
    )
    assert parsed.port == "service"
    assert parsed.pod_selector == LabelSelector({"app": "a"}, (LabelExpression("x", "In", frozenset({"1", "2"})),))
    assert (parsed.proxy_protocol, parsed.access_policy, parsed.labels) == ("HTTP/1", "audit", {"team": "b"})


@pytest.mark.parametrize(
    ("version", "access"), [("v1alpha1", ""), ("v1beta1", ""), ("v1beta2", ""), ("v1beta3", "audit")]
)
def test_older_versions_have_no_access_policy_1_69(version: str, access: str) -> None:
    assert parse_server(server(version=version, accessPolicy="audit")).access_policy == access


def test_what_a_manifest_leaves_out_is_what_the_schema_fills_in_1_69() -> None:
    parsed = parse_server(server(port=7001))
    assert (parsed.port, parsed.proxy_protocol, parsed.access_policy) == (7001, "unknown", "deny")


def test_a_server_for_external_workloads_selects_no_pods() -> None:
    written = document("Server", "s", {"port": 80, "externalWorkloadSelector": {}}, version="v1beta2")
    assert parse_server(written).pod_selector is None


def test_identities_of_all_kinds_3_19() -> None:
    references = [
        requires("ServiceAccount", "webapp"),
        requires("ServiceAccount", "bot", "tools"),
        requires("Namespace", "shop"),
    ]
    parsed = parse_mesh_tls_authentication(mesh_tls("m", identityRefs=references))
    assert parsed.identities == (identity("webapp"), identity("bot", "tools"), identity("*", "shop"))
    assert parse_mesh_tls_authentication(mesh_tls("m", "*", "a.b")).identities == ("*", "a.b")


def test_references_that_are_no_identities_are_kept_apart_3_19() -> None:
    parsed = parse_mesh_tls_authentication(
        mesh_tls("m", identityRefs=[requires("ServiceAccount", "a"), target("Pod", "p", "")])
    )
    assert parsed.unreadable == ("Pod",)


def test_rates_and_their_clients_3_28() -> None:
    override = {"requestsPerSecond": 10, "clientRefs": [requires("ServiceAccount", "webapp")]}
    parsed = parse_rate_limit_policy(
        rate_limit("r", total={"requestsPerSecond": 70}, identity={"requestsPerSecond": 5}, overrides=[override])
    )
    assert (parsed.total, parsed.identity, parsed.accepted) == (70, 5, True)
    assert [parsed.identities(one) for one in parsed.overrides] == [(identity("webapp"),)]


WRONG: dict[str, tuple[Obj, str]] = {
    "version": (server(version="v1"), "apiVersion: 'policy.linkerd.io/v1' has no Server"),
    "port 0": (server(port=0), "spec.port: 0 is not in 1..65535"),
    "port 65536": (server(port=65536), "spec.port: 65536"),
    "port is a truth": (server(port=True), "spec.port: is a boolean"),
    "no port": (document("Server", "s", {"podSelector": {}}, version="v1beta3"), "spec.port: is required"),
    "protocol 3.7": (server(proxyProtocol="http"), "spec.proxyProtocol: 'http' is not one of unknown, HTTP/1"),
    "no selector": (document("Server", "s", {"port": 1}, version="v1beta3"), "spec.podSelector: is required"),
    "two selectors": (server(externalWorkloadSelector={}), "spec: only one of podSelector and external"),
    "operator": (
        server(podSelector={"matchExpressions": [{"key": "x", "operator": "Is"}]}),
        "spec.podSelector.matchExpressions[0].operator: 'Is'",
    ),
    "no target": (document("AuthorizationPolicy", "p", {"requiredAuthenticationRefs": []}), "spec.targetRef.kind"),
    "no requirements 1.74": (
        document("AuthorizationPolicy", "p", {"targetRef": target("Server", "s")}),
        "spec.requiredAuthenticationRefs: is required",
    ),
    "no identities 1.74": (mesh_tls("m"), "spec: must have exactly one of identities and identityRefs"),
    "both identities 1.74": (mesh_tls("m", "*", identityRefs=[]), "spec: must have exactly one"),
    "nameless identity": (mesh_tls("m", identityRefs=[{"kind": "ServiceAccount"}]), "spec.identityRefs[0].name"),
    "no networks": (document("NetworkAuthentication", "n", {}), "spec.networks: is required"),
    "no network": (networks("n", "10.0.0.0/33"), "spec.networks[0].cidr: '10.0.0.0/33' is neither a CIDR"),
    "netmask": (networks("n", "10.0.0.0/255.0.0.0"), "spec.networks[0].cidr: '10.0.0.0/255.0.0.0'"),
    "exception": (networks("n", {"cidr": "::/0", "except": ["x"]}), "spec.networks[0].except: 'x' is neither"),
    "no client": (document("ServerAuthorization", "s", {"server": {}}, version="v1beta1"), "spec.client: is required"),
    "name and selector": (
        server_authorization("s", {"name": "a", "selector": {}}, unauthenticated=True),
        "spec.server: only one of name and selector",
    ),
    "flag": (server_authorization("s", {"name": "a"}, unauthenticated="yes"), "spec.client.unauthenticated: is not a"),
    "negative rate": (rate_limit("r", total={"requestsPerSecond": -1}), "spec.total.requestsPerSecond: -1"),
    "no rate": (rate_limit("r", identity={}), "spec.identity.requestsPerSecond: is required"),
    "no clients": (rate_limit("r", overrides=[{"requestsPerSecond": 1}]), "spec.overrides[0].clientRefs: is required"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_place(case: str) -> None:
    obj, said = WRONG[case]
    with pytest.raises(ResourceInvalid) as caught:
        parse_policy_object(obj)
    assert any(str(problem).startswith(said) for problem in caught.value.problems), caught.value.problems


def test_all_problems_are_found_in_one_pass() -> None:
    with pytest.raises(ResourceInvalid) as caught:
        parse_server(server(port=0, proxyProtocol="x", podSelector={"matchLabels": {"a": 1}}))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("kind", PARSERS)
def test_kinds_of_other_groups_are_refused(kind: str) -> None:
    with pytest.raises(ResourceInvalid, match="apiVersion"):
        parse_policy_object({"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": "x"}})


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ResourceInvalid, match="'Pod' is not one of Server, "):
        parse_policy_object({"apiVersion": "v1", "kind": "Pod"})


@pytest.mark.parametrize(
    "parse",
    [
        parse_server,
        parse_authorization_policy,
        parse_mesh_tls_authentication,
        parse_network_authentication,
        parse_server_authorization,
        parse_rate_limit_policy,
    ],
)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda children: st.lists(
    children, max_size=3) | st.dictionaries(st.sampled_from(
        ["spec", "metadata", "port", "podSelector", "networks", "client", "server", "targetRef", "kind", "total",
         "identities", "identityRefs", "overrides", "requiredAuthenticationRefs", "meshTLS", "cidr", "except"]
    ), children, max_size=4), max_leaves=12))  # fmt: skip
def test_reading_never_fails_in_another_way(parse: Callable[[Any], object], obj: Any) -> None:
    with pytest.raises(ResourceInvalid):
        parse(obj)


def test_an_authorization_policy_names_its_requirements_in_order() -> None:
    written = authorization_policy(
        "p", target("Server", "s"), requires("MeshTLSAuthentication", "m"), requires("NetworkAuthentication", "n", "x")
    )
    parsed = parse_authorization_policy(written)
    assert parsed.target.is_server
    assert [(one.name, one.namespace) for one in parsed.authentications] == [("m", None), ("n", "x")]
