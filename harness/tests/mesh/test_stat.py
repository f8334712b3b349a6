"""The viz tables from two snapshots: counts exact, formatting as viz has it."""

from __future__ import annotations

from typing import Any, cast

from harness.kube.client import Kube
from harness.mesh.counting import quantile
from harness.mesh.metrics import MeshedPod, Sample, Snapshot, increase, is_probe, meshed_pods, parse
from harness.mesh.stat import stat_deployments, stat_from

WEBAPP = MeshedPod("booksapp", "webapp-1", "u1", "webapp")
BOOKS = MeshedPod("booksapp", "books-1", "u2", "books")


def responses(direction: str, classification: str, value: float, **labels: str) -> Sample:
    return Sample("response_total", {"direction": direction, "classification": classification, **labels}, value)


def bucket(le: str, value: float, direction: str = "inbound") -> Sample:
    return Sample("response_latency_ms_bucket", {"direction": direction, "le": le}, value)


def snapshot(at: float, **pods: tuple[Sample, ...]) -> Snapshot:
    named = {"webapp": WEBAPP, "books": BOOKS}
    return Snapshot(at, {named[name]: samples for name, samples in pods.items()})


def test_counts_are_differences_and_a_new_pod_counts_from_zero() -> None:
    before = snapshot(0, webapp=(responses("inbound", "success", 10),))
    after = snapshot(10, webapp=(responses("inbound", "success", 15),), books=(responses("inbound", "success", 4),))
    grown = increase(before, after, "response_total", by=("deployment",))
    assert grown == {("webapp",): 5, ("books",): 4}


def test_a_restarted_pod_never_counts_backwards() -> None:
    before = snapshot(0, webapp=(responses("inbound", "success", 10),))
    after = snapshot(10, webapp=(responses("inbound", "success", 3),))
    assert increase(before, after, "response_total")[()] == 0


def test_table_is_aligned_and_rounded_like_viz() -> None:
    before = snapshot(0, webapp=(), books=())
    after = snapshot(
        10,
        webapp=(
            responses("inbound", "success", 80),
            responses("inbound", "failure", 9),
            bucket("10", 44),
            bucket("20", 89),
            bucket("+Inf", 89),
            Sample("tcp_open_connections", {"direction": "inbound"}, 4),
        ),
        books=(),
    )
    table = stat_deployments(before, after, "booksapp", {"webapp": "3/3", "books": "1/1"})
    assert table.render().splitlines() == [
        "NAME     MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN",
        "books       1/1         -        -             -             -             -          -",
        "webapp      3/3    89.89%   8.9rps          10ms          19ms          20ms          4",
    ]


def test_from_shows_only_destinations_with_traffic() -> None:
    to_books = {"dst_namespace": "booksapp", "dst_deployment": "books"}
    to_authors = {"dst_namespace": "booksapp", "dst_deployment": "authors"}
    before = snapshot(0, webapp=(responses("outbound", "success", 5, **to_authors),))
    after = snapshot(
        10,
        webapp=(responses("outbound", "success", 5, **to_authors), responses("outbound", "success", 9, **to_books)),
        books=(responses("outbound", "failure", 7, **to_authors),),
    )
    table = stat_from(before, after, "booksapp", "webapp", {"books": "1/1"})
    assert [(row.name, row.success, row.rps) for row in table.rows] == [("books", 1.0, 0.9)]


def test_quantile_interpolates_inside_its_bucket() -> None:
    assert quantile({"10": 50, "20": 100, "+Inf": 100}, 0.5) == 10
    assert quantile({"10": 50, "20": 100, "+Inf": 100}, 0.95) == 19
    assert quantile({"10": 0, "+Inf": 3}, 0.5) == 10
    assert quantile({}, 0.5) == 0


def test_probes_are_told_from_application_traffic() -> None:
    assert is_probe({"route_kind": "default", "route_name": "probe"})
    assert is_probe({"target_port": "4191"})
    assert not is_probe({"route_kind": "HTTPRoute", "route_name": "probe", "target_port": "7000"})


def test_parse_keeps_counter_names_with_their_suffix() -> None:
    text = '# TYPE response_total counter\nresponse_total{direction="inbound"} 3\n'
    assert parse(text) == (Sample("response_total", {"direction": "inbound"}, 3.0),)


def test_series_that_are_read_again_keep_their_labels_and_get_new_values() -> None:
    first = '# TYPE request_total counter\nrequest_total{path="/a b}",said="\\"no\\""} 1\nup 1\n'
    labels = {"path": "/a b}", "said": '"no"'}
    assert parse(first) == (Sample("request_total", labels, 1.0), Sample("up", {}, 1.0))
    again = first.replace('"} 1', '"} 2.5e+3 1700000000000')
    assert parse(again) == (Sample("request_total", labels, 2500.0), Sample("up", {}, 1.0))


def test_pods_that_have_not_started_or_go_away_are_not_asked() -> None:
    def pod(name: str, phase: str, **metadata: str) -> dict[str, Any]:
        proxy = {"containers": [{"name": "linkerd-proxy"}]}
        return {
            "metadata": {"namespace": "n", "name": name, "uid": name, **metadata},
            "spec": proxy,
            "status": {"phase": phase},
        }

    class Listed:
        def objects(self, *_: str) -> list[dict[str, Any]]:
            return [pod("up", "Running"), pod("new", "Pending"), pod("old", "Running", deletionTimestamp="now")]

    assert [one.name for one in meshed_pods(cast(Kube, Listed()), "n")] == ["up"]
