"""Where a rule leads and who takes part in the draw (1B, 1C)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.dataplane.compile.backends import Backend, backends_of, drawn
from harness.embedded.dataplane.compile.forwarding import Asked, actions
from harness.embedded.dataplane.compile.names import Client, Config
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceState, Snapshot
from harness.resources.filters import Header, RequestHeaderModifier, RequestRedirect, UnsupportedFilter
from harness.resources.routes import BackendRef, HTTPRoute, Rule
from harness.tests.dataplane.builders import NAMESPACE, pod, route, service, snapshot, to

BOOKS = (NAMESPACE, "books")


def world(*refs: BackendRef, dialect: Dialect = LINKERD_2_14, **changes: object) -> tuple[Snapshot, RouteInForce]:
    made = route("split", Rule(backend_refs=refs), **changes)  # type: ignore[arg-type]
    parts: list[ServiceState] = [
        service("books", "127.77.64.2"),
        service("other", "127.77.64.3"),
        service("empty"),
        service("far", "127.77.64.4", namespace="elsewhere"),
    ]
    return snapshot(pod("webapp", "127.77.64.1"), *parts, made, dialect=dialect), made


def failures(*refs: BackendRef, **changes: object) -> list[str]:
    moment, made = world(*refs, **changes)  # type: ignore[arg-type]
    return [item.failure for item in backends_of(View.of(moment), made, made.route.rules[0], BOOKS, 7000)]


@pytest.mark.parametrize(
    ("ref", "failure"),
    [
        (to("books"), ""),
        (to("nope"), "Service not found nope"),
        (to("far"), "Service not found far"),
        (to("far", namespace="elsewhere"), ""),
        (to("books", port=None), "missing port for backend Service books"),
        (to("books", kind="Deployment", group="apps"), "unsupported backend type apps Deployment"),
        (to("out", kind="EgressNetwork", group="policy.linkerd.io"), "EgressNetwork backends attach to EgressNetwork"),
        (to("books", filters=(UnsupportedFilter("URLRewrite"),)), "unsupported backend filter: URLRewrite"),
        (to("books", filters=(RequestRedirect(),)), ""),
        (to("books", filters=(RequestRedirect(status_code=300),)), "unsupported backend filter: RequestRedirect"),
        (to("books", filters=(RequestHeaderModifier(set=(Header("a", "b"),)),)), ""),
        (to("books", port=9999), ""),
        (to("empty"), ""),
    ],
)
def test_a_bad_backend_says_why(ref: BackendRef, failure: str) -> None:
    """§1.23 to §1.29."""
    (seen,) = failures(ref)
    assert seen.startswith(failure)
    assert bool(seen) == bool(failure)


def test_a_consumer_route_looks_for_backends_beside_the_parent() -> None:
    """§1.12."""
    assert failures(to("other"), namespace="elsewhere") == [""]
    assert failures(to("far"), namespace="elsewhere") == ["Service not found far"]


def test_existence_is_frozen_where_the_dialect_says_so() -> None:
    """§1.24: what was missing when the route was read stays missing, and what was there stays there."""
    moment, made = world(to("books"), to("nope"))
    frozen = RouteInForce(made.route, made.parents, missing=frozenset({BOOKS}))
    seen = backends_of(View.of(moment), frozen, made.route.rules[0], BOOKS, 7000)
    assert [item.failure for item in seen] == ["Service not found books", ""]
    assert [item.available for item in seen] == [True, False]


_BACKENDS = st.lists(
    st.builds(
        Backend,
        weight=st.integers(0, 3),
        service=st.sampled_from([("ns", "a"), ("ns", "b"), ("ns", "c")]),
        available=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def literal_shares(backends: list[Backend], dialect: Dialect) -> dict[int, Fraction]:
    """Section 1C: draw by weight; an unavailable backend's weight becomes 0 and another is drawn."""
    weights = {number: item.weight for number, item in enumerate(backends)}
    if len(weights) == 1 and dialect.single_zero_weight_is_served:
        weights[0] = 1
    while total := sum(weights.values()):
        ready = {number: weight for number, weight in weights.items() if weight and backends[number].available}
        if not ready:
            return {number: Fraction(weight, total) for number, weight in weights.items() if weight}
        if len(ready) == sum(weight > 0 for weight in weights.values()):
            return {number: Fraction(weight, total) for number, weight in ready.items()}
        gone = next(number for number, weight in weights.items() if weight and number not in ready)
        weights[gone] = 0
    return {}


@pytest.mark.parametrize("dialect", [LINKERD_2_14, LINKERD_EDGE])
@given(_BACKENDS)
def test_shares_are_those_of_the_rules(dialect: Dialect, backends: list[Backend]) -> None:
    chosen = drawn(backends, dialect)
    total = sum(item.weight or 1 for item in chosen)
    shares = {id(item): Fraction(item.weight or 1, total) for item in chosen}
    expected = literal_shares(backends, dialect)
    assert shares == {id(backends[number]): share for number, share in expected.items()}


