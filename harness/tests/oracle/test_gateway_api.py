"""The dialect `gateway-api`: what the Gateway API's own text asks of a mesh, each rule beside what Linkerd does."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from harness.dialect import GATEWAY_API, LINKERD_EDGE, Dialect
from harness.oracle import Objects, Sender
from harness.tests.oracle.cluster import (
    Obj,
    ask,
    deployment,
    namespace,
    only,
    rules_of,
    service,
    shop,
    to,
)
from harness.tests.oracle.cluster import route as any_route

WEB, OTHER = ("shop", "web"), ("shop", "other")
PARENT = {"group": "", "kind": "Service", "name": "web"}
GUEST = Sender("guests", "g")


def route(name: str, *rules: Obj, **more: Any) -> Obj:
    """A route of the gateway group on Service `web`."""
    return any_route(name, *rules, **{"parent": PARENT, "group": "gateway", **more})


def leading(backend: str, *matches: Obj, **more: Any) -> Obj:
    return {"backendRefs": [to(backend)], **({"matches": list(matches)} if matches else {}), **more}


def path(value: str, kind: str = "PathPrefix", **more: Any) -> Obj:
    return {"path": {"type": kind, "value": value}, **more}


def header(name: str, value: str) -> Obj:
    return {"name": name, "value": value}


def both(*objects: Obj) -> tuple[Objects, Objects]:
    """The same, by the text and by Linkerd."""
    return shop(*objects, dialect=GATEWAY_API), shop(*objects, dialect=LINKERD_EDGE)


@pytest.mark.parametrize(("group", "text", "linkerd"), [("", OTHER, OTHER), ("core", WEB, OTHER)])
def test_a_service_s_group_is_empty(group: str, text: tuple[str, str], linkerd: tuple[str, str]) -> None:
    """E1; E.10e."""
    objects = both(route("r", leading("other"), parent={**PARENT, "group": group}))
    assert [only(ask(one)).workload for one in objects] == [text, linkerd]


def test_a_section_is_the_name_of_a_port() -> None:
    """E5, E6."""
    for section, workload in ("http", OTHER), ("grpc", WEB):
        by_text, by_linkerd = both(route("r", leading("other"), parent={**PARENT, "sectionName": section}))
        assert only(ask(by_text)).workload == workload
        assert only(ask(by_linkerd)).workload == OTHER


def test_no_rule_that_matches_is_404_and_no_route_is_none() -> None:
    """E3, E4."""
    assert only(ask(shop(dialect=GATEWAY_API))).workload == WEB
    missed = only(ask(shop(route("r", leading("web", path("/a"))), dialect=GATEWAY_API), "/b"))
    assert (missed.by, missed.status) == ("client's proxy", 404)
    assert rules_of(missed) == {"E22", "E4"}


def test_consumer_routes_take_the_place_of_the_producer_s() -> None:
    """E8 to E10: for clients of their namespace, and for them alone."""
    producer = route("p", leading("web", path("/p")))
    beside = leading("web", path("/c"))
    beside["backendRefs"][0]["namespace"] = "shop"
    consumer = route("c", beside, parent={**PARENT, "namespace": "shop"}, ns="guests")
    by_text, by_linkerd = both(namespace("guests"), producer, consumer)
    seen = [only(ask(one, "/p", sender=GUEST, host="web.shop")).status for one in (by_text, by_linkerd)]
    assert seen == [404, None]
    assert only(ask(by_text, "/c", sender=GUEST, host="web.shop")).workload == WEB
    assert only(ask(by_text, "/p")).workload == WEB
    assert only(ask(by_text, "/c")).status == 404


def test_hostnames_are_ignored() -> None:
    """E18."""
    by_text, by_linkerd = both(route("r", leading("other"), hostnames=["elsewhere.example"]))
    assert only(ask(by_text)).workload == OTHER
    assert only(ask(by_linkerd)).status == 404


@pytest.mark.parametrize(
    ("first", "second", "headers", "text", "linkerd"),
    [
        (path("/a"), path("/a", "Exact"), {}, "second", "first"),  # E34
        (path("/a", headers=[header("x", "1")]), path("/a", "Exact"), {"x": "1"}, "second", "first"),
        (path("/"), path("/a"), {}, "second", "second"),
        (path("/", headers=[header("x", "1"), header("y", "1")]), path("/", method="GET"), {"x": "1", "y": "1"},
         "second", "first"),  # E35
        (path("/", queryParams=[header("q", "1")]), path("/", headers=[header("x", "1")]), {"x": "1"},
         "second", "second"),  # E36
        (path("/a.*", "RegularExpression"), path("/a", "Exact"), {}, "second", "first"),  # E30: ours
        (path("/a.*", "RegularExpression"), path("/a"), {}, "first", "first"),
        (path("/a"), path("/a"), {}, "first", "first"),  # E38
    ],
)  # fmt: skip
def test_precedence(first: Obj, second: Obj, headers: dict[str, str], text: str, linkerd: str) -> None:
    """E33 to E38, and §1.48 beside them."""
    by_text, by_linkerd = both(route("r", leading("web", first), leading("other", second)))
    workloads = {"first": WEB, "second": OTHER}
    seen = [only(ask(one, "/a?q=1", headers=headers)).workload for one in (by_text, by_linkerd)]
    assert seen == [workloads[text], workloads[linkerd]]


def test_matches_compete_and_not_rules() -> None:
    """E39: the second route's exact match wins, though its rule is also matched by a prefix."""
    one = route("a", leading("web", path("/a")))
    two = route("b", leading("other", path("/"), path("/a", "Exact")))
    assert only(ask(shop(one, two, dialect=GATEWAY_API), "/a")).workload == OTHER
    assert only(ask(shop(one, two, dialect=GATEWAY_API), "/a/b")).workload == WEB


