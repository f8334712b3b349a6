"""What two readings become: workloads, edges with identity, refusals, authorizations."""

from __future__ import annotations

import pytest

from harness.dashboard.rows import UNMESHED, Place, health, view
from harness.mesh.metrics import Sample
from harness.tests.dashboard.readings import (
    BARE,
    BOOKS,
    SUFFIX,
    WEBAPP,
    WEBAPP_2,
    from_webapp,
    nothing,
    reading,
    responses,
    to_books,
)

IN_WEBAPP, IN_BOOKS = Place("booksapp", "webapp"), Place("booksapp", "books")
WEBAPP_ID, BOOKS_ID = f"webapp.booksapp.{SUFFIX}", f"books.booksapp.{SUFFIX}"
SERVER = {"srv_group": "policy.linkerd.io", "srv_kind": "server", "srv_name": "books-server"}
ROUTE = {"route_kind": "HTTPRoute", "route_name": "books-get"}


def test_replicas_are_one_edge_with_the_identities_that_both_sides_saw() -> None:
    first = nothing(0, WEBAPP, WEBAPP_2, BOOKS)
    last = reading(
        10,
        {
            WEBAPP: (*to_books("success", 60), *to_books("failure", 10, status_code="500")),
            WEBAPP_2: to_books("success", 30),
            BOOKS: (*from_webapp("success", 90), *from_webapp("failure", 10)),
        },
    )
    (edge,) = view(first, last).edges
    assert (edge.source, edge.destination) == (IN_WEBAPP, IN_BOOKS)
    assert (edge.client, edge.server, edge.plain) == (WEBAPP_ID, BOOKS_ID, "")
    assert (edge.traffic.total, edge.success, edge.rps) == (100, 0.9, 10.0)
    assert edge.traffic.latencies == (2, 2, 2)


def test_an_identity_that_the_server_did_not_see_is_not_claimed() -> None:
    last = reading(10, {WEBAPP: to_books("success", 5), BOOKS: ()})
    (edge,) = view(nothing(0, WEBAPP, BOOKS), last).edges
    assert (edge.client, edge.server) == ("", BOOKS_ID)


def test_only_what_the_window_added_counts() -> None:
    busy = reading(0, {WEBAPP: to_books("success", 1000), BOOKS: from_webapp("success", 1000)})
    same = reading(10, {WEBAPP: to_books("success", 1000), BOOKS: from_webapp("success", 1000)})
    shown = view(busy, same)
    assert shown.edges == ()
    assert [(row.name, row.success) for row in shown.workloads] == [("books", None), ("webapp", None)]


def test_a_client_without_a_proxy_is_an_edge_of_its_own_and_probes_are_none() -> None:
    plain = {"tls": "no_identity", "no_tls_reason": "no_tls_from_remote"}
    last = reading(
        10,
        {
            BOOKS: (
                *responses("inbound", "success", 7, **plain, route_kind="default", route_name="default"),
                *responses("inbound", "success", 99, **plain, route_kind="default", route_name="probe"),
            )
        },
    )
    (edge,) = view(nothing(0, BOOKS), last).edges
    assert (edge.source, edge.destination) == (Place("", UNMESHED), IN_BOOKS)
    assert (edge.client, edge.server, edge.plain, edge.traffic.total) == ("", "", "no_tls_from_remote", 7)


def test_a_server_without_a_proxy_is_shown_with_the_reason() -> None:
    labels = {"tls": "no_identity", "no_tls_reason": "not_provided_by_service_discovery", "authority": "10.0.0.1:80"}
    (edge,) = view(nothing(0, WEBAPP), reading(4, {WEBAPP: responses("outbound", "success", 2, **labels)})).edges
    assert (edge.destination, edge.plain) == (Place("", "10.0.0.1:80"), "not_provided_by_service_discovery")


def test_a_pod_of_no_deployment_goes_by_its_name() -> None:
    last = reading(10, {BARE: to_books("success", 5), BOOKS: ()})
    (edge,) = view(nothing(0, BARE, BOOKS), last).edges
    assert edge.source == Place("booksapp", "sender")


