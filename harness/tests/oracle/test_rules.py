"""Single rules of sections 1 to 4, each with its opposite."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from ipaddress import ip_address

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.oracle import Objects, Request, Sender, differences, predict
from harness.tests.oracle.cluster import (
    CLIENT,
    Obj,
    ask,
    deployment,
    namespace,
    only,
    route,
    rules_of,
    service,
    shop,
    to,
)

OTHER = {"backendRefs": [to("other")]}


def under(path: str, kind: str = "PathPrefix", **more: object) -> Obj:
    return {"path": {"type": kind, "value": path}, **more}


@pytest.mark.parametrize("group", ["core", "", "policy.linkerd.io", "gateway.networking.k8s.io", None])
def test_a_parent_is_a_service_by_its_group(group: str | None) -> None:
    """§1.1, §1.2: without a group the CRD's own is filled in, and the route is attached to nothing."""
    parent = {"kind": "Service", "name": "web", **({} if group is None else {"group": group})}
    outcome = only(ask(shop(route("r", OTHER, parent=parent))))
    assert outcome.workload == ("shop", "other" if group in ("core", "") else "web")


def test_a_parent_port_narrows_a_route() -> None:
    """§1.3."""
    parent = {"group": "core", "kind": "Service", "name": "web", "port": 81}
    assert only(ask(shop(route("r", OTHER, parent=parent)))).workload == ("shop", "web")
    assert only(ask(shop(route("r", OTHER, parent={**parent, "port": 80})))).workload == ("shop", "other")


def test_consumer_routes_hold_for_their_namespace_and_add_to_the_producers() -> None:
    """§1.11, and the trap of §1.12: the backend is looked for beside the parent."""
    parent = {"group": "core", "kind": "Service", "name": "web", "namespace": "shop"}
    consumer = route("c", {"matches": [under("/c")], **OTHER}, parent=parent, ns="guests")
    producer = route("p", {"matches": [under("/p")]})
    objects, guest = shop(namespace("guests"), consumer, producer), Sender("guests", "g")
    assert only(ask(objects, "/c", sender=guest, host="web.shop")).workload == ("shop", "other")
    assert only(ask(objects, "/p", sender=guest, host="web.shop")).workload == ("shop", "web")
    assert only(ask(objects, "/c")).status == 404


def test_no_name_of_another_namespace_is_short() -> None:
    """§1.6."""
    assert only(ask(shop(), sender=Sender("guests", "g"))).by == "network"
    assert only(ask(shop(), host="web.shop.svc.cluster.local", sender=Sender("guests", "g"))).by == "app"


@pytest.mark.parametrize(
    ("dialect", "by", "status"), [(LINKERD_2_14, "client's proxy", 502), (LINKERD_EDGE, "network", None)]
)
def test_an_unknown_port_of_a_service(dialect: Dialect, by: str, status: int | None) -> None:
    """§1.8."""
    outcome = only(ask(shop(dialect=dialect), host="web:81"))
    assert (outcome.by, outcome.status) == (by, status)


@pytest.mark.parametrize(
    ("weights", "dialect", "by", "status"),
    [
        ([0], LINKERD_2_14, "client's proxy", 503),
        ([0], LINKERD_EDGE, "app", None),
        ([0, 0], LINKERD_2_14, "client's proxy", 503),
        ([0, 0], LINKERD_EDGE, "client's proxy", None),
        ([0, 5], LINKERD_2_14, "app", None),
    ],
)
def test_weights_of_zero(weights: list[int], dialect: Dialect, by: str, status: int | None) -> None:
    """§1.32 to §1.34."""
    backends = [to(name, weight) for name, weight in zip(["web", "other"], weights, strict=False)]
    outcome = only(ask(shop(route("r", {"backendRefs": backends}), dialect=dialect)))
    assert (outcome.by, outcome.status) == (by, status)


def test_a_backend_without_pods_gives_its_share_away_unless_it_is_alone() -> None:
    """§1.28, §1.31."""
    split = {"backendRefs": [to("web", 1), to("other", 9)]}
    assert only(ask(shop(route("r", split), replicas=0))).workload == ("shop", "web")
    alone = only(ask(shop(route("r", OTHER), replicas=0)))
    assert (alone.by, alone.timing) == ("client's proxy", "fail-fast")
    assert alone.statuses == {504, 503}


@pytest.mark.parametrize("backend", [to("nowhere"), to("other", port=None), to("other", kind="Secret")])
def test_a_backend_that_cannot_be_fails_its_share(backend: Obj) -> None:
    """§1.23, §1.25, §1.27."""
    prediction = ask(shop(route("r", {"backendRefs": [{**backend, "weight": 1}, to("web", 3)]})))
    assert prediction.share(by="client's proxy", status=500) == Fraction(1, 4)