def test_of_equals_the_older_route_wins_then_the_first_by_namespace_and_name() -> None:
    """E37."""
    one, two = route("b", leading("web")), route("a", leading("other"))
    assert only(ask(shop(one, two, dialect=GATEWAY_API))).workload == OTHER
    one["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    two["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    assert only(ask(shop(one, two, dialect=GATEWAY_API))).workload == WEB


@pytest.mark.parametrize(
    ("asked", "pattern", "fits"),
    [
        ("/abc", "/abc", True), ("/abc/", "/abc", True), ("/abc/def", "/abc/", True), ("/abcd", "/abc", False),
        ("/v2example", "/v2", False), ("/foo/v2/example", "/v2", False),
    ],
)  # fmt: skip
def test_a_prefix_is_of_path_elements(asked: str, pattern: str, *, fits: bool) -> None:
    """E25."""
    found = only(ask(shop(route("r", leading("other", path(pattern))), dialect=GATEWAY_API), asked))
    assert found.status == (None if fits else 404)


def test_an_exact_path_is_the_whole_path() -> None:
    """E24."""
    objects = shop(route("r", leading("other", path("/abc", "Exact"))), dialect=GATEWAY_API)
    assert [only(ask(objects, one)).status for one in ("/abc", "/abc/", "/ABC")] == [None, 404, 404]


def test_a_query_parameter_that_comes_again_counts_once() -> None:
    """E28."""
    by_text, by_linkerd = both(route("r", leading("other", path("/", queryParams=[header("q", "2")]))))
    assert [only(ask(one, "/?q=1&q=2")).status for one in (by_text, by_linkerd)] == [404, None]
    assert only(ask(by_text, "/?q=2&q=1")).workload == OTHER


def test_of_header_matches_of_one_name_the_first_counts() -> None:
    """E27."""
    twice = path("/", headers=[header("X", "1"), header("x", "2")])
    assert only(ask(shop(route("r", leading("other", twice)), dialect=GATEWAY_API), headers={"x": "1"})).status is None


def test_a_regular_expression_fits_the_whole_path() -> None:
    """E30; Linkerd goes by what it finds first (§0.3)."""
    by_text, by_linkerd = both(route("r", leading("other", path("/a|/ab", "RegularExpression"))))
    assert [only(ask(one, "/ab")).status for one in (by_text, by_linkerd)] == [None, 404]


def test_a_rule_without_backends_is_500_unless_it_redirects() -> None:
    """E58, E59, E63; E.10b."""
    by_text, by_linkerd = both(route("r", {}))
    found = only(ask(by_text))
    assert (found.by, found.status, "E63" in rules_of(found)) == ("client's proxy", 500, True)
    assert only(ask(by_linkerd)).workload == WEB
    moved = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "x.example"}}]}
    assert only(ask(shop(route("r", moved), dialect=GATEWAY_API))).status == 302


