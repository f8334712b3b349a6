"""Route tables and listeners of meshed pods, by the rules of section 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.dataplane.compile import Config, Resources, compile_snapshot
from harness.embedded.dataplane.compile.authorizations import parse_rule_name, route_access, rule_name
from harness.embedded.dataplane.compile.names import InboundLabel
from harness.embedded.dataplane.compile.rate_limits import host_limits, no_limits
from harness.embedded.dataplane.policybook import PolicyBook
from harness.embedded.dataplane.protos import Kind, pack
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.dataplane.world import POLICIES, World
from harness.resources.inbound import (
    Authorization,
    PolicyRef,
    RateLimit,
    RateLimitOverride,
    default_ref,
    policy_ref,
)
from harness.resources.networks import ALL_NETWORKS, NetworkMatch, parse_network
from harness.resources.policy_objects import parse_policy_object
from harness.tests.dataplane.builders import pod, service, snapshot
from harness.tests.dataplane.proxy_reading import Asked, find_route, label_of
from harness.tests.resources_policy.documents import Obj, document, identity, rate_limit, server, server_route
from harness.tests.resources_policy.documents import pod as pod_object

AUTHORS = pod("authors", "127.77.64.9", ports=(7000,), probes={7000: ("/ping",)})
WEBAPP = pod("webapp", "127.77.64.1")
NAME = "in/booksapp/authors-1/7000"
RBAC = "envoy.filters.http.rbac"


def compiled(*policies: Obj, authors: Pod = AUTHORS) -> Resources:
    moment = snapshot(WEBAPP, authors, service("authors", "127.77.64.9"), dialect=LINKERD_EDGE)
    moment = replace(moment, policies=tuple(map(parse_policy_object, policies)))
    return compile_snapshot(moment, Path("/run"))


def found(table: Config, path: str, method: str = "GET", host: str = "a") -> tuple[InboundLabel, Config]:
    route = find_route(table, Asked(host, path, method))
    assert route is not None
    return InboundLabel.parse(label_of(route)), route


def grants(route: Config) -> list[str]:
    rules = route["typed_per_filter_config"][RBAC]["rbac"]["rules"]["policies"]
    return [str(parse_rule_name(name)) for name in sorted(rules)]


def test_without_a_server_the_default_policy_holds_3_3() -> None:
    table = compiled().routes[NAME]
    label, route = found(table, "/x")
    assert (str(label.server), str(label.route)) == ("default/all-unauthenticated", "default/default")
    assert grants(route) == ["default/all-unauthenticated", "default/localhost"]
    label, route = found(table, "/ping?x=1")
    assert (str(label.route), grants(route)[0]) == ("default/probe", "default/probe")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("deny", ["default/localhost"]),
        ("all-authenticated", ["default/all-authenticated", "default/localhost"]),
        ("cluster-unauthenticated", ["default/cluster-unauthenticated", "default/localhost"]),
        ("nonsense", ["default/all-unauthenticated", "default/localhost"]),
    ],
)
def test_the_pod_s_annotation_names_its_default_policy_3_1_3_2(annotation: str, expected: list[str]) -> None:
    facts = replace(AUTHORS.facts, default_policy=annotation)
    _, route = found(compiled(authors=replace(AUTHORS, facts=facts)).routes[NAME], "/x")
    assert grants(route) == expected


def test_a_policy_changes_one_route_table_and_no_http_listener_3_25() -> None:
    before, after = compiled(), compiled(server(accessPolicy="all-authenticated"), server_route("r"))
    changed = {name for name in after.routes if after.routes[name] != before.routes[name]}
    assert changed == {NAME}
    chains = [{chain["name"]: chain for chain in moment.listeners[NAME]["filter_chains"]} for moment in (before, after)]
    assert chains[0]["mesh"] == chains[1]["mesh"]
    assert chains[0]["plain"] == chains[1]["plain"]
    assert (before.clusters, before.assignments) == (after.clusters, after.assignments)


def test_an_attached_route_makes_the_port_an_allow_list_3_12() -> None:
    table = compiled(server(), server_route("r", {"matches": [{"path": {"value": "/a"}}]})).routes[NAME]
    label, route = found(table, "/a/b")
    assert (label.route, grants(route)) == (policy_route("r"), ["default/localhost"])
    for path in ("/", "/ping", "/ab"):
        label, route = found(table, path)
        assert (label.route, route["direct_response"]) == (None, {"status": 404})
        assert str(label.server) == "server/authors-server"


def policy_route(name: str) -> PolicyRef:
    return PolicyRef("policy.linkerd.io", "HTTPRoute", name)


def test_ties_go_to_the_older_route_then_by_name_1_52() -> None:
    rule = {"matches": [{"path": {"value": "/a"}}]}
    routes = [server_route("b", rule), server_route("a", rule), server_route("c", rule, created="2020-01-01T00:00:00Z")]
    assert found(compiled(server(), *routes).routes[NAME], "/a")[0].route == policy_route("c")
    assert found(compiled(server(), *routes[:2]).routes[NAME], "/a")[0].route == policy_route("a")


def principals(authorization: Authorization) -> Sequence[Any]:
    rules = route_access([authorization])[RBAC]["rbac"]["rules"]["policies"]
    return [principal for rule in rules.values() for principal in rule["principals"]]


def test_authorizations_as_principals_3_18_to_3_20() -> None:
    ref = policy_ref("authorizationpolicy", "p")
    one = NetworkMatch(parse_network("10.0.0.0/8"), (parse_network("10.1.0.0/16"),))
    inside = {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}
    outside = {"not_id": {"direct_remote_ip": {"address_prefix": "10.1.0.0", "prefix_len": 16}}}
    (principal,) = principals(Authorization(ref, (one,), ("a.b", "*.c")))
    assert principal["and_ids"]["ids"] == [
        {"and_ids": {"ids": [inside, outside]}},
        {"or_ids": {"ids": [
            {"authenticated": {"principal_name": {"exact": "a.b"}}},
            {"authenticated": {"principal_name": {"suffix": ".c"}}},
        ]}},
    ]  # fmt: skip
    (principal,) = principals(Authorization(ref, (one,), mesh_tls=True))
    assert principal["and_ids"]["ids"][1] == {"authenticated": {}}
    (principal,) = principals(Authorization(ref, (one,), ("*",)))
    assert principal["and_ids"]["ids"][1] == {"authenticated": {}}
    assert principals(Authorization(ref, ())) == principals(Authorization(ref, ALL_NETWORKS, ())) == []


def test_the_first_authorization_of_the_list_is_the_one_that_is_counted() -> None:
    refs = [policy_ref("authorizationpolicy", f"p{number}") for number in range(12)]
    names = [rule_name(place, ref) for place, ref in enumerate(refs)]
    assert sorted(names) == names
    assert [parse_rule_name(name) for name in names] == refs
    assert parse_rule_name("") is None


@pytest.mark.parametrize(
    "label",
    [
        InboundLabel(default_ref("deny")),
        InboundLabel(policy_ref("server", "a.b"), policy_route("r"), redirects=True),
        InboundLabel(policy_ref("server", "s"), default_ref("probe"), policy_ref("HTTPLocalRateLimitPolicy", "l")),
    ],
)
def test_labels_can_be_read_back(label: InboundLabel) -> None:
    assert InboundLabel.parse(str(label)) == label


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(ValueError, match="'default' is no label"):
        InboundLabel.parse("default")


def test_a_rate_limit_is_one_set_of_buckets_for_all_routes_of_a_server_3_28() -> None:
    limit = rate_limit("l", total={"requestsPerSecond": 9}, identity={"requestsPerSecond": 3})
    redirect = {"type": "RequestRedirect", "requestRedirect": {"hostname": "x.y"}}
    rules: list[Obj] = [
        {"matches": [{"path": {"value": "/a"}}]},
        {"matches": [{"path": {"value": "/b"}}], "filters": [redirect]},
    ]
    table = compiled(server(), limit, server_route("r", *rules)).routes[NAME]
    (host,) = table["virtual_hosts"]
    buckets = [item["token_bucket"]["max_tokens"] for item in host["typed_per_filter_config"].values()]
    assert buckets[0] == 9
    assert host["typed_per_filter_config"].keys() == {"signalbox.total_rate_limit", "signalbox.client_rate_limit"}
    for path, is_free in (("/a", False), ("/b", True), ("/nowhere", True)):
        _, route = found(table, path)
        switched_off = [
            item.get("disabled") for item in route["typed_per_filter_config"].values() if "disabled" in item
        ]
        assert switched_off == ([True, True] if is_free else []), path
    assert pack(Kind.ROUTE, NAME, table).value


def test_clients_with_an_override_leave_the_limit_of_single_identities_3_28() -> None:
    override = RateLimitOverride(10, (identity("a"), identity("b")))
    limits = host_limits(RateLimit(policy_ref("x", "l"), identity=5, overrides=(override,)))
    config = limits["signalbox.client_rate_limit"]
    assert [item["token_bucket"]["max_tokens"] for item in config["descriptors"]] == [10, 5]
    assert [entry["key"] for entry in config["descriptors"][1]["entries"]] == ["override", "client"]
    assert config["rate_limits"][1]["actions"][0]["header_value_match"]["expect_match"] is False
    assert host_limits(None) == no_limits(None) == {}


@pytest.mark.parametrize("protocol", ["opaque", "TLS"])
def test_connections_that_are_not_looked_into_are_judged_by_the_listener_3_7(protocol: str) -> None:
    moment = compiled(server(proxyProtocol=protocol))
    for chain in moment.listeners[NAME]["filter_chains"]:
        assert [item["name"].rpartition("filters.")[2] for item in chain["filters"]] == [
            "network.rbac", "network.tcp_proxy"
        ]  # fmt: skip
    (options,) = moment.clusters["booksapp/webapp-1|svc/booksapp/authors/7000"][
        "typed_extension_protocol_options"
    ].values()
    assert "use_downstream_protocol_config" in options  # what arrives is what the application reads
    assert pack(Kind.LISTENER, NAME, moment.listeners[NAME]).value


def test_a_policy_that_cannot_be_read_is_told_and_the_last_version_stays_1_15() -> None:
    told: list[str] = []
    book = PolicyBook(lambda obj, reason, message: told.append(f"{reason}: {message}"))
    book.put(server())
    book.put(document("Server", "authors-server", {"podSelector": {}}))
    assert [policy.name for policy in book.in_force()] == ["authors-server"]
    assert told == ["PolicyNotUsable: spec.port: is required; its previous version stays in force"]
    book.remove(server())
    assert book.in_force() == ()


def test_a_pod_counts_again_only_when_policies_ask_for_what_changed_3_6() -> None:
    world = World(LINKERD_EDGE, lambda *_: None)
    world.add_pod(AUTHORS)
    stored = pod_object()
    stored["metadata"]["uid"] = AUTHORS.endpoint.uid
    assert world.put("pods", stored)
    assert not world.put("pods", {**stored, "status": {"phase": "Running"}})
    relabelled = {**stored, "metadata": {**stored["metadata"], "labels": {"app": "other"}}}
    assert not world.put("pods", {**relabelled, "metadata": {**relabelled["metadata"], "uid": "another"}})
    assert world.put("pods", relabelled)
    assert world.put(POLICIES[0], server())
    world.remove("pods", relabelled)  # its listeners go when the node says so
    (known,) = world.snapshot().pods
    assert known.facts.labels == {"app": "other"}
    assert len(world.snapshot().policies) == 1
    world.remove(POLICIES[0], server())
    assert world.snapshot().policies == ()