def answers(*refs: BackendRef, dialect: Dialect = LINKERD_2_14) -> tuple[Config, ...]:
    moment, made = world(*refs, dialect=dialect)
    webapp = Client(NAMESPACE, "booksapp/webapp-1", "127.77.64.1", "webapp")
    return actions(View.of(moment), Asked(webapp, BOOKS, 7000), made, made.route.rules[0])


def answer(*refs: BackendRef, dialect: Dialect = LINKERD_2_14) -> Config:
    (only,) = answers(*refs, dialect=dialect)
    return only


def clusters(answer: Config) -> dict[str, int]:
    return {item["name"]: item["weight"] for item in answer["route"]["weighted_clusters"]["clusters"]}


def test_weights_reach_the_proxy() -> None:
    seen = clusters(answer(to("books", 90), to("other", 10), to("other", 0)))
    assert seen == {"booksapp/webapp-1|svc/booksapp/books/7000": 90, "booksapp/webapp-1|svc/booksapp/other/7000": 10}


def test_no_backends_means_the_parent() -> None:
    """§1.20."""
    assert clusters(answer()) == {"booksapp/webapp-1|svc/booksapp/books/7000": 1}


def test_a_missing_backend_is_a_cluster_that_is_not_there() -> None:
    """§1.23: with the words of the error in the answer, and only for its own share."""
    seen = answer(to("books", 3), to("nope"))
    assert clusters(seen) == {"booksapp/webapp-1|svc/booksapp/books/7000": 3, "fail": 1}
    assert seen["route"]["cluster_not_found_response_code"] == "INTERNAL_SERVER_ERROR"
    missing = seen["route"]["weighted_clusters"]["clusters"][1]
    assert missing["response_headers_to_add"][0]["header"]["value"] == "Service not found nope"


def test_backends_that_redirect_have_entries_of_their_own() -> None:
    """§1.36: their shares add up, because the proxy draws once for all entries; nobody needs to be behind them."""
    moved = {name: to(name, 1, filters=(RequestRedirect(hostname=name),)) for name in ("other", "empty")}
    *moving, rest = answers(moved["other"], to("books", 2), moved["empty"])
    shares = [one["match"]["runtime_fraction"]["default_value"]["numerator"] for one in moving]
    assert shares == [250_000, 250_000, 500_000, 500_000]
    assert [one["redirect"]["host_redirect"] for one in moving if "redirect" in one] == ["other", "empty"]
    assert clusters(rest) == {"booksapp/webapp-1|svc/booksapp/books/7000": 2}
    assert answers(moved["empty"])[-1]["match"] == {}


def test_a_backend_s_redirect_to_where_a_request_goes_already_leads_to_the_backend() -> None:
    """§1.57: for its share, as anything else that it answers."""
    here, _, _ = answers(to("other", 1, filters=(RequestRedirect(hostname="other"),)), to("books", 3))
    assert here["match"]["runtime_fraction"]["default_value"]["numerator"] == 250_000
    assert [one["name"] for one in here["match"]["headers"]] == [":authority", ":authority"]
    assert clusters(here) == {"booksapp/webapp-1|svc/booksapp/other/7000": 1}


def test_a_backend_without_endpoints_loses_its_share_unless_all_have_none() -> None:
    """§1.31."""
    assert clusters(answer(to("books"), to("empty"))) == {"booksapp/webapp-1|svc/booksapp/books/7000": 1}
    assert clusters(answer(to("empty"))) == {"booksapp/webapp-1|svc/booksapp/empty/7000": 1}


@pytest.mark.parametrize(
    ("refs", "dialect", "status"),
    [
        ((to("books", 0),), LINKERD_2_14, 503),
        ((to("books", 0),), LINKERD_EDGE, None),
        ((to("books", 0), to("other", 0)), LINKERD_2_14, 503),
        ((to("books", 0), to("other", 0)), LINKERD_EDGE, 503),
    ],
)
def test_nothing_but_weight_zero(refs: tuple[BackendRef, ...], dialect: Dialect, status: int | None) -> None:
    """§1.33, §1.34."""
    seen = answer(*refs, dialect=dialect)
    assert seen.get("direct_response", {}).get("status") == status


def test_the_label_tells_a_default_backend_from_a_named_one() -> None:
    labels = [answer()["metadata"], answer(to("books"))["metadata"]]
    texts = [label["filter_metadata"]["signalbox"]["route"] for label in labels]
    assert texts[0].endswith("/split/default")
    assert texts[1].endswith("/split/")


def test_a_route_without_rules_has_no_backends() -> None:
    assert HTTPRoute("policy.linkerd.io", "ns", "r", rules=()).rules == ()