def test_a_backend_port_that_nobody_declares_is_refused() -> None:
    """§1.26: the server's proxy is reached, its application is not."""
    outcome = only(ask(shop(route("r", {"backendRefs": [to("other", port=9)]}))))
    assert (outcome.by, outcome.status) == ("server's proxy", 502)
    assert only(ask(shop(route("r", {"backendRefs": [to("other", port=8080)]})))).by == "app"


def test_an_opaque_port_that_nobody_declares_is_closed() -> None:
    """§1.26 with §3.7: the server's proxy does not speak HTTP there, so the 502 is the client's own."""
    other = deployment("other")
    other["spec"]["template"]["metadata"]["annotations"] = {"config.linkerd.io/opaque-ports": "9"}
    objects = shop(other, route("r", {"backendRefs": [to("other", port=9)]}))
    outcome = only(ask(objects))
    assert (outcome.by, outcome.status) == ("client's proxy", 502)


@pytest.mark.parametrize(
    ("first", "second", "headers", "winner"),
    [
        (under("/a", "Exact"), under("/a"), {}, "first"),
        (under("/a"), under("/a", "Exact"), {}, "first"),
        (under("/.*", "RegularExpression"), under("/a", "Exact"), {}, "first"),
        (under("/"), under("/a"), {}, "second"),
        (under("/a"), under("/a", headers=[{"name": "X", "value": "1"}]), {"x": "1"}, "second"),
        (under("/a", headers=[{"name": "x", "value": "A"}]), under("/"), {"x": "a"}, "second"),
        (under("/a", method="GET"), under("/a"), {}, "first"),
        (under("/a|/ab", "RegularExpression"), under("/"), {}, "first"),
    ],
)
def test_precedence(first: Obj, second: Obj, headers: dict[str, str], winner: str) -> None:
    """§1.48, §1.49: lengths and numbers count, not types."""
    rules = ({"matches": [first], "backendRefs": [to("web")]}, {"matches": [second], **OTHER})
    outcome = only(ask(shop(route("r", *rules)), "/a", headers=headers))
    assert outcome.workload == ("shop", {"first": "web", "second": "other"}[winner])


def test_a_regex_must_span_what_it_finds_first() -> None:
    """§0.3."""
    objects = shop(route("r", {"matches": [under("/a|/ab", "RegularExpression")]}))
    assert only(ask(objects, "/a")).by == "app"
    assert only(ask(objects, "/ab")).status == 404


def test_hostnames_are_asked_first_and_short_names_are_not_meant() -> None:
    """§1.47, §1.50."""
    full = "web.shop.svc.cluster.local"
    objects = shop(route("host", OTHER, hostnames=[full]), route("path", {"matches": [under("/a/b")]}))
    assert only(ask(objects, "/a/b", host=full)).workload == ("shop", "other")
    assert only(ask(objects, "/a/b")).workload == ("shop", "web")
    missed = only(ask(objects, "/"))
    assert (missed.status, "§1.47" in rules_of(missed)) == (404, True)


@pytest.mark.parametrize(
    ("redirect", "location"),
    [
        ({"hostname": "new.example"}, "http://new.example/a/b?q=1"),
        ({"scheme": "https"}, "https://web/a/b?q=1"),
        ({"scheme": "https", "hostname": "h"}, "https://h/a/b?q=1"),
        ({"hostname": "h", "port": 80}, "http://h:80/a/b?q=1"),
        ({"port": 81}, "http://web:81/a/b?q=1"),
        ({"scheme": "https", "hostname": "h", "port": 8443}, "https://h:8443/a/b?q=1"),
        ({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"}}, "http://web/x"),
        ({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}, "http://web/x/b?q=1"),
        ({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}, "http://web//b?q=1"),
    ],
)
def test_redirects(redirect: Obj, location: str) -> None:
    """§1.57."""
    rule = {"matches": [under("/a")], "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
    outcome = only(ask(shop(route("r", rule)), "/a/b?q=1"))
    assert (outcome.by, outcome.status, outcome.location) == ("client's proxy", 302, location)


def test_a_backend_s_redirect_is_answered_for_its_share() -> None:
    """§1.36, §1.57: by the client's proxy, whether or not anybody is behind the backend."""
    moved = {"type": "RequestRedirect", "requestRedirect": {"hostname": "new.example"}}
    split = {"backendRefs": [to("other", filters=[moved]), to("web", 3)]}
    for replicas in (0, 1):
        prediction = ask(shop(route("r", split), replicas=replicas))
        assert prediction.share(by="client's proxy", status=302, location="http://new.example/") == Fraction(1, 4)
        assert prediction.share(by="app", workload=("shop", "web")) == Fraction(3, 4)


def test_a_prefix_that_is_everything_keeps_the_slash() -> None:
    """§1.57: the matched length of `/` is 1, so what follows it gets its slash back, and `/` itself none more."""
    redirect = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}
    rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
    found = [only(ask(shop(route("r", rule)), path)).location for path in ("/", "/a", "//a")]
    assert found == ["http://web/x", "http://web/x/a", "http://web/x/a"]


def test_a_redirect_to_where_it_goes_anyway_is_none_and_an_impossible_one_fails() -> None:
    """§1.57."""
    home = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "web"}}]}
    assert only(ask(shop(route("r", home)))).by == "app"
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}
    rule = {"matches": [under("/a", "Exact")], "filters": [{"type": "RequestRedirect", "requestRedirect": rewrite}]}
    assert only(ask(shop(route("r", rule)), "/a")).status == 500


