"""The table of `authz`: who was let in by what, who was refused, and how it is printed."""

from __future__ import annotations

from harness.mesh.authz import AuthzRow, authz_rows, render
from harness.mesh.metrics import Sample, Snapshot
from harness.tests.mesh.snapshots import BOOKS, after_ten_seconds, bucket, empty, responses

DEFAULT = {
    "srv_kind": "default",
    "srv_name": "all-unauthenticated",
    "route_kind": "default",
    "route_name": "default",
    "authz_kind": "default",
    "authz_name": "all-unauthenticated",
}
PROBE = {**DEFAULT, "route_name": "probe", "authz_name": "probe"}
SERVER = {"srv_kind": "server", "srv_name": "authors-server"}
GET = {**SERVER, "route_kind": "HTTPRoute", "route_name": "authors-get-route"}
POLICY = {"authz_kind": "authorizationpolicy", "authz_name": "authors-policy"}


def allowed(value: float, labels: dict[str, str]) -> Sample:
    return Sample("inbound_http_authz_allow_total", labels, value)


def denied(value: float, labels: dict[str, str]) -> Sample:
    return Sample("inbound_http_authz_deny_total", labels, value)


def table(*samples: Sample, before: tuple[Sample, ...] = ()) -> tuple[AuthzRow, ...]:
    return authz_rows(Snapshot(0.0, {BOOKS: before}), after_ten_seconds({BOOKS: samples}))


SAMPLES = (
    responses("inbound", "success", 45, **GET, **POLICY),
    responses("inbound", "failure", 5, **GET, **POLICY),
    bucket("1", 50, **GET, **POLICY),
    bucket("+Inf", 50, **GET, **POLICY),
    allowed(50, GET | POLICY),
    denied(33, GET),
    responses("inbound", "success", 2, **PROBE),
    bucket("10", 2, **PROBE),
    bucket("+Inf", 2, **PROBE),
    allowed(0, DEFAULT),
    allowed(0, SERVER | {"route_kind": "default", "route_name": "default"} | POLICY),
)


def test_the_table_as_printed() -> None:
    lines = render(table(*SAMPLES)).splitlines()
    assert lines == [
        "ROUTE              SERVER                       AUTHORIZATION                       "
        "UNAUTHORIZED  SUCCESS     RPS  LATENCY_P50  LATENCY_P95  LATENCY_P99",
        "authors-get-route  authors-server                                                   "
        "      3.3rps    0.00%  0.0rps          0ms          0ms          0ms",
        "authors-get-route  authors-server               authorizationpolicy/authors-policy  "
        "      0.0rps   90.00%  5.0rps          1ms          1ms          1ms",
        "default            authors-server               authorizationpolicy/authors-policy  "
        "           -        -       -            -            -            -",
        "probe              default:all-unauthenticated  default/probe                       "
        "      0.0rps  100.00%  0.2rps          5ms         10ms         10ms",
    ]


def test_idle_rows_are_shown_for_objects_only() -> None:
    shown = [(row.route, row.authorization, row.idle) for row in table(*SAMPLES)]
    assert ("default", "authorizationpolicy/authors-policy", True) in shown
    assert not [row for row in shown if row[1] == "default/all-unauthenticated"]
    assert table(denied(33, GET), before=(denied(33, GET),)) == ()


def test_refused_requests_have_a_row_without_authorization() -> None:
    (row,) = table(denied(10, GET))
    assert (row.authorization, row.unauthorized, row.success, row.rps) == ("", 1.0, 0.0, 0.0)


def test_rows_are_sorted_by_server_then_route_then_authorization() -> None:
    other = {**GET, "route_name": "a-route"}
    found = table(
        responses("inbound", "success", 1, **{**DEFAULT, "route_name": "a"}),
        responses("inbound", "success", 1, **GET, **POLICY),
        denied(1, GET),
        denied(1, other),
    )
    assert [(row.server, row.route, row.authorization) for row in found] == [
        ("authors-server", "a-route", ""),
        ("authors-server", "authors-get-route", ""),
        ("authors-server", "authors-get-route", "authorizationpolicy/authors-policy"),
        ("default:all-unauthenticated", "a", "default/all-unauthenticated"),
    ]


def test_requests_without_a_route_and_outbound_ones_are_in_no_row() -> None:
    """§6.9: the 404 of a Server whose routes all miss is counted elsewhere."""
    not_found = Sample("inbound_http_route_not_found_total", SERVER, 12)
    assert table(not_found, responses("outbound", "success", 4)) == ()


def test_without_rows_the_header_stands_alone() -> None:
    assert render(authz_rows(empty(BOOKS), after_ten_seconds({BOOKS: ()}))).startswith("ROUTE  SERVER  AUTHORIZATION")
