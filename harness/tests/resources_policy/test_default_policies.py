"""Ports that no Server selects."""

from __future__ import annotations

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.resources.default_policies import DENY, default_policy
from harness.resources.inbound import Client, PolicyRef
from harness.resources.matches import Match, PathMatch
from harness.resources.networks import whole_networks
from harness.resources.pods import parse_pod
from harness.resources.policy_set import InstallSettings, PolicySet
from harness.tests.resources_policy.documents import pod, server
from harness.tests.resources_policy.policies import PORT, inbound, let_in, meshed, unmeshed

POLICY = "config.linkerd.io/default-inbound-policy"
IDENTITY_PORTS = "config.linkerd.io/proxy-require-identity-inbound-ports"
INSIDE, OUTSIDE = "192.168.7.7", "198.51.100.1"

# name: (meshed inside, meshed outside, unmeshed inside, unmeshed outside)
WHO = {
    "all-unauthenticated": (True, True, True, True),
    "all-authenticated": (True, True, False, False),
    "cluster-authenticated": (True, False, False, False),
    "cluster-unauthenticated": (True, False, True, False),
    "deny": (False, False, False, False),
    "audit": (True, True, True, True),
}
CLIENTS = (meshed(address=INSIDE), meshed(address=OUTSIDE), unmeshed(INSIDE), unmeshed(OUTSIDE))


def annotated(name: str, **more: str) -> dict[str, str]:
    return {POLICY: name, **more}


@pytest.mark.parametrize("name", WHO)
def test_who_is_let_in_3_1(name: str) -> None:
    policy = inbound(of=pod(annotations=annotated(name)))
    assert policy.server == PolicyRef("", "default", name)
    by = f"default/{name}"
    assert tuple(let_in(policy, client) == by for client in CLIENTS) == WHO[name]


@pytest.mark.parametrize("name", WHO)
def test_localhost_is_always_let_in_3_5(name: str) -> None:
    policy = inbound(of=pod(annotations=annotated(name)))
    for address in ("127.0.0.1", "::1"):
        assert policy.authorization_for(unmeshed(address)) is not None
        assert policy.authorizations[-1].permits(unmeshed(address))
    assert not policy.authorizations[-1].permits(unmeshed("127.0.0.2"))


@pytest.mark.parametrize("name", ["", "Deny", "all", "none"])
def test_an_unknown_name_means_the_install_s_policy_3_1(name: str) -> None:
    assert inbound(of=pod(annotations=annotated(name))).server.name == "all-unauthenticated"
    settings = InstallSettings(default_policy=DENY)
    policies = PolicySet.of([], LINKERD_EDGE, settings)
    facts = parse_pod(pod(annotations=annotated(name)), LINKERD_EDGE)
    assert policies.inbound_policy(facts, PORT).server.name == "deny"


@pytest.mark.parametrize(("dialect", "found"), [(LINKERD_2_14, "all-unauthenticated"), (LINKERD_EDGE, "audit")])
def test_audit_is_new_3_1(dialect: Dialect, found: str) -> None:
    assert inbound(of=pod(annotations=annotated("audit")), dialect=dialect).server.name == found


def test_what_is_audited_says_so_3_26() -> None:
    found = inbound(of=pod(annotations=annotated("audit"))).authorization_for(unmeshed())
    assert found is not None
    assert found.is_audit
    plain = inbound().authorization_for(unmeshed())
    assert plain is not None
    assert not plain.is_audit


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("all-unauthenticated", "all-authenticated"),
        ("cluster-unauthenticated", "cluster-authenticated"),
        ("all-authenticated", "all-authenticated"),
        ("deny", "deny"),
        ("audit", "audit"),
    ],
)
def test_ports_that_require_identity_3_2(written: str, found: str) -> None:
    asked = pod(annotations=annotated(written, **{IDENTITY_PORTS: f"80,{PORT}"}))
    assert inbound(of=asked).server.name == found
    assert (let_in(inbound(of=asked), unmeshed()) == "") is (found not in ("audit",))
    assert inbound(of=asked, port=7002).server.name == written


def test_the_probe_route_is_open_to_all_3_3_3_4_0_9() -> None:
    policy = inbound(of=pod(annotations=annotated("deny")))
    assert [route.ref for route in policy.routes] == [
        PolicyRef("", "default", "default"),
        PolicyRef("", "default", "probe"),
    ]
    (rule,) = policy.routes[1].rules
    assert rule.matches == (Match(PathMatch("Exact", "/ping"), method="GET"),)
    assert let_in(policy, unmeshed(OUTSIDE), "probe") == "default/probe"
    assert let_in(policy, unmeshed(OUTSIDE), "default") == ""


def test_ports_without_probes_have_no_probe_route_3_3() -> None:
    assert [route.ref.name for route in inbound(port=7002).routes] == ["default"]


def test_an_install_without_probe_networks_has_no_probe_routes_0_9() -> None:
    policies = PolicySet.of([], LINKERD_EDGE, InstallSettings(probe_networks=()))
    assert [route.ref.name for route in policies.inbound_policy(parse_pod(pod(), LINKERD_EDGE), PORT).routes] == [
        "default"
    ]


def test_the_cluster_s_networks_are_the_install_s_3_1() -> None:
    settings = InstallSettings(cluster_networks=whole_networks(["127.20.0.0/16"]))
    facts = parse_pod(pod(annotations=annotated("cluster-unauthenticated")), LINKERD_EDGE)
    policy = PolicySet.of([], LINKERD_EDGE, settings).inbound_policy(facts, PORT)
    assert let_in(policy, unmeshed("127.20.3.4")) == "default/cluster-unauthenticated"
    assert let_in(policy, unmeshed("10.0.0.1")) == ""


def test_opaque_ports_are_decided_by_connection_3_7() -> None:
    opaque = pod(annotations={"config.linkerd.io/opaque-ports": str(PORT), POLICY: "all-authenticated"})
    policy = inbound(of=opaque)
    assert (policy.protocol, policy.is_http, policy.routes) == ("opaque", False, ())
    assert policy.authorization_for(unmeshed()) is None
    assert policy.authorization_for(meshed()) is not None


def test_a_server_ends_the_default_for_its_port_alone_3_8() -> None:
    assert inbound(server()).server == PolicyRef("policy.linkerd.io", "server", "authors-server")
    assert let_in(inbound(server()), meshed()) == ""
    assert inbound(server(), port=7002).server.is_default


def test_a_client_with_an_identity_speaks_mesh_tls() -> None:
    client = Client(meshed().address, meshed().identity)
    assert inbound(of=pod(annotations=annotated("all-authenticated"))).authorization_for(client) is not None


def test_names_are_case_sensitive() -> None:
    assert default_policy("Deny", LINKERD_EDGE) is None
