"""Which rule of GRPCRoutes takes a call: the compiled tables, as the proxy reads them, against the oracle (§1.60)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dialect import LINKERD_EDGE
from harness.embedded.dataplane.compile.precedence import attached
from harness.embedded.dataplane.compile.refusal import refusal
from harness.embedded.dataplane.snapshot import RouteInForce
from harness.oracle import Request
from harness.oracle.matching import choose
from harness.resources.filters import ResponseHeaderModifier
from harness.resources.matches import HeaderMatch, Match, RpcMatch
from harness.resources.routes import GATEWAY_GROUP, Rule
from harness.tests.dataplane.builders import pod, route, service, snapshot, to
from harness.tests.dataplane.proxy_reading import Asked
from harness.tests.dataplane.test_precedence import AUTHORITY, answering, compiled

KIND = "GRPCRoute"


def calls(name: str, *rules: tuple[Match, ...], created: int = 0, hostnames: tuple[str, ...] = ()) -> RouteInForce:
    """A GRPCRoute, each rule with a backend port of its own."""
    made = [Rule(matches=matches, backend_refs=(to("books", port=number + 1),)) for number, matches in enumerate(rules)]
    day = f"2026-01-01T00:00:0{created}Z"
    return route(name, *made, created=day, hostnames=hostnames, group=GATEWAY_GROUP, kind=KIND)


def method(service: str = "", name: str = "", **headers: str) -> tuple[Match, ...]:
    wanted = tuple(HeaderMatch(key, value) for key, value in headers.items())
    return (Match(headers=wanted, method="POST", rpc=RpcMatch(service, name)),)


EVERYTHING = (Match(rpc=RpcMatch()),)


@pytest.mark.parametrize(
    ("rules", "asked", "winning"),
    [
        ([method("shop.Books", "Get")], "/shop.Books/Get", 1),
        ([method("shop.Books", "Get")], "/shop.Books/GetAll", None),
        ([method("shop.Books", "Get")], "/shop.Books/Get/x", 1),
        ([method("shop.Books")], "/shop.Books/Get", 1),
        ([method("shop.Books")], "/shop.BooksTwo/Get", None),
        ([method("shop.Books")], "/shopXBooks/Get", None),
        ([method("shop.Books")], "/shop.Books", None),
        ([method(name="Get")], "/any.Thing/Get", 1),
        ([method(name="Get")], "/any.Thing/Getter", None),
        ([method("shop.Books"), method("shop.Books", "Get")], "/shop.Books/Get", 2),
        ([method(name="GetEverything"), method("s.B")], "/s.B/GetEverything", 2),
        ([method("s.B", x="1"), method("s.B", "Get")], "/s.B/Get", 2),
        ([method("s.B"), method("s.B", x="1")], "/s.B/Get", 2),
        ([method("s.B"), EVERYTHING], "/other/Thing", 2),
        ([], "/s.B/Get", None),
    ],
)  # fmt: skip
def test_the_longest_name_wins(rules: list[tuple[Match, ...]], asked: str, winning: int | None) -> None:
    seen = answering(compiled([calls("r", *rules)]), Asked(AUTHORITY, asked, method="POST", headers={"x": "1"}))
    assert seen == (None if winning is None else ("r", winning))


def test_what_is_no_call_is_for_rules_without_a_match_alone() -> None:
    table = compiled([calls("r", method("s.B"), EVERYTHING)])
    assert answering(table, Asked(AUTHORITY, "/s.B/Get", method="GET")) == ("r", 2)
    assert answering(compiled([calls("r", method("s.B"))]), Asked(AUTHORITY, "/s.B/Get", method="GET")) is None


def test_routes_for_calls_hide_all_others_of_their_port() -> None:
    http = route("http", Rule(backend_refs=(to("books", port=9),)))
    asked = Asked(AUTHORITY, "/s.B/Put", method="POST")
    assert answering(compiled([http]), asked) == ("http", 9)
    assert answering(compiled([http, calls("r", method("s.B", "Get"))]), asked) is None
    elsewhere = calls("r", method("s.B", "Get"))
    parent = replace(elsewhere.parents[0], port=1)
    assert answering(compiled([http, replace(elsewhere, parents=(parent,))]), asked) == ("http", 9)


def test_where_only_http_1_is_spoken_no_route_is_for_calls() -> None:
    """§1.59."""
    http, grpc = route("http", Rule()), calls("r", EVERYTHING)

    def names(app_protocol: str) -> list[str]:
        books = service("books", "127.77.64.2", cluster_ip="127.77.1.5")
        ports = tuple(replace(port, app_protocol=app_protocol) for port in books.service.ports)
        books = replace(books, service=replace(books.service, ports=ports))
        moment = replace(snapshot(pod("webapp", "127.77.64.1"), books, http, grpc), dialect=LINKERD_EDGE)
        return [one.route.name for one in attached(moment, "booksapp", ("booksapp", "books"), 7000)]

    assert names("") == ["r"]
    assert names("kubernetes.io/h2c") == ["r"]
    assert names("http") == ["http"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule(matches=method(x="1")), "a match without a method"),
        (Rule(matches=EVERYTHING, filters=(ResponseHeaderModifier(),)), "a ResponseHeaderModifier in a GRPCRoute"),
        (Rule(matches=(Match(rpc=RpcMatch("a", "b", "RegularExpression")),)), "methods are matched exactly alone"),
    ],
)
def test_what_is_not_foretold_is_refused(rule: Rule, why: str) -> None:
    assert why in str(refusal(route("r", rule, group=GATEWAY_GROUP, kind=KIND).route))
    assert refusal(calls("r", EVERYTHING, method("a.B")).route) is None


_NAMES = st.sampled_from(["", "a", "s.A", "s.AB"])
_METHODS = st.sampled_from(["", "A", "AB", "Get"])
_MATCHES = st.one_of(
    st.just(Match(rpc=RpcMatch())),
    st.builds(
        lambda rpc, headers: Match(rpc=rpc, method="POST", headers=tuple(headers)),
        st.builds(RpcMatch, _NAMES, _METHODS).filter(lambda rpc: rpc != RpcMatch()),
        st.lists(
            st.sampled_from([HeaderMatch("x-one", "1"), HeaderMatch("x-two", "[2-3]|23", "RegularExpression")]),
            max_size=2,
            unique_by=lambda item: item.name,
        ),
    ),
)
_ROUTES = st.lists(
    st.tuples(st.lists(st.lists(_MATCHES, min_size=1, max_size=2).map(tuple), max_size=4), st.integers(0, 1)),
    min_size=1,
    max_size=3,
).map(lambda parts: [calls(f"r{n}", *rules, created=created) for n, (rules, created) in enumerate(parts)])
_CALLS = st.builds(
    Asked,
    authority=st.just(AUTHORITY),
    target=st.builds(
        "/{}/{}{}".format, st.sampled_from(["a", "s.A", "s.AB", "x"]), st.sampled_from(["A", "AB", "Get", ""]),
        st.sampled_from(["", "/", "/x", "?q=1"]),
    ),
    method=st.sampled_from(["POST", "POST", "GET"]),
    headers=st.sampled_from([{}, {"x-one": "1"}, {"x-two": "2"}, {"x-one": "1", "x-two": "23"}]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(_ROUTES, st.lists(_CALLS, min_size=1, max_size=6))
def test_table_and_oracle_agree(routes: list[RouteInForce], asked: list[Asked]) -> None:
    older_first = sorted((item.route for item in routes), key=lambda item: (item.creation_timestamp, item.name))
    table = compiled(routes)
    for one in asked:
        request = Request("books", 7000, one.target, one.method, tuple(one.headers.items()))
        choice = choose([((), item.rules) for item in older_first], request)
        expected = None if choice is None else (older_first[choice.route].name, choice.rule + 1)
        assert answering(table, one) == expected, one
