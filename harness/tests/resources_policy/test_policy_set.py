"""All policies together, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.resources.filters import RequestHeaderModifier, RequestRedirect
from harness.resources.inbound import InboundPolicy, PolicyRef
from harness.resources.matches import Match
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP, parse_http_route
from harness.resources.server_routes import inbound_route_problem
from harness.tests.resources_policy.documents import (
    CREATED,
    LATER,
    Obj,
    authorization_policy,
    identity,
    mesh_tls,
    networks,
    pod,
    rate_limit,
    requires,
    server,
    server_authorization,
    server_route,
    target,
)
from harness.tests.resources_policy.policies import inbound, let_in, meshed, unmeshed

SERVER = server()
AT_SERVER = target("Server", "authors-server")
AT_ROUTE = target("HTTPRoute", "get")
AT_NAMESPACE = target("Namespace", "booksapp", "")
GET_RULE = {"matches": [{"method": "GET"}]}
ROUTE = server_route("get", GET_RULE)
WEBAPP = mesh_tls("webapp", identity("webapp"))
OFFICE = networks("office", "192.0.2.0/24")
LIMIT: dict[str, Any] = {"total": {"requestsPerSecond": 70}, "identity": {"requestsPerSecond": 5}}
BY_WEBAPP, FROM_OFFICE = requires("MeshTLSAuthentication", "webapp"), requires("NetworkAuthentication", "office")


def allow(to: Obj, *required: Obj, name: str = "allow") -> Obj:
    return authorization_policy(name, to, *required)


def names(policy: InboundPolicy) -> list[str]:
    return [route.ref.name for route in policy.routes]


# Which Server


SELECTING = {
    "by name 3.6": (server(port="service"), True),
    "by number 3.6": (server(port=7001), True),
    "by a name that no pod has 3.6": (server(port="http"), False),
    "by another number": (server(port=7002), False),
    "all pods 3.6": (server(app=""), True),
    "other pods": (server(app="books"), False),
    "by expression 3.6": (server(podSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]}), True),
    "old version 3.10": (server(version="v1beta1"), True),
    "in another namespace 3.6": (server() | {"metadata": {"name": "authors-server", "namespace": "shop"}}, False),
}


@pytest.mark.parametrize("case", SELECTING)
def test_selecting(case: str) -> None:
    written, selects = SELECTING[case]
    assert inbound(written).server.is_default is not selects


def test_a_number_need_not_be_declared_3_6() -> None:
    assert not inbound(server(port=9999), port=9999).server.is_default


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (server("b", created=CREATED), server("a", created=LATER), "b"),
        (server("b", created=CREATED), server("a", created=CREATED), "a"),
        (server("b", port=7001, created=CREATED), server("a", app="", created=LATER), "b"),
    ],
    ids=["the oldest 1.74", "then by name 1.74", "however they select"],
)
def test_the_oldest_server_wins(first: Obj, second: Obj, wins: str) -> None:
    assert inbound(first, second).server.name == inbound(second, first).server.name == wins


@pytest.mark.parametrize(
    ("written", "dialect", "protocol"),
    [
        ("unknown", LINKERD_EDGE, "unknown"),
        ("HTTP/1", LINKERD_EDGE, "HTTP/1"),
        ("gRPC", LINKERD_EDGE, "gRPC"),
        ("gRPC", LINKERD_2_14, "HTTP/2"),
        ("opaque", LINKERD_2_14, "opaque"),
    ],
)
def test_protocols_3_7(written: str, dialect: Dialect, protocol: str) -> None:
    assert inbound(server(proxyProtocol=written), dialect=dialect).protocol == protocol


def test_a_server_overrules_the_opaque_annotation_3_7() -> None:
    opaque = pod(annotations={"config.linkerd.io/opaque-ports": "7001"})
    assert inbound(server(proxyProtocol="HTTP/1"), of=opaque).is_http
    assert not inbound(of=opaque).is_http


@pytest.mark.parametrize("protocol", ["opaque", "TLS"])
def test_connections_that_are_not_read_have_no_routes_3_7(protocol: str) -> None:
    limit = rate_limit("r", total={"requestsPerSecond": 1})
    policy = inbound(server(proxyProtocol=protocol), ROUTE, limit, WEBAPP, allow(AT_SERVER, BY_WEBAPP))
    assert (policy.routes, policy.rate_limit, policy.is_http) == ((), None, False)
    assert policy.authorization_for(meshed()) is not None
    assert policy.authorization_for(meshed("books")) is None


def test_grpc_servers_take_no_http_routes_but_did_in_2_14_3_12() -> None:
    grpc = server(proxyProtocol="gRPC")
    assert names(inbound(grpc, ROUTE)) == ["default"]
    assert names(inbound(grpc, ROUTE, dialect=LINKERD_2_14)) == ["get"]
    assert names(inbound(grpc, dialect=LINKERD_2_14)) == ["default", "probe"]


# Who is let in to a Server


def test_a_server_alone_denies_all_but_probes_3_8() -> None:
    policy = inbound(SERVER)
    assert names(policy) == ["default", "probe"]
    assert let_in(policy, meshed()) == ""
    assert let_in(policy, unmeshed(), "probe") == "default/probe"


LETS_IN: dict[str, tuple[list[Obj], tuple[str, str, str]]] = {
    # objects: (webapp from the office, webapp from elsewhere, unmeshed from the office)
    "no requirement 3.18": ([allow(AT_SERVER)], ("allow", "allow", "allow")),
    "identity 3.18": ([WEBAPP, allow(AT_SERVER, BY_WEBAPP)], ("allow", "allow", "")),
    "network 3.18": ([OFFICE, allow(AT_SERVER, FROM_OFFICE)], ("allow", "", "allow")),
    "both 3.18": ([WEBAPP, OFFICE, allow(AT_SERVER, BY_WEBAPP, FROM_OFFICE)], ("allow", "", "")),
    "account 3.18": ([allow(AT_SERVER, requires("ServiceAccount", "webapp"))], ("allow", "allow", "")),
    "account elsewhere": ([allow(AT_SERVER, requires("ServiceAccount", "webapp", "shop"))], ("", "", "")),
    "any identity 3.19": ([mesh_tls("webapp", "*"), allow(AT_SERVER, BY_WEBAPP)], ("allow", "allow", "")),
    "namespace target 3.17": ([allow(AT_NAMESPACE)], ("allow", "allow", "allow")),
    "core namespace target": ([allow(target("namespace", "booksapp", "Core"))], ("allow", "allow", "allow")),
    "other Server": ([allow(target("Server", "books-server"))], ("", "", "")),
    "Server of the core group": ([allow(target("Server", "authors-server", ""))], ("", "", "")),
    "missing identity 3.18": ([allow(AT_SERVER, BY_WEBAPP)], ("", "", "")),
    "missing network 3.18": ([WEBAPP, allow(AT_SERVER, BY_WEBAPP, FROM_OFFICE)], ("", "", "")),
    "empty networks": ([networks("office"), allow(AT_SERVER, FROM_OFFICE)], ("", "", "")),
    "two identities": ([WEBAPP, allow(AT_SERVER, BY_WEBAPP, BY_WEBAPP)], ("", "", "")),
    "two networks": ([OFFICE, allow(AT_SERVER, FROM_OFFICE, FROM_OFFICE)], ("", "", "")),
    "no authentication": ([allow(AT_SERVER, target("Pod", "webapp", ""))], ("", "", "")),
    "unreadable reference 3.19": (
        [mesh_tls("webapp", identityRefs=[BY_WEBAPP, requires("Namespace", "booksapp")]), allow(AT_SERVER, BY_WEBAPP)],
        ("", "", ""),
    ),
    "any one suffices 3.14": (
        [WEBAPP, OFFICE, allow(AT_SERVER, BY_WEBAPP), allow(AT_SERVER, FROM_OFFICE, name="net")],
        ("allow", "allow", "net"),
    ),
}


@pytest.mark.parametrize("case", LETS_IN)
def test_authorization_policies(case: str) -> None:
    objects, expected = LETS_IN[case]
    policy = inbound(SERVER, *objects)
    clients = (meshed(address="192.0.2.5"), meshed(), unmeshed("192.0.2.5"))
    assert tuple(let_in(policy, client).rpartition("/")[2] for client in clients) == expected
    assert all(
        let_in(policy, client).startswith("authorizationpolicy/") for client in clients if let_in(policy, client)
    )


def test_inert_policies_leave_no_trace_3_17_3_18() -> None:
    inert = [
        allow(AT_SERVER, BY_WEBAPP),
        allow(AT_SERVER, FROM_OFFICE, name="b"),
        allow(target("Server", "x"), name="c"),
    ]
    assert inbound(SERVER, *inert) == inbound(SERVER)


def elsewhere(obj: Obj, namespace: str = "auth") -> Obj:
    return obj | {"metadata": obj["metadata"] | {"namespace": namespace}}


def test_authentications_may_live_in_another_namespace_3_18() -> None:
    there = requires("MeshTLSAuthentication", "webapp", "auth")
    assert let_in(inbound(SERVER, elsewhere(WEBAPP), allow(AT_SERVER, there)), meshed())
    assert not let_in(inbound(SERVER, elsewhere(WEBAPP), allow(AT_SERVER, BY_WEBAPP)), meshed())
    assert not let_in(inbound(SERVER, WEBAPP, allow(AT_SERVER, there)), meshed())


def test_policies_work_in_their_own_namespace_only_3_17() -> None:
    for to in (AT_SERVER, AT_NAMESPACE):
        assert not let_in(inbound(SERVER, elsewhere(allow(to))), meshed())


ACCESS = {
    "deny": ("", ""),
    "all-unauthenticated": ("default/all-unauthenticated", "default/all-unauthenticated"),
    "all-authenticated": ("default/all-authenticated", ""),
    "audit": ("default/audit", "default/audit"),
    "everything": ("", ""),
}


@pytest.mark.parametrize("access", ACCESS)
def test_access_policies_3_9(access: str) -> None:
    policy = inbound(server(accessPolicy=access))
    assert (let_in(policy, meshed()), let_in(policy, unmeshed())) == ACCESS[access]
    assert policy.server.kind == "server"


def test_access_policies_add_to_the_others_3_9() -> None:
    policy = inbound(server(accessPolicy="all-authenticated"), OFFICE, allow(AT_SERVER, FROM_OFFICE))
    assert let_in(policy, meshed()) == "default/all-authenticated"
    assert let_in(policy, unmeshed("192.0.2.5")) == "authorizationpolicy/allow"
    assert let_in(policy, unmeshed()) == ""


def test_2_14_has_no_access_policies_3_9() -> None:
    assert let_in(inbound(server(accessPolicy="all-unauthenticated"), dialect=LINKERD_2_14), meshed()) == ""


NAMED = {"name": "authors-server"}


def test_an_accepted_route_ends_the_default_and_probe_routes_3_12() -> None:
    policy = inbound(SERVER, ROUTE)
    assert [route.ref for route in policy.routes] == [PolicyRef(POLICY_GROUP, "HTTPRoute", "get")]
    assert policy.routes[0].rules[0].matches == (Match(method="GET"),)


UNATTACHED: dict[str, Obj] = {
    "not accepted 3.12": server_route("get", GET_RULE, accepted=False),
    "no status 1.5": ROUTE | {"status": {}},
    "status of another controller": ROUTE
    | {"status": {"parents": [ROUTE["status"]["parents"][0] | {"controllerName": "example.com/x"}]}},
    "other Server": server_route("get", GET_RULE, to="books-server"),
    "no longer named": server_route("get", GET_RULE, parents=[target("Server", "gone")]),
    "by port 3.11": server_route("get", GET_RULE, parents=[AT_SERVER | {"port": 7001}]),
    "by section 3.11": server_route("get", GET_RULE, parents=[AT_SERVER | {"sectionName": "x"}]),
    "one of two by port 3.11": server_route(
        "get", GET_RULE, parents=[AT_SERVER, target("Server", "books-server") | {"port": 1}]
    ),
    "in another namespace 3.11": server_route("get", GET_RULE, parents=[AT_SERVER | {"namespace": "shop"}]),
    "from another namespace 3.11": elsewhere(ROUTE),
    "unknown filter 1.54": server_route(
        "get", {"filters": [{"type": "URLRewrite", "urlRewrite": {}}]}, group=GATEWAY_GROUP
    ),
    "pattern that cannot be compiled 1.71": server_route(
        "get", {"matches": [{"path": {"type": "RegularExpression", "value": "("}}]}, group=GATEWAY_GROUP
    ),
}


@pytest.mark.parametrize("case", UNATTACHED)
def test_routes_that_are_not_in_force(case: str) -> None:
    assert names(inbound(SERVER, UNATTACHED[case])) == ["default", "probe"]


PROBLEMS = [
    ("by port 3.11", "spec.parentRefs[0]: route resource may not reference a parent by port"),
    ("by section 3.11", "spec.parentRefs[0]: route resource may not reference a parent by section name"),
    ("one of two by port 3.11", "spec.parentRefs[1]: route resource may not reference a parent by port"),
    (
        "in another namespace 3.11",
        "spec.parentRefs[0]: route resource may not reference a parent Server in an other namespace",
    ),
    ("unknown filter 1.54", "spec.rules[0].filters[0]: URLRewrite filter is not supported"),
    ("pattern that cannot be compiled 1.71", "spec.rules[0].matches[0]: '(' is not a regular expression"),
    ("not accepted 3.12", ""),
]


@pytest.mark.parametrize(("case", "said"), PROBLEMS, ids=[case for case, _ in PROBLEMS])
def test_why_a_route_cannot_be_used(case: str, said: str) -> None:
    assert (inbound_route_problem(parse_http_route(UNATTACHED[case])) or "").startswith(said or "")
    assert bool(inbound_route_problem(parse_http_route(UNATTACHED[case]))) is bool(said)


def test_parents_that_are_no_servers_may_have_ports_3_11() -> None:
    service = {"group": "core", "kind": "Service", "name": "authors", "port": 7001}
    assert names(inbound(SERVER, server_route("get", GET_RULE, parents=[service, AT_SERVER]))) == ["get"]


def test_the_order_of_routes_1_52() -> None:
    routes = [
        server_route("b", created=CREATED),
        server_route("a", created=LATER),
        server_route("a", created=CREATED, group=POLICY_GROUP),
        server_route("a", created=CREATED, group=GATEWAY_GROUP),
    ]
    expected = [("a", GATEWAY_GROUP), ("a", POLICY_GROUP), ("b", POLICY_GROUP), ("a", POLICY_GROUP)]
    for order in (routes, routes[::-1]):
        assert [(route.ref.name, route.ref.group) for route in inbound(SERVER, *order).routes] == expected


def test_a_route_s_policies_count_for_it_alone_3_14() -> None:
    post = server_route("post", {"matches": [{"method": "POST"}]})
    policy = inbound(SERVER, ROUTE, post, WEBAPP, allow(AT_ROUTE, BY_WEBAPP))
    assert let_in(policy, meshed(), "get") == "authorizationpolicy/allow"
    assert let_in(policy, meshed(), "post") == ""
    assert let_in(policy, meshed("books"), "get") == ""
    assert policy.authorization_for(meshed()) is None


def test_the_server_s_policies_count_for_all_its_routes_3_14() -> None:
    for to in (AT_SERVER, AT_NAMESPACE):
        policy = inbound(SERVER, ROUTE, OFFICE, allow(AT_ROUTE, FROM_OFFICE, name="z"), allow(to))
        assert let_in(policy, meshed(), "get") == "authorizationpolicy/allow"
        assert let_in(policy, unmeshed("192.0.2.5"), "get") == "authorizationpolicy/z"  # the route's own are first


@pytest.mark.parametrize(
    ("to", "fits"),
    [
        (target("HTTPRoute", "get"), True),
        (target("httproute", "GET", "Policy.Linkerd.io"), True),
        (target("HTTPRoute", "get", GATEWAY_GROUP), False),
        (target("HTTPRoute", "get", ""), False),
        (target("HTTPRoute", "put"), False),
    ],
    ids=["same 3.17", "in any case 3.17", "of the other group", "of no group", "of another name"],
)
def test_targets_of_routes(to: Obj, fits: bool) -> None:
    assert (let_in(inbound(SERVER, ROUTE, allow(to)), meshed(), "get") != "") is fits


def test_gateway_routes_are_targets_too_3_17() -> None:
    policy = inbound(
        SERVER, server_route("get", GET_RULE, group=GATEWAY_GROUP), allow(target("HTTPRoute", "get", GATEWAY_GROUP))
    )
    assert let_in(policy, unmeshed(), "get") == "authorizationpolicy/allow"


def test_localhost_may_use_every_route_3_5() -> None:
    assert let_in(inbound(SERVER, ROUTE), unmeshed("127.0.0.1"), "get") == "default/localhost"


def test_what_of_a_route_counts_inbound_1_58_3_11() -> None:
    header = {"add": [{"name": "x", "value": "1"}]}
    rule = {
        "filters": [
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": header},
            {"type": "RequestHeaderModifier", "requestHeaderModifier": header},
            {"type": "RequestRedirect", "requestRedirect": {"statusCode": 301}},
        ],
        "timeouts": {"request": "1s"},
    }
    policy = inbound(SERVER, server_route("get", rule, group=GATEWAY_GROUP))
    assert [type(item) for item in policy.routes[0].rules[0].filters] == [RequestHeaderModifier, RequestRedirect]


def test_a_route_without_rules_is_attached_and_matches_nothing_1_21() -> None:
    empty = ROUTE | {"spec": {"parentRefs": [AT_SERVER], "rules": []}}
    (route,) = inbound(SERVER, empty).routes
    assert route.rules == ()


# Rate limits


def test_nothing_depends_on_the_order_of_objects() -> None:
    objects = [
        SERVER, server("z", app=""), ROUTE, server_route("b"), WEBAPP, OFFICE, allow(AT_SERVER, BY_WEBAPP),
        allow(AT_ROUTE, FROM_OFFICE, name="b"), rate_limit("r", **LIMIT), server_authorization("s", NAMED),
    ]  # fmt: skip
    assert inbound(*objects) == inbound(*objects[::-1])
