"""The proxy's counters as Linkerd's metrics (section 5)."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.dataplane.compile.authorizations import rule_name
from harness.embedded.dataplane.compile.names import InboundLabel
from harness.embedded.dataplane.labels import LATENCY_LIMITS_MS, Translator
from harness.embedded.dataplane.promtext import Exposition, Sample, parse_samples
from harness.resources.inbound import default_ref
from harness.tests.dataplane.builders import pod

WEBAPP = pod("webapp", "127.77.64.1").endpoint
BOOKS = pod("books", "127.77.64.2").endpoint
PLAIN = pod("plain", "127.77.64.3", meshed=False).endpoint
PODS = {item.pod_ip: item for item in (WEBAPP, BOOKS, PLAIN)}
SPLIT = "booksapp/books/7000/policy.linkerd.io/HTTPRoute/booksapp/split/"
DEFAULT = "booksapp/books/7000//default//http/default"
NO_ROUTE = "booksapp/books/7000/////"
BOOKS_CLUSTER = "booksapp/webapp-1|svc/booksapp/books/7000"

Series = dict[str, dict[tuple[tuple[str, str], ...], float]]


def translated(*samples: Sample, dialect: Dialect = LINKERD_2_14) -> Series:
    text = Translator(WEBAPP, dialect, PODS.get).exposition(samples)
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for item in family.samples:
            found.setdefault(item.name, {})[tuple(sorted(item.labels.items()))] = item.value
    return found


def total(series: Series, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for key, value in series.get(name, {}).items() if wanted <= set(key))


def allowed(route: str, authorization: str = "all-unauthenticated") -> dict[str, str]:
    """Tags of a request that the default policy let in."""
    label = InboundLabel(default_ref("all-unauthenticated"), default_ref(route) if route else None)
    authz = rule_name(0, default_ref(authorization))
    return {"route": str(label), "authz": authz, "decision": "allowed", "within_total": ""}


def inbound(value: float = 1, **changes: str) -> Sample:
    labels = {"port": "7000", "client": "", "code": "200", "flags": "-", "grpc": "-", "ms": "3"} | allowed("default")
    return Sample("envoy_sb_in", labels | changes, value)


def attempt(value: float = 1, **changes: str) -> Sample:
    labels = {
        "cluster": BOOKS_CLUSTER,
        "host": "127.77.64.2:7000",
        "route": SPLIT,
        "code": "200",
        "flags": "-",
        "grpc": "-",
    }
    return Sample("envoy_sb_try", labels | {"ms": "3"} | changes, value)


def outbound(value: float = 1, **changes: str) -> Sample:
    labels = {"cluster": BOOKS_CLUSTER, "route": SPLIT, "code": "200", "flags": "-", "grpc": "-", "ms": "3"}
    return Sample("envoy_sb_out", labels | changes, value)


def test_inbound_requests_name_client_server_route_and_authorization() -> None:
    """§5.1, §5.7."""
    seen = translated(inbound(4, client="a.b.serviceaccount.identity.linkerd.cluster.local"))
    ((labels, value),) = seen["response_total"].items()
    assert value == 4
    assert dict(labels) == {
        "direction": "inbound",
        "target_addr": "127.77.64.1:7000",
        "target_ip": "127.77.64.1",
        "target_port": "7000",
        "tls": "true",
        "client_id": "a.b.serviceaccount.identity.linkerd.cluster.local",
        "srv_group": "",
        "srv_kind": "default",
        "srv_name": "all-unauthenticated",
        "srv_port": "7000",
        "route_group": "",
        "route_kind": "default",
        "route_name": "default",
        "authz_group": "",
        "authz_kind": "default",
        "authz_name": "all-unauthenticated",
        "status_code": "200",
        "classification": "success",
    }
    assert total(seen, "request_total", direction="inbound") == 4
    assert total(seen, "inbound_http_authz_allow_total", route_name="default") == 4


def test_probes_have_their_own_route_and_no_identity() -> None:
    seen = translated(inbound(2, **allowed("probe", "probe")))
    assert total(seen, "response_total", route_name="probe", authz_name="probe", tls="no_identity") == 2
    assert total(seen, "response_total", no_tls_reason="no_tls_from_remote") == 2


def test_requests_without_a_route_are_only_counted_as_such() -> None:
    """§5.5."""
    seen = translated(inbound(2, **allowed(""), code="404"))
    assert total(seen, "inbound_http_route_not_found_total", srv_name="all-unauthenticated") == 2
    assert "response_total" not in seen


@pytest.mark.parametrize(
    ("code", "classification"), [("200", "success"), ("404", "success"), ("499", "success"), ("503", "failure")]
)
def test_only_5xx_is_a_failure(code: str, classification: str) -> None:
    """§5.2."""
    assert total(translated(inbound(code=code)), "response_total", classification=classification) == 1


@pytest.mark.parametrize(
    ("status", "classification"),
    [("0", "success"), ("5", "success"), ("8", "success"), ("12", "success"), ("16", "success")]
    + [(status, "failure") for status in ("2", "4", "7", "13", "14", "15")],
)
def test_of_calls_the_status_of_grpc_decides(status: str, classification: str) -> None:
    """§5.2."""
    for seen in (translated(inbound(grpc=status)), translated(attempt(grpc=status))):
        found = {"classification": classification, "grpc_status": status, "status_code": "200"}
        assert total(seen, "response_total", **found) == total(seen, "response_total") == 1


def test_who_went_away_has_a_request_and_no_response() -> None:
    seen = translated(inbound(2, code="0", flags="DC", ms=""), attempt(3, code="0", ms=""))
    assert total(seen, "request_total") == 5
    assert "response_total" not in seen


def test_latency_is_in_whole_milliseconds_and_linkerds_buckets() -> None:
    """§5.3."""
    assert LATENCY_LIMITS_MS[:7] == (1, 2, 3, 4, 5, 10, 20)
    assert LATENCY_LIMITS_MS[-1] == 50_000
    seen = translated(inbound(2, ms="0"), inbound(ms="1"), inbound(4, ms="6"), inbound(ms="60000"))
    buckets = {le: total(seen, "response_latency_ms_bucket", le=le) for le in ("1", "5", "10", "50000", "+Inf")}
    assert buckets == {"1": 3, "5": 3, "10": 7, "50000": 7, "+Inf": 8}
    assert total(seen, "response_latency_ms_sum") == 0 + 1 + 24 + 60_000
    assert total(seen, "response_latency_ms_count") == 8
    assert "classification" not in dict(next(iter(seen["response_latency_ms_count"])))


def test_outbound_requests_name_service_pod_and_identity() -> None:
    ((labels, _),) = translated(attempt())["response_total"].items()
    assert dict(labels) == {
        "direction": "outbound",
        "authority": "books.booksapp.svc.cluster.local:7000",
        "target_addr": "127.77.64.2:7000",
        "target_ip": "127.77.64.2",
        "target_port": "7000",
        "dst_namespace": "booksapp",
        "dst_service": "books",
        "dst_pod": "books-1",
        "dst_deployment": "books",
        "dst_replicaset": "books-abc",
        "dst_serviceaccount": "books",
        "dst_control_plane_ns": "linkerd",
        "tls": "true",
        "server_id": "books.booksapp.serviceaccount.identity.linkerd.cluster.local",
        "status_code": "200",
        "classification": "success",
    }


@pytest.mark.parametrize("host", ["127.77.64.3:7000", "127.77.99.1:7000"])
def test_endpoints_outside_the_mesh_show_no_identity(host: str) -> None:
    seen = translated(attempt(host=host))
    reason = "not_provided_by_service_discovery"
    assert total(seen, "response_total", tls="no_identity", no_tls_reason=reason, target_addr=host) == 1


def test_a_pod_dialled_directly_has_no_service() -> None:
    seen = translated(attempt(cluster="webapp.booksapp|pods", route="pods"))
    assert total(seen, "response_total", authority="127.77.64.2:7000", dst_pod="books-1") == 1
    assert total(seen, "response_total", dst_service="books") == 0
    assert "outbound_http_route_backend_requests_total" not in seen


def test_what_broke_on_the_way_counts_as_502() -> None:
    """§5.5."""
    seen = translated(attempt(2, code="0", flags="UF", ms=""), outbound(2, code="502", flags="UF"))
    assert total(seen, "response_total", status_code="502", classification="failure") == 2
    assert total(seen, "outbound_http_errors_total", error="i/o") == 2


def test_what_found_no_route_or_backend_enters_no_response() -> None:
    """§5.5, §5.8, §5.11."""
    seen = translated(
        outbound(2, route=NO_ROUTE, code="404", cluster=""),
        outbound(3, code="500", flags="NC", cluster=""),
        outbound(4, code="504", flags="UH"),
        dialect=LINKERD_EDGE,
    )
    assert "response_total" not in seen
    assert total(seen, "outbound_http_errors_total", error="unexpected") == 5
    assert total(seen, "outbound_http_errors_total", error="failfast") == 4
    statuses = "outbound_http_route_request_statuses_total"
    assert total(seen, statuses) == 7
    assert total(seen, statuses, route_name="split", http_status="500", error="") == 3
    assert total(seen, statuses, http_status="", error="FAIL_FAST") == 4
    requests = "outbound_http_route_backend_requests_total"
    assert total(seen, requests, backend_kind="default", backend_name="fail") == 3
    assert total(seen, requests, backend_name="books") == 4


def test_routes_are_labelled_with_parent_route_and_backend() -> None:
    """§5.9."""
    ((labels, _),) = translated(attempt())["outbound_http_route_backend_requests_total"].items()
    assert dict(labels) == {
        "parent_group": "core",
        "parent_kind": "Service",
        "parent_namespace": "booksapp",
        "parent_name": "books",
        "parent_port": "7000",
        "parent_section_name": "",
        "route_group": "policy.linkerd.io",
        "route_kind": "HTTPRoute",
        "route_namespace": "booksapp",
        "route_name": "split",
        "backend_group": "core",
        "backend_kind": "Service",
        "backend_namespace": "booksapp",
        "backend_name": "books",
        "backend_port": "7000",
        "backend_section_name": "",
    }


@pytest.mark.parametrize(
    ("dialect", "kind", "name"), [(LINKERD_2_14, "default", "service"), (LINKERD_EDGE, "Service", "books")]
)
def test_the_default_route_and_its_backend(dialect: Dialect, kind: str, name: str) -> None:
    """§1.17, §5.9."""
    seen = translated(attempt(route=DEFAULT), dialect=dialect)
    requests = "outbound_http_route_backend_requests_total"
    route = {"route_group": "", "route_kind": "default", "route_namespace": "", "route_name": "http"}
    assert total(seen, requests, backend_kind=kind, backend_name=name, **route) == 1


def test_newer_series_only_where_the_dialect_has_them() -> None:
    """§5.10."""
    old = translated(attempt(), outbound())
    new = translated(attempt(), outbound(ms="60"), dialect=LINKERD_EDGE)
    added = {
        "outbound_http_route_request_statuses_total",
        "outbound_http_route_backend_response_statuses_total",
        *(f"outbound_http_route_request_duration_seconds_{part}" for part in ("bucket", "sum", "count")),
        *(f"outbound_http_route_backend_response_duration_seconds_{part}" for part in ("bucket", "sum", "count")),
    }
    assert set(new) - set(old) == added
    duration = "outbound_http_route_request_duration_seconds"
    assert total(new, f"{duration}_sum") == pytest.approx(0.06)
    assert [total(new, f"{duration}_bucket", le=le) for le in ("0.05", "0.5", "+Inf")] == [0, 1, 1]


@pytest.mark.parametrize(
    ("sample", "labels"),
    [
        (("http_downstream_cx_active", "http_conn_manager_prefix", "out_127-77-64-1"), {"direction": "outbound"}),
        (("http_downstream_cx_active", "http_conn_manager_prefix", "in_127-77-64-1_7000_mesh"), {"tls": "true"}),
        (
            ("http_downstream_cx_active", "http_conn_manager_prefix", "in_127-77-64-1_7000_plain"),
            {"tls": "no_identity", "peer": "src", "target_addr": "127.77.64.1:7000"},
        ),
        (
            ("cluster_upstream_cx_active", "cluster_name", "in_127-77-64-1_7000"),
            {"direction": "inbound", "peer": "dst"},
        ),
    ],
)
def test_open_connections(sample: tuple[str, str, str], labels: dict[str, Any]) -> None:
    name, label, value = sample
    seen = translated(Sample(f"envoy_{name}", {f"envoy_{label}": value}, 3))
    assert total(seen, "tcp_open_connections", **labels) == 3


def test_text_survives_a_round_trip() -> None:
    into = Exposition()
    odd = {"a": 'q"\\\n{},', "b": ""}
    into.add("x_total", odd, 2)
    into.add("x_total", odd, 1e7)
    into.add("g", {"a": "1"}, 0.5, kind="gauge")
    assert list(parse_samples(into.text())) == [Sample("g", {"a": "1"}, 0.5), Sample("x_total", odd, 10_000_002)]
