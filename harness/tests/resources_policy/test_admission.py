"""What the policy webhook says (§1.74)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE
from harness.resources.admission import review
from harness.resources.routes import GATEWAY_GROUP
from harness.tests.resources_policy.documents import (
    GROUP,
    Obj,
    authorization_policy,
    mesh_tls,
    networks,
    rate_limit,
    requires,
    server,
    server_authorization,
    target,
)

NEW, OLD = LINKERD_EDGE, LINKERD_2_14
TO = target("Server", "s")
IDENTITY, NETWORK = requires("MeshTLSAuthentication", "m"), requires("NetworkAuthentication", "n")
ACCOUNT, PLACE = requires("ServiceAccount", "a"), target("Pod", "p", "")
NAMED = {"name": "s"}


def rates(**spec: Any) -> Obj:
    return rate_limit("r", **spec)


def rate(count: int) -> Obj:
    return {"requestsPerSecond": count}


def override(count: int, *clients: Obj) -> Obj:
    return rate(count) | {"clientRefs": list(clients)}


REFUSED_IN_BOTH: dict[str, tuple[Obj, list[str]]] = {
    "another namespace": (
        authorization_policy("p", target("Namespace", "shop", "")),
        ["spec.targetRef.name: cannot target another namespace: shop"],
    ),
    "two identities": (
        authorization_policy("p", TO, IDENTITY, IDENTITY),
        ["spec.requiredAuthenticationRefs: only a single MeshTLSAuthentication may be set"],
    ),
    "two accounts": (
        authorization_policy("p", TO, ACCOUNT, ACCOUNT),
        ["spec.requiredAuthenticationRefs: only a single ServiceAccount may be set"],
    ),
    "identity and account": (
        authorization_policy("p", TO, IDENTITY, ACCOUNT),
        ["spec.requiredAuthenticationRefs: a MeshTLSAuthentication and ServiceAccount may not be set together"],
    ),
    "two networks": (
        authorization_policy("p", TO, NETWORK, NETWORK),
        ["spec.requiredAuthenticationRefs: only a single NetworkAuthentication may be set"],
    ),
    "other authentications": (
        authorization_policy("p", TO, PLACE, target("Server", "x")),
        ["spec.requiredAuthenticationRefs: unsupported authentication kind(s): Pod, Server.policy.linkerd.io"],
    ),
    "two things at once": (
        authorization_policy("p", target("Namespace", "shop", ""), PLACE),
        [
            "spec.targetRef.name: cannot target another namespace: shop",
            "spec.requiredAuthenticationRefs: unsupported authentication kind(s): Pod",
        ],
    ),
    "namespaced namespace": (
        mesh_tls("m", identityRefs=[requires("Namespace", "shop", "shop")]),
        ["spec.identityRefs[0].namespace: Namespace identity_ref is cluster-scoped and cannot have a namespace"],
    ),
    "no identity": (
        mesh_tls("m", identityRefs=[ACCOUNT, PLACE]),
        ["spec.identityRefs[1]: invalid identity target kind: Pod"],
    ),
    "no networks": (networks("n"), ["spec.networks: at least one network must be specified"]),
    "exception as wide": (
        networks("n", {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}),
        ["spec.networks[0].except[0]: cidr '10.0.0.0/8' is completely negated by exception '10.0.0.0/8'"],
    ),
    "exception is wider": (
        networks("n", "::/0", {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "0.0.0.0/0"]}),
        ["spec.networks[1].except[1]: cidr '10.0.0.0/8' is completely negated by exception '0.0.0.0/0'"],
    ),
    "exception outside": (
        networks("n", {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}),
        ["spec.networks[0].except[0]: cidr '10.0.0.0/8' does not include exception '11.0.0.0/8'"],
    ),
    "exception of another version": (
        networks("n", {"cidr": "10.0.0.0/8", "except": ["::1"]}),
        ["spec.networks[0].except[0]: cidr '10.0.0.0/8' does not include exception '::1'"],
    ),
    "unauthenticated and TLS": (
        server_authorization("s", NAMED, unauthenticated=True, meshTLS={}),
        ["spec.client.unauthenticated: `unauthenticated` must be false if `mesh_tls` is specified"],
    ),
    "TLS of nobody and somebody": (
        server_authorization("s", NAMED, meshTLS={"unauthenticatedTLS": True, "serviceAccounts": [{"name": "a"}]}),
        [
            "spec.client.meshTLS.unauthenticatedTLS: "
            "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
        ],
    ),
    "exception in a ServerAuthorization": (
        server_authorization("s", NAMED, unauthenticated=True, networks=[{"cidr": "10.0.0.1", "except": ["10.0.0.1"]}]),
        ["spec.client.networks[0].except[0]: cidr '10.0.0.1' is completely negated by exception '10.0.0.1'"],
    ),
    "protocol": (
        server(proxyProtocol="http"),
        ["spec.proxyProtocol: 'http' is not one of unknown, HTTP/1, HTTP/2, gRPC, opaque, TLS"],
    ),
}


@pytest.mark.parametrize("case", REFUSED_IN_BOTH)
def test_refused_in_both_dialects_1_74(case: str) -> None:
    obj, said = REFUSED_IN_BOTH[case]
    for dialect in (OLD, NEW):
        assert review(obj, dialect) == (tuple(said), ())


ADMITTED_IN_BOTH: dict[str, Obj] = {
    "no requirements 3.18": authorization_policy("p", TO),
    "own namespace": authorization_policy("p", target("Namespace", "booksapp", ""), IDENTITY, NETWORK),
    "route": authorization_policy("p", target("HTTPRoute", "r"), ACCOUNT, NETWORK),
    "what does not exist 3.17": authorization_policy("p", target("Server", "nobody"), IDENTITY),
    "identities": mesh_tls("m", "*", "*.a.b", "a.b"),
    "references": mesh_tls("m", identityRefs=[ACCOUNT, requires("Namespace", "shop")]),
    "networks": networks("n", {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.1"]}, "::/0"),
    "TLS without identity": server_authorization("s", NAMED, meshTLS={"unauthenticatedTLS": True}),
    "nobody 3.21": server_authorization("s", NAMED),
    "Server": server(),
    "a Server that selects nothing 3.6": server(port="nowhere"),
}


@pytest.mark.parametrize("case", ADMITTED_IN_BOTH)
def test_admitted_in_both_dialects_1_74(case: str) -> None:
    for dialect in (OLD, NEW):
        assert review(ADMITTED_IN_BOTH[case], dialect) == ((), ())


DIFFERENT: dict[str, tuple[Obj, str, str]] = {
    # object, denial in 2.14, denial in edge
    "gateway route 3.17": (
        authorization_policy("p", target("HTTPRoute", "r", GATEWAY_GROUP)),
        "spec.targetRef: invalid targetRef kind: HTTPRoute.gateway.networking.k8s.io",
        "",
    ),
    "GRPC route 3.17": (
        authorization_policy("p", target("GRPCRoute", "r", GATEWAY_GROUP)),
        "spec.targetRef: invalid targetRef kind: GRPCRoute.gateway.networking.k8s.io",
        "",
    ),
    "account as target 3.17": (
        authorization_policy("p", target("ServiceAccount", "a", "")),
        "spec.targetRef: invalid targetRef kind: ServiceAccount",
        "spec.targetRef: unsupported authorization target type: ServiceAccount",
    ),
    "access policy 3.9": (
        server(accessPolicy="allow"),
        "",
        "spec.accessPolicy: Invalid 'accessPolicy' field: invalid mode: \"allow\"",
    ),
    "SPIFFE": (
        mesh_tls("m", "spiffe://trust/a"),
        "spec.identities[0]: id spiffe://trust/a is invalid: this version of the mesh knows no SPIFFE ids",
        "",
    ),
    "rate of zero 3.27": (rates(total=rate(0)), "", "spec.total.requestsPerSecond: total.requestsPerSecond must be"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_judged_differently_1_74(case: str) -> None:
    obj, old, new = DIFFERENT[case]
    for dialect, said in ((OLD, old), (NEW, new)):
        denials = review(obj, dialect).denials
        assert len(denials) == bool(said)
        assert all(denial.startswith(said) for denial in denials)


IDENTITIES = {
    "a.*": "identity must be a valid SPIFFE id or a DNS SAN",
    "**.a": "identity must be",
    "a.": "identity must be",
    ".a": "identity must be",
    "a..b": "identity must be",
    "A.b": "identity must be",
    "": "identity must be",
    "http://a/b": "identity must be",
    "spiffe:///a": "SPIFFE trust domain is missing",
    "spiffe://A/a": "SPIFFE trust domain characters are limited to",
    "spiffe://a:1/a": "SPIFFE trust domain characters",
    "spiffe://a/b?c": "SPIFFE path segment characters are limited to",
    "spiffe://a//b": "SPIFFE path cannot contain empty segments",
    "spiffe://a/./b": "SPIFFE path cannot contain dot segments",
    "spiffe://a/..": "SPIFFE path cannot contain dot segments",
    "spiffe://a/": "SPIFFE path cannot have a trailing slash",
    "spiffe://a/b/": "SPIFFE path cannot have a trailing slash",
}


@pytest.mark.parametrize("text", IDENTITIES)
def test_what_is_no_identity_1_74(text: str) -> None:
    (denial,) = review(mesh_tls("m", "*", text), NEW).denials
    assert denial.startswith(f"spec.identities[1]: id {text} is invalid: {IDENTITIES[text]}")


@pytest.mark.parametrize("text", ["*", "*.a", "a", "a-b.c", "spiffe://a", "spiffe://a.b_c/D/e-f"])
def test_what_is_an_identity_1_74(text: str) -> None:
    assert review(mesh_tls("m", text), NEW).denials == ()


RATES: dict[str, tuple[Obj, list[str]]] = {
    "route as target": (
        rates() | {"spec": {"targetRef": target("HTTPRoute", "r")}},
        [f"spec.targetRef: invalid targetRef kind: HTTPRoute.{GROUP}"],
    ),
    "identity of zero": (
        rates(identity=rate(0)),
        ["spec.identity.requestsPerSecond: identity.requestsPerSecond must be greater than 0"],
    ),
    "identity above total": (
        rates(total=rate(5), identity=rate(6)),
        [
            "spec.identity.requestsPerSecond: "
            "identity.requestsPerSecond must be less than or equal to total.requestsPerSecond"
        ],
    ),
    "overrides": (
        rates(total=rate(5), overrides=[override(5, ACCOUNT), override(0, ACCOUNT), override(9, ACCOUNT)]),
        [
            "spec.overrides[1].requestsPerSecond: override.requestsPerSecond must be greater than 0",
            "spec.overrides[2].requestsPerSecond: "
            "override.requestsPerSecond must be less than or equal to total.requestsPerSecond",
        ],
    ),
    "override for a namespace": (
        rates(overrides=[override(5, ACCOUNT, requires("Namespace", "shop"))]),
        ["spec.overrides[0].clientRefs: overrides.clientRefs must target a ServiceAccount"],
    ),
    "nothing limited": (rates(), []),
    "equal limits": (rates(total=rate(5), identity=rate(5), overrides=[override(5, ACCOUNT)]), []),
}


@pytest.mark.parametrize("case", RATES)
def test_rate_limits_3_27(case: str) -> None:
    obj, said = RATES[case]
    assert list(review(obj, NEW).denials) == said
    assert review(obj, OLD) == ((), ())


# Overlapping Servers in 2.14

OVERLAP = (
    "spec: Server spec 'booksapp/first' already defines a policy for port {}, and selects pods that would be selected "
    "by this Server"
)
FIRST = server("first")


def among(*stored: Obj) -> Callable[[str], list[Obj]]:
    return lambda namespace: [obj for obj in stored if obj["metadata"]["namespace"] == namespace]


OVERLAPPING: dict[str, tuple[Obj, Obj, bool]] = {
    "same selector": (FIRST, server("second"), True),
    "new one selects all": (FIRST, server("second", app=""), True),
    "old one selects all": (server("first", app=""), server("second"), True),
    "other pods": (FIRST, server("second", app="books"), False),
    "pods in common": (
        FIRST,
        server("second", podSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        False,
    ),
    "name and number": (FIRST, server("second", port=7001), False),
    "other port": (FIRST, server("second", port="admin"), False),
    "itself": (FIRST, server("first"), False),
}


@pytest.mark.parametrize("case", OVERLAPPING)
def test_2_14_refuses_overlaps_1_74(case: str) -> None:
    stored, new, refused = OVERLAPPING[case]
    said = (OVERLAP.format("service"),) if refused else ()
    assert review(new, OLD, among(stored)).denials == said
    assert review(new, NEW, among(stored)).denials == ()


def test_all_overlaps_are_named_in_order_1_74() -> None:
    denials = review(server("z"), OLD, among(server("b"), server("a"))).denials
    assert [denial.split("'")[1] for denial in denials] == ["booksapp/a", "booksapp/b"]


def test_overlaps_across_namespaces_are_none_1_74() -> None:
    other = FIRST | {"metadata": FIRST["metadata"] | {"namespace": "shop"}}
    assert review(server("second"), OLD, lambda _namespace: [other]).denials == ()


def test_only_servers_ask_for_others() -> None:
    def asked(_namespace: str) -> list[Obj]:
        raise AssertionError

    for obj in ADMITTED_IN_BOTH.values():
        assert review(obj, NEW, asked).denials == ()
        if obj["kind"] != "Server":
            assert review(obj, OLD, asked).denials == ()