@pytest.mark.parametrize(
    ("counter", "labels", "status", "route"),
    [
        ("inbound_http_authz_deny_total", ROUTE, 403, "books-get"),
        ("inbound_http_route_not_found_total", {}, 404, ""),
        ("inbound_http_local_ratelimit_total", {}, 429, ""),
    ],
)
def test_refusals_say_who_was_refused_what(counter: str, labels: dict[str, str], status: int, route: str) -> None:
    """§3.15: whatever the inbound proxy answers itself; none of it is in the workload's own numbers."""
    refused = Sample(counter, {**SERVER, **labels, "tls": "true", "client_id": WEBAPP_ID}, 20.0)
    shown = view(nothing(0, BOOKS, WEBAPP), reading(10, {BOOKS: (refused,), WEBAPP: to_books("success", 20)}))
    (row,) = shown.refused
    assert (row.workload, row.server, row.route, row.client) == (IN_BOOKS, "books-server", route, WEBAPP_ID)
    assert (row.status, row.count, row.rps) == (status, 20, 2.0)
    assert [row.success for row in shown.workloads] == [None, None]
    (edge,) = shown.edges
    assert edge.client == WEBAPP_ID, "who is refused has shown its identity, too"


def test_authorizations_are_told_apart_by_workload() -> None:
    allowed = {**SERVER, **ROUTE, "authz_kind": "authorizationpolicy", "authz_name": "webapp-only"}
    samples = (Sample("inbound_http_authz_allow_total", allowed, 5.0), *from_webapp("success", 5, **allowed))
    shown = view(nothing(0, BOOKS, WEBAPP), reading(10, {BOOKS: samples, WEBAPP: samples}))
    assert [(place, row.route, row.authorization, row.rps) for place, row in shown.authorizations] == [
        (IN_BOOKS, "books-get", "authorizationpolicy/webapp-only", 0.5),
        (IN_WEBAPP, "books-get", "authorizationpolicy/webapp-only", 0.5),
    ]


def test_a_pod_that_cannot_be_read_is_left_out_and_named() -> None:
    first = nothing(0, WEBAPP, BOOKS)
    last = reading(10, {BOOKS: from_webapp("success", 5)}, unread={WEBAPP: "its 4191 says HTTP 403"})
    shown = view(first, last)
    assert shown.notes == ("booksapp/webapp-1 is left out: its 4191 says HTTP 403",)
    assert {row.name: row.success for row in shown.workloads} == {"books": 1.0, "webapp": None}


def test_readings_of_the_counters_are_in_no_row() -> None:
    """§4.8: the proxy counts what comes in on its own port; we ask there every 2 s."""
    own = {"tls": "no_identity", "target_port": "4191", "srv_port": "4191", "srv_kind": "default", "srv_name": "all"}
    judged = Sample("inbound_http_authz_allow_total", {**own, "authz_kind": "default", "authz_name": "all"}, 5.0)
    refused = Sample("inbound_http_authz_deny_total", own, 5.0)
    last = reading(10, {BOOKS: (*responses("inbound", "success", 5, **own), judged, refused)})
    shown = view(nothing(0, BOOKS), last)
    assert [row.success for row in shown.workloads] == [None, None]
    assert (shown.edges, shown.authorizations, shown.refused) == ((), (), ())


def test_another_clients_reading_of_a_proxy_is_an_edge() -> None:
    """Prometheus, if it is meshed, talks to port 4191 of others: its own proxy counted that."""
    labels = {"target_port": "4191", "dst_namespace": "booksapp", "dst_deployment": "books"}
    last = reading(10, {BARE: responses("outbound", "success", 5, **labels)})
    (edge,) = view(nothing(0, BARE), last).edges
    assert edge.destination == IN_BOOKS


@pytest.mark.parametrize(
    ("success", "word"),
    [(1.0, "good"), (0.99, "good"), (0.9899, "fair"), (0.9, "fair"), (0.8999, "poor"), (0.0, "poor"), (None, "idle")],
)
def test_health(success: float | None, word: str) -> None:
    assert health(success) == word
