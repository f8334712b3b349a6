"""Which rule wins: the compiled tables, read as the proxy reads them, against the rules word by word (1D, 1E)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.embedded.dataplane.compile import Config, compile_snapshot
from harness.embedded.dataplane.compile.names import RouteLabel
from harness.embedded.dataplane.snapshot import RouteInForce
from harness.resources.matches import HeaderMatch, Match, PathMatch, QueryParamMatch
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import pod, route, service, snapshot, to
from harness.tests.dataplane.promised import winner
from harness.tests.dataplane.proxy_reading import Asked, find_route, label_of

AUTHORITY = "books.booksapp.svc.cluster.local:7000"


def compiled(routes: list[RouteInForce]) -> Config:
    """The table of a client; each rule of a route has a backend port of its own."""
    books = service("books", "127.77.64.2", cluster_ip="127.77.1.5")
    moment = snapshot(pod("webapp", "127.77.64.1"), books, *routes)
    return compile_snapshot(moment, Path("/run")).routes["out/booksapp/webapp-1"]


def answering(table: Config, asked: Asked) -> tuple[str, int] | None:
    """Name of the route and number of the rule that answer."""
    found = find_route(table, asked)
    assert found is not None
    label = RouteLabel.parse(label_of(found))
    assert label is not None
    if not label.name:
        assert found["direct_response"]["status"] == 404
        return None
    cluster = found["route"]["weighted_clusters"]["clusters"][0]["name"]
    return label.name, int(cluster.rpartition("/")[2])


def numbered(name: str, rules: list[tuple[Match, ...]], created: int, hostnames: tuple[str, ...]) -> RouteInForce:
    made = [Rule(matches=matches, backend_refs=(to("books", port=number + 1),)) for number, matches in enumerate(rules)]
    return route(name, *made, created=f"2026-01-01T00:00:0{created}Z", hostnames=hostnames)


_PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/", "//", "/a//b"]
_PATH_MATCHES = st.one_of(
    st.tuples(st.sampled_from(["Exact", "PathPrefix"]), st.sampled_from(_PATHS)),
    st.tuples(st.just("RegularExpression"), st.sampled_from(["/a.*", "/a|/ab", ".*b", "/a(/b)?", "/[ab]/?", "/"])),
).map(lambda pair: PathMatch(*pair))  # type: ignore[arg-type]
_HEADERS = st.lists(
    st.sampled_from(
        [HeaderMatch("X-One", "1"), HeaderMatch("x-two", "2"), HeaderMatch("x-two", "[2-3]|23", "RegularExpression")]
    ),
    max_size=2,
    unique_by=lambda item: item.name.lower(),
).map(tuple)
_QUERY = st.lists(
    st.sampled_from(
        [QueryParamMatch("q", "a b"), QueryParamMatch("r", ""), QueryParamMatch("q", "[a-c]+", "RegularExpression")]
    ),
    max_size=2,
    unique_by=lambda item: item.name,
).map(tuple)
_MATCHES = st.builds(
    Match, path=_PATH_MATCHES, headers=_HEADERS, query_params=_QUERY, method=st.sampled_from([None, None, "GET", "PUT"])
)
_HOSTNAMES = st.sampled_from(
    [
        (),
        (),
        ("books.booksapp.svc.cluster.local",),
        ("*.svc.cluster.local", "nowhere"),
        ("*.cluster.local.",),
        ("other",),
    ]
)
ROUTES = st.lists(
    st.tuples(
        st.lists(st.lists(_MATCHES, min_size=1, max_size=2).map(tuple), max_size=3), st.integers(0, 1), _HOSTNAMES
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: [numbered(f"r{index}", *part) for index, part in enumerate(parts)])
REQUESTS = st.builds(
    Asked,
    authority=st.sampled_from([AUTHORITY, "books.booksapp.svc.cluster.local.:7000", "books:7000", "127.77.1.5:7000"]),
    target=st.tuples(
        st.sampled_from([*_PATHS, "/b", "/a/c"]),
        st.sampled_from(["", "?q=a+b", "?q=a%20b&r", "?r=&q=abc", "?q=x&q=ab", "?r=1"]),
    ).map("".join),
    method=st.sampled_from(["GET", "HEAD", "PUT"]),
    headers=st.sampled_from([{}, {"x-one": "1"}, {"x-two": "2"}, {"x-one": "1", "x-two": "23"}]),
)


@settings(max_examples=150, deadline=None)
@given(ROUTES, st.lists(REQUESTS, min_size=1, max_size=6))
def test_the_table_answers_as_the_rules_say(routes: list[RouteInForce], requests: list[Asked]) -> None:
    older_first = sorted((item.route for item in routes), key=lambda item: (item.creation_timestamp, item.name))
    table = compiled(routes)
    for asked in requests:
        expected = winner(older_first, asked)
        seen = answering(table, asked)
        assert seen == (None if expected is None else (expected[0].name, expected[1] + 1)), asked


def rule(path: str, kind: str = "PathPrefix", **more: object) -> tuple[Match, ...]:
    return (Match(path=PathMatch(kind, path), **more),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "asked", "winning"),
    [
        # §1.49: an equally long prefix wins by its header
        ([rule("/a", "Exact"), rule("/a", headers=(HeaderMatch("x-one", "1"),))],
         Asked(AUTHORITY, "/a", headers={"x-one": "1"}), 2),
        ([rule("/.*", "RegularExpression"), rule("/a", "Exact")], Asked(AUTHORITY, "/a"), 1),
        ([rule("/a"), rule("/a/b")], Asked(AUTHORITY, "/a/b/c"), 2),
        ([rule("/a/"), rule("/a/", "Exact")], Asked(AUTHORITY, "/a/"), 2),
        ([rule("/a/")], Asked(AUTHORITY, "/a"), 1),
        ([rule("/authors")], Asked(AUTHORITY, "/authors.json"), None),
        ([rule("/", method="GET")], Asked(AUTHORITY, "/", method="HEAD"), None),
        ([rule("/"), rule("/", method="GET")], Asked(AUTHORITY, "/"), 2),
        ([rule("/a", query_params=(QueryParamMatch("q", "1"),)), rule("/a", headers=(HeaderMatch("x-one", "1"),))],
         Asked(AUTHORITY, "/a?q=1", headers={"x-one": "1"}), 2),
        ([rule("/a?b", "Exact"), rule("a")], Asked(AUTHORITY, "/a?b"), None),
        ([rule("//"), rule("/a")], Asked(AUTHORITY, "/a"), 2),
        ([], Asked(AUTHORITY, "/"), None),
    ],
)  # fmt: skip
def test_known_traps(rules: list[tuple[Match, ...]], asked: Asked, winning: int | None) -> None:
    seen = answering(compiled([numbered("r", rules, 0, ())]), asked)
    assert seen == (None if winning is None else ("r", winning))


def test_a_route_for_the_host_beats_a_longer_path() -> None:
    """§1.50; short names of the same Service do not match the hostname (§1.47)."""
    routes = [numbered("path", [rule("/a/b/c", "Exact")], 0, ()), numbered("host", [rule("/")], 1, (AUTHORITY[:-5],))]
    assert answering(compiled(routes), Asked(AUTHORITY, "/a/b/c")) == ("host", 1)
    assert answering(compiled(routes), Asked("books:7000", "/a/b/c")) == ("path", 1)


def test_of_equal_routes_the_older_one_answers_then_the_name_decides() -> None:
    equal = [numbered("b", [rule("/")], 1, ()), numbered("c", [rule("/")], 0, ()), numbered("a", [rule("/")], 1, ())]
    assert answering(compiled(equal), Asked(AUTHORITY)) == ("c", 1)
    assert answering(compiled([equal[0], equal[2]]), Asked(AUTHORITY)) == ("a", 1)
