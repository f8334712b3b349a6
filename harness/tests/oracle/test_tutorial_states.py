"""What the semantics document says about the tutorial (section 7), read off the manifests of this repository."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.oracle import Request, Sender, locked_out, predict
from harness.tests.oracle.cluster import BOOKS, STRANGER, WEBAPP, booksapp, only, rules_of

AUTHORS = "http://authors.booksapp:7001"
TRAFFIC = Sender("booksapp", "traffic")
STATES = ["authors-server", "authors-get-route", "authors-get-policy", "authors-probe-route-policy"]
STATES += ["authors-modify-route", "authors-modify-policy", "authors-get-route-with-head"]

App = None
"""The application's own answer."""


@pytest.mark.parametrize(
    ("state", "sender", "method", "path", "status"),
    [
        (0, STRANGER, "GET", "/authors.json", App),
        (1, WEBAPP, "GET", "/authors.json", 403),
        (1, STRANGER, "GET", "/ping", App),
        (1, WEBAPP, "HEAD", "/ping", 403),
        (1, WEBAPP, "GET", "/ping/x", 403),
        (2, WEBAPP, "GET", "/authors.json", 403),
        (2, BOOKS, "HEAD", "/authors/1.json", 404),
        (2, STRANGER, "GET", "/ping", 404),
        (3, WEBAPP, "GET", "/authors.json", App),
        (3, BOOKS, "GET", "/authors/1.json", App),
        (3, TRAFFIC, "GET", "/authors/1.json", 403),
        (3, STRANGER, "GET", "/authors.json", 403),
        (4, STRANGER, "GET", "/ping/x", App),
        (4, WEBAPP, "POST", "/authors.json", 404),
        (5, WEBAPP, "DELETE", "/authors/1.json", 403),
        (6, WEBAPP, "DELETE", "/authors/1.json", App),
        (6, BOOKS, "PUT", "/authors/1.json", 403),
        (6, BOOKS, "HEAD", "/authors/1.json", 404),
        (7, BOOKS, "HEAD", "/authors/1.json", App),
        (7, TRAFFIC, "HEAD", "/authors/1.json", 403),
    ],
)
def test_authorization_by_state(state: int, sender: Sender, method: str, path: str, status: int | None) -> None:
    """§7.4.0 to §7.4.7: what is refused, is refused by the proxy of authors."""
    outcome = only(predict(booksapp(*STATES[:state]), sender, Request.of(method, AUTHORS + path)))
    assert outcome.status == status
    assert outcome.by == ("app" if status is App else "server's proxy")
    assert outcome.workload == ("booksapp", "authors")


@pytest.mark.parametrize(("state", "is_locked_out"), [(0, False), (1, False), (2, True), (3, True), (4, False)])
def test_the_probe_is_locked_out_until_it_has_a_route(state: int, is_locked_out: bool) -> None:
    """§3.13, §7.4.2."""
    objects = booksapp(*STATES[:state])
    assert locked_out(objects) == ((("booksapp", "authors"),) if is_locked_out else ())
    if is_locked_out:
        outcome = only(predict(objects, WEBAPP, Request.of("GET", f"{AUTHORS}/"), unready=locked_out(objects)))
        assert (outcome.by, outcome.status, outcome.also) == ("client's proxy", 504, (503,))


def test_who_decided_is_named() -> None:
    outcome = only(predict(booksapp(*STATES[:3]), WEBAPP, Request.of("GET", f"{AUTHORS}/authors.json")))
    assert outcome.allowed is not None
    assert (outcome.allowed.server, outcome.allowed.route) == ("authors-server", "authors-get-route")
    assert outcome.allowed.authorization == "authorizationpolicy/authors-get-policy"
    assert outcome.allowed.authentication == "MeshTLSAuthentication authors-get-authn"


def test_one_call_in_ten_goes_to_the_error_injector() -> None:
    """§7.1.1; the stranger's calls are not split (§1.9)."""
    objects = booksapp("error-injector", "error-split-httproute")
    prediction = predict(objects, WEBAPP, Request.of("GET", "http://books:7002/books.json"))
    shares = {outcome.workload: outcome.probability for outcome in prediction.outcomes}
    assert shares == {("booksapp", "books"): Fraction(9, 10), ("booksapp", "error-injector"): Fraction(1, 10)}
    assert prediction.exact
    stranger = only(predict(objects, STRANGER, Request.of("GET", "http://books.booksapp:7002/books.json")))
    assert stranger.workload == ("booksapp", "books")
    assert "§1.9" in rules_of(stranger)


def test_a_missing_injector_answers_from_the_clients_own_proxy() -> None:
    """§7.1.7: without its Service 500 by the proxy, without a pod nothing at all is injected."""
    request = Request.of("GET", "http://books:7002/books.json")
    missing = predict(booksapp("error-split-httproute"), WEBAPP, request)
    assert missing.share(by="client's proxy", status=500) == Fraction(1, 10)
    objects = booksapp("error-injector", "error-split-httproute")
    unready = predict(objects, WEBAPP, request, unready=[("booksapp", "error-injector")])
    assert only(unready).workload == ("booksapp", "books")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_the_printed_timeout_route_refuses_everything(method: str) -> None:
    """§7.2.3."""
    outcome = only(
        predict(booksapp("timeouts-httproute-as-printed"), WEBAPP, Request.of(method, f"{AUTHORS}/authors/1.json"))
    )
    assert (outcome.by, outcome.status, outcome.timing) == ("client's proxy", 404, "at once")
    assert {"§1.46", "§1.18"} <= rules_of(outcome)
    with_quote = Request("authors.booksapp", 7001, '/authors/1.json"')
    assert only(predict(booksapp("timeouts-httproute-as-printed"), WEBAPP, with_quote)).by == "app"


@pytest.mark.parametrize(("dialect", "limit_ms"), [(LINKERD_2_14, 300), (LINKERD_EDGE, 600)])
def test_the_shorter_timeout_counts_where_both_are_read(dialect: Dialect, limit_ms: int) -> None:
    """§7.2.9, §2.5."""
    objects = booksapp("timeouts-httproute", dialect=dialect)
    outcome = only(predict(objects, WEBAPP, Request.of("GET", f"{AUTHORS}/authors/1.json")))
    assert outcome.limits.answer_within == timedelta(milliseconds=limit_ms)
    assert outcome.also == (504,)
    assert only(predict(objects, STRANGER, Request.of("GET", f"{AUTHORS}/authors/1.json"))).also == ()