def test_a_filter_that_the_mesh_lacks_unmakes_the_route() -> None:
    """§1.54, §1.15: with its only route gone, the port leads to the Service again."""
    filters = [{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}]
    assert only(ask(shop(route("r", {"filters": filters, **OTHER}, group="gateway")))).workload == ("shop", "web")
    with_it = to("other", filters=filters)
    assert only(ask(shop(route("r", {"backendRefs": [with_it]}, group="gateway")))).status == 500


def test_timeouts_of_routes_beat_those_of_services() -> None:
    """§2.6; annotations are read by newer versions alone (§2.7)."""
    annotated = service("web", annotations={"timeout.linkerd.io/request": "5s", "retry.linkerd.io/http": "5xx"})
    for own, seconds in ({"request": "2s"}, 2), ({}, 5):
        objects = shop(annotated, route("r", {"timeouts": own}), dialect=LINKERD_EDGE)
        limits = only(ask(objects)).limits
        assert limits.request == timedelta(seconds=seconds)
        assert limits.retry is not None
    assert only(ask(shop(annotated))).limits.request is None


@pytest.mark.parametrize(
    ("address", "excepted", "allowed"),
    [("10.1.2.3", [], True), ("10.1.2.3", ["10.1.0.0/16"], False), ("11.1.2.3", [], False), (None, [], True)],
)
def test_networks_ask_where_a_client_comes_from(address: str | None, excepted: list[str], allowed: bool) -> None:
    """§3.20."""
    objects = shop(*guarded({"networks": [{"cidr": "10.0.0.0/8", "except": excepted}]}))
    sender = Sender("shop", "x", meshed=False, address=None if address is None else ip_address(address))
    assert only(ask(objects, sender=sender)).status == (None if allowed else 403)


def guarded(networks: Obj | None = None, identities: Obj | None = None, **server: object) -> list[Obj]:
    """A Server for `web`, and a policy that asks for what is given."""

    def policy_object(kind: str, name: str, spec: Obj, version: str = "v1alpha1") -> Obj:
        metadata = {"name": name, "namespace": "shop"}
        return {"apiVersion": f"policy.linkerd.io/{version}", "kind": kind, "metadata": metadata, "spec": spec}

    selector = {"matchLabels": {"app": "web"}}
    found = [policy_object("Server", "s", {"podSelector": selector, "port": "http", **server}, "v1beta1")]
    required = []
    if networks is not None:
        found.append(policy_object("NetworkAuthentication", "n", networks))
        required.append({"group": "policy.linkerd.io", "kind": "NetworkAuthentication", "name": "n"})
    if identities is not None:
        found.append(policy_object("MeshTLSAuthentication", "m", identities))
        required.append({"group": "policy.linkerd.io", "kind": "MeshTLSAuthentication", "name": "m"})
    target = {"group": "policy.linkerd.io", "kind": "Server", "name": "s"}
    spec = {"targetRef": target, "requiredAuthenticationRefs": required}
    return [*found, policy_object("AuthorizationPolicy", "p", spec)]


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [("*", True), ("client.shop.serviceaccount.identity.linkerd.cluster.local", True),
     ("*.shop.serviceaccount.identity.linkerd.cluster.local", True),
     ("*.client.serviceaccount.identity.linkerd.cluster.local", False)],
)  # fmt: skip
def test_identities(pattern: str, allowed: bool) -> None:
    """§3.19, §3.23."""
    objects = shop(*guarded(identities={"identities": [pattern]}))
    assert only(ask(objects)).status == (None if allowed else 403)
    assert only(ask(objects, sender=Sender("shop", "client", meshed=False))).status == 403


def test_a_policy_with_a_missing_authentication_lets_nobody_in() -> None:
    """§3.18: it never fails open."""
    whole = guarded(networks={"networks": [{"cidr": "0.0.0.0/0"}]})
    assert only(ask(shop(*whole))).by == "app"
    assert only(ask(shop(*(obj for obj in whole if obj["kind"] != "NetworkAuthentication")))).status == 403