@pytest.mark.parametrize("weights", [[0], [0, 0]])
def test_nothing_but_weight_zero_is_an_error(weights: list[int]) -> None:
    """E54, E55."""
    refs = [to(name, weight) for name, weight in zip(("web", "other"), weights, strict=False)]
    assert only(ask(shop(route("r", {"backendRefs": refs}), dialect=GATEWAY_API))).status == 500


@pytest.mark.parametrize(
    "bad", [to("nowhere"), to("other", port=81), to("other", kind="Secret"), to("other", filters=[{"type": "X"}])]
)
def test_an_invalid_backend_is_500_for_its_share(bad: Obj) -> None:
    """E56, E57, E61; without weight it does no harm (E62)."""
    split = shop(route("r", {"backendRefs": [{**bad, "weight": 1}, to("web", 9)]}), dialect=GATEWAY_API)
    assert ask(split).share(status=500) == Fraction(1, 10)
    harmless = shop(route("r", {"backendRefs": [{**bad, "weight": 0}, to("web", 9)]}), dialect=GATEWAY_API)
    assert only(ask(harmless)).workload == WEB


def test_a_backend_that_is_not_ready_keeps_its_share() -> None:
    """E60; Linkerd gives it to the others (§1.31)."""
    by_text, by_linkerd = (
        shop(route("r", {"backendRefs": [to("web"), to("other")]}), dialect=one, replicas=0)
        for one in (GATEWAY_API, LINKERD_EDGE)
    )
    assert ask(by_text).share(by="client's proxy", status=503) == Fraction(1, 2)
    assert only(ask(by_linkerd)).workload == WEB


def test_a_backend_is_beside_its_route() -> None:
    """E64: no ReferenceGrant is asked for; the route's namespace is meant where none is named (§1.12 differs)."""
    mine = [namespace("guests"), deployment("other", ns="guests"), service("other", ns="guests")]
    consumer = route("c", leading("other"), parent={**PARENT, "namespace": "shop"}, ns="guests")
    by_text, by_linkerd = both(*mine, consumer)
    assert only(ask(by_text, sender=GUEST, host="web.shop")).workload == ("guests", "other")
    assert only(ask(by_linkerd, sender=GUEST, host="web.shop")).workload == OTHER


@pytest.mark.parametrize(
    ("asked", "prefix", "replaced", "found"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"), ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"), ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"), ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/", "/foo", "/", "/"), ("/foo", "/foo", "/", "/"), ("/foo/bar", "/foo", "/", "/bar"),
    ],
)  # fmt: skip
def test_a_replaced_prefix(asked: str, prefix: str, replaced: str, found: str) -> None:
    """E47."""
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": replaced}}
    rule = {"matches": [path(prefix)], "filters": [{"type": "RequestRedirect", "requestRedirect": rewrite}]}
    answer = only(ask(shop(route("r", rule), dialect=GATEWAY_API), f"{asked}?q=1"))
    assert answer.location == f"http://web{found}?q=1"