def test_what_is_not_read_as_http_is_closed_as_a_whole() -> None:
    """§3.7."""
    objects = shop(*guarded(identities={"identities": ["*"]}, proxyProtocol="opaque"))
    assert only(ask(objects)).by == "app"
    assert only(ask(objects, sender=Sender("shop", meshed=False))).by == "network"


@pytest.mark.parametrize(
    ("annotation", "mesh", "alien"), [("deny", 403, 403), ("all-authenticated", None, 403), ("nonsense", None, None)]
)
def test_default_policies(annotation: str, mesh: int | None, alien: int | None) -> None:
    """§3.1 to §3.4: pods have the annotations of their namespace when they are made."""
    space = namespace()
    space["metadata"]["annotations"]["config.linkerd.io/default-inbound-policy"] = annotation
    objects = shop(space)
    assert only(ask(objects)).status == mesh
    assert only(ask(objects, sender=Sender("shop", meshed=False))).status == alien


def test_who_is_not_injected_has_no_policies() -> None:
    """§4.7, §1.9."""
    objects = Objects.read([namespace(inject=""), deployment("web"), service("web"), *guarded()], LINKERD_2_14)
    outcome = only(ask(objects, sender=Sender("shop", meshed=False)))
    assert (outcome.by, outcome.allowed) == ("app", None)


def test_several_workloads_behind_one_service_are_not_an_exact_share() -> None:
    """§4.1."""
    twin = deployment("twin", replicas=3)
    twin["spec"]["template"]["metadata"]["labels"] = {"app": "web"}
    prediction = ask(shop(twin))
    assert not prediction.exact
    assert prediction.share(workload=("shop", "twin")) == Fraction(3, 4)


def test_differences_are_what_can_be_observed() -> None:
    """Two ways to write one thing are the same; a weight, a header and a limit are not."""
    asks = [(CLIENT, Request.of("GET", "http://web/a"))]
    plain = shop(route("r", {"matches": [under("/a")], **OTHER}))
    assert not differences(plain, shop(route("s", {"matches": [under("/a", "Exact")], **OTHER})), asks)
    assert not differences(plain, plain, asks)
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}}
    for rule in (
        {"matches": [under("/b")], **OTHER},
        {"matches": [under("/a")], "backendRefs": [to("other", 9), to("web", 1)]},
        {"matches": [under("/a")], "filters": [header], **OTHER},
        {"matches": [under("/a")], "timeouts": {"request": "1s"}, **OTHER},
    ):
        (difference,) = differences(plain, shop(route("r", rule)), asks)
        assert difference.request.path == "/a"


def test_probabilities_sum_to_one() -> None:
    split = {"backendRefs": [to("web", 3), to("other", 4), to("nowhere", 5)]}
    prediction = predict(shop(route("r", split)), CLIENT, Request.of("GET", "http://web/"))
    assert sum(outcome.probability for outcome in prediction.outcomes) == 1


@pytest.mark.parametrize(
    ("required", "annotations", "meshed", "by"),
    [
        ("web.shop.serviceaccount.identity.linkerd.cluster.local", {}, True, "app"),
        ("other.shop.serviceaccount.identity.linkerd.cluster.local", {}, True, "client's proxy"),
        ("other.shop.serviceaccount.identity.linkerd.cluster.local", {}, False, "app"),
        ("other.shop", {"config.linkerd.io/opaque-ports": "80"}, True, "app"),
    ],
)
def test_a_request_may_name_who_may_answer(
    required: str, annotations: dict[str, str], *, meshed: bool, by: str
) -> None:
    """§4.12: only a proxy that reads the request can obey."""
    objects = shop(service("web", annotations=annotations))
    found = only(ask(objects, headers={"L5d-Require-Id": required}, sender=Sender("shop", "client", meshed)))
    assert found.by == by
    assert (found.status == 502) is ("§4.12" in rules_of(found)) is (by == "client's proxy")


def test_who_has_no_proxy_has_no_identity_to_be_required() -> None:
    """§4.12."""
    objects = Objects.read([namespace(inject=""), deployment("web"), service("web")], LINKERD_2_14)
    assert only(ask(objects, headers={"l5d-require-id": "web.shop"})).status == 502


@pytest.mark.parametrize(("listed", "opaque"), [("80", True), ("81", False)])
def test_no_route_holds_for_an_opaque_port(listed: str, opaque: bool) -> None:
    """§1.61."""
    objects = shop(service("web", annotations={"config.linkerd.io/opaque-ports": listed}), route("r", OTHER))
    outcome = only(ask(objects))
    assert outcome.workload == ("shop", "web" if opaque else "other")
    assert ("§1.61" in rules_of(outcome)) is opaque