@pytest.mark.parametrize(
    ("redirect", "status", "location"),
    [
        ({"hostname": "example.org"}, 302, "http://example.org:8080/a"),
        ({"hostname": "example.org", "port": 80}, 302, "http://example.org/a"),
        ({"scheme": "https", "statusCode": 301}, 301, "https://web/a"),
        ({"scheme": "https", "port": 8443}, 302, "https://web:8443/a"),
        ({"port": 8083, "statusCode": 308}, 308, "http://web:8083/a"),
    ],
)
def test_redirects(redirect: Obj, status: int, location: str) -> None:
    """E44 to E46: the port is the one that is written, the scheme's, or the Service's."""
    rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
    objects = shop(service("web", port=8080), route("r", rule), dialect=GATEWAY_API)
    answer = only(ask(objects, "/a", host="web:8080"))
    assert (answer.by, answer.status, answer.location) == ("client's proxy", status, location)


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ([{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}], None),
        ([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "other", "port": 80}}}], None),
        ([{"type": "ExtensionRef", "extensionRef": {"group": "x", "kind": "Y", "name": "z"}}], 500),
    ],
)
def test_other_filters(filters: list[Obj], status: int | None) -> None:
    """E49, E50, E53; Linkerd has none of them, and no such route (§1.54)."""
    by_text, by_linkerd = both(route("r", leading("other", filters=filters)))
    assert only(ask(by_text)).status == status
    assert only(ask(by_linkerd)).workload == WEB


def test_a_filter_that_nobody_knows_unmakes_the_route() -> None:
    """E52: it is not accepted, and so not attached (E3)."""
    assert only(ask(shop(route("r", leading("other", filters=[{"type": "X"}])), dialect=GATEWAY_API))).workload == WEB


def test_both_timeouts_hold() -> None:
    """E66, E67, E70."""
    timed = {"timeouts": {"request": "2s", "backendRequest": "1s"}, **leading("web")}
    found = only(ask(shop(route("r", timed), dialect=GATEWAY_API)))
    assert (found.limits.request, found.limits.attempt) == (timedelta(seconds=2), timedelta(seconds=1))
    assert found.limits.answer_within == timedelta(seconds=1)
    assert found.also == (504,)
    none = {"timeouts": {"request": "0s"}, **leading("web")}
    assert only(ask(shop(route("r", none), dialect=GATEWAY_API))).also == ()


def test_only_the_first_hop_s_routes_apply_and_only_in_the_mesh() -> None:
    """E13, E20."""
    onward = route("o", {"matches": [path("/no")]}, parent={**PARENT, "name": "other"})
    objects = shop(route("r", leading("other")), onward, dialect=GATEWAY_API)
    assert only(ask(objects)).workload == OTHER
    assert only(ask(objects, sender=Sender("shop", meshed=False))).workload == WEB


def test_kinds_of_linkerd_are_told_and_play_no_part() -> None:
    linkerds = any_route("r", leading("other"))
    objects = shop(linkerds, dialect=GATEWAY_API)
    assert [one.problem for one in objects.unread] == ["the Gateway API knows no policy.linkerd.io"]
    found = only(ask(objects))
    assert (found.workload, found.allowed) == (WEB, None)


@pytest.mark.parametrize("dialect", [GATEWAY_API, LINKERD_EDGE])
def test_reasons_bear_numbers_of_the_text_that_is_meant(dialect: Dialect) -> None:
    numbers = set()
    for objects in (
        shop(dialect=dialect),
        shop(route("r", leading("other", path("/a"))), dialect=dialect),
        shop(route("r", {"backendRefs": [to("nowhere"), to("web", 0)]}), dialect=dialect),
        shop(route("r", {"backendRefs": [to("web", 0), to("other", 0)]}), dialect=dialect),
        shop(route("r", leading("other")), dialect=dialect, replicas=0),
        shop(service("web", type="ExternalName"), dialect=dialect),
    ):
        for host in ("web", "web:99", "nobody"):
            for sender in (Sender("shop", "client"), Sender("shop", meshed=False)):
                for outcome in ask(objects, "/a", host=host, sender=sender).outcomes:
                    numbers |= rules_of(outcome)
    assert {number[0] for number in numbers} == {"E" if dialect is GATEWAY_API else "§"}
