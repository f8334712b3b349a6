"""Which rows `stat` has for a question, and the numbers in them."""

from __future__ import annotations

from harness.mesh.metrics import Sample
from harness.mesh.stat import StatQuery, StatRow, in_order, stat_rows
from harness.mesh.targets import DEPLOYMENT, NAMESPACE, POD, SERVICE, Target
from harness.mesh.workloads import Workload, WorkloadKey
from harness.tests.mesh.snapshots import (
    BOOKS,
    OTHER_BOOKS,
    WEBAPP,
    after_ten_seconds,
    bucket,
    connections,
    empty,
    responses,
)

TO_BOOKS = {
    "dst_namespace": "booksapp",
    "dst_deployment": "books",
    "dst_service": "books",
    "dst_pod": "books-1",
    "authority": "books.booksapp.svc.cluster.local:7002",
}
TO_OTHER_BOOKS = {
    "dst_namespace": "library",
    "dst_deployment": "books",
    "dst_service": "books",
    "dst_pod": "books-9",
    "authority": "books.library.svc.cluster.local:7002",
}
BEFORE = empty(WEBAPP, BOOKS, OTHER_BOOKS)
AFTER = after_ten_seconds(
    {
        WEBAPP: (
            responses("inbound", "success", 5),
            responses("outbound", "success", 30, **TO_BOOKS),
            responses("outbound", "failure", 10, **TO_BOOKS),
            responses("outbound", "success", 7, **TO_OTHER_BOOKS),
            connections("outbound", "src", 99),
            connections("inbound", "src", 3),
            connections("inbound", "dst", 2),
        ),
        BOOKS: (
            responses("inbound", "success", 31, route_name="default"),
            responses("inbound", "failure", 10, route_name="default"),
            responses("inbound", "success", 3, route_name="probe"),
            bucket("1", 22),
            bucket("2", 44),
            bucket("+Inf", 44),
            Sample("tcp_read_bytes_total", {"direction": "inbound", "peer": "src"}, 1000),
            Sample("tcp_read_bytes_total", {"direction": "inbound", "peer": "dst"}, 50),
            Sample("tcp_write_bytes_total", {"direction": "inbound", "peer": "src"}, 25),
        ),
        OTHER_BOOKS: (responses("inbound", "success", 7),),
    }
)
DEPLOYMENTS = {
    ("booksapp", "books"): Workload("booksapp", "books", 1, 1),
    ("booksapp", "webapp"): Workload("booksapp", "webapp", 1, 3),
    ("booksapp", "plain"): Workload("booksapp", "plain", 0, 1),
}
ALL_DEPLOYMENTS = {**DEPLOYMENTS, ("library", "books"): Workload("library", "books", 1, 1)}
DEPLOY = Target(DEPLOYMENT, "booksapp", "")


def deploy(name: str, namespace: str = "booksapp") -> Target:
    return Target(DEPLOYMENT, namespace, name)


def rows(query: StatQuery, workloads: dict[WorkloadKey, Workload] | None = None) -> tuple[StatRow, ...]:
    return stat_rows(query, BEFORE, AFTER, DEPLOYMENTS if workloads is None else workloads)


def counts(found: tuple[StatRow, ...]) -> dict[str, tuple[float | None, float]]:
    return {f"{row.namespace}/{row.name}": (row.success, round(row.rps * 10, 6)) for row in found}


def test_deployments_show_what_they_answered_probes_included() -> None:
    found = rows(StatQuery(DEPLOY))
    assert counts(found) == {"booksapp/books": (34 / 44, 44), "booksapp/webapp": (1.0, 5)}
    books, webapp = found
    assert books.latencies == (1, 2, 2)
    assert (books.read_rate, books.write_rate) == (100.0, 2.5)
    assert books.tcp_connections is None
    assert (webapp.meshed, webapp.tcp_connections) == ("1/3", 5)


def test_the_same_name_in_another_namespace_is_another_row() -> None:
    found = rows(StatQuery(Target(DEPLOYMENT, "", "")), ALL_DEPLOYMENTS)
    assert counts(found)["library/books"] == (1.0, 7)
    assert counts(found)["booksapp/books"] == (34 / 44, 44)


def test_unmeshed_deployments_are_hidden_until_asked_for() -> None:
    assert "plain" not in [row.name for row in rows(StatQuery(DEPLOY))]
    (plain,) = [row for row in rows(StatQuery(DEPLOY, unmeshed=True)) if row.name == "plain"]
    assert (plain.meshed, plain.success) == ("0/1", None)


def test_a_deployment_without_traffic_still_has_a_row() -> None:
    (row,) = stat_rows(StatQuery(DEPLOY), BEFORE, BEFORE, {("booksapp", "books"): DEPLOYMENTS["booksapp", "books"]})
    assert row.success is None


def test_from_shows_what_the_source_got_from_others_and_only_those() -> None:
    assert counts(rows(StatQuery(DEPLOY, source=deploy("webapp")))) == {"booksapp/books": (0.75, 40)}
    assert rows(StatQuery(DEPLOY, source=deploy("books"))) == ()


def test_from_shows_unmeshed_destinations() -> None:
    unmeshed = {("booksapp", "books"): Workload("booksapp", "books", 0, 1)}
    (row,) = rows(StatQuery(deploy("books"), source=deploy("webapp")), unmeshed)
    assert (row.meshed, row.success) == ("0/1", 0.75)


def test_from_another_namespace_is_another_source() -> None:
    assert rows(StatQuery(DEPLOY, source=deploy("webapp", "library"))) == ()


def test_to_shows_who_sent_and_nothing_sent_elsewhere() -> None:
    assert counts(rows(StatQuery(DEPLOY, destination=deploy("books")))) == {"booksapp/webapp": (0.75, 40)}
    elsewhere = StatQuery(DEPLOY, destination=deploy("books", "library"))
    assert counts(rows(elsewhere)) == {"booksapp/webapp": (1.0, 7)}
    to_service = StatQuery(DEPLOY, destination=Target(SERVICE, "booksapp", "books"))
    assert counts(rows(to_service)) == {"booksapp/webapp": (0.75, 40)}


def test_services_are_what_their_clients_saw() -> None:
    every = rows(StatQuery(Target(SERVICE, "", "")), {})
    assert counts(every) == {"booksapp/books": (0.75, 40), "library/books": (1.0, 7)}
    assert {row.meshed for row in every} == {"-"}
    assert counts(rows(StatQuery(Target(SERVICE, "booksapp", "")), {})) == {"booksapp/books": (0.75, 40)}
    assert rows(StatQuery(Target(SERVICE, "booksapp", "book")), {}) == ()
    assert rows(StatQuery(Target(SERVICE, "booksapp", ""), source=deploy("books")), {}) == ()


def test_a_namespace_is_the_sum_of_its_pods() -> None:
    namespaces = {("", "booksapp"): Workload("", "booksapp", 2, 4), ("", "empty"): Workload("", "empty", 0, 0)}
    (row,) = rows(StatQuery(Target(NAMESPACE, "", "")), namespaces)
    assert (row.name, row.meshed, row.success) == ("booksapp", "2/4", 39 / 49)
    sent = rows(StatQuery(Target(NAMESPACE, "", ""), source=Target(NAMESPACE, "", "booksapp")), namespaces)
    assert counts(sent) == {"/booksapp": (0.75, 40)}


def test_pods_have_their_status_and_can_be_sources() -> None:
    pods = {("booksapp", "books-1"): Workload("booksapp", "books-1", 1, 1, "Running")}
    (row,) = rows(StatQuery(Target(POD, "booksapp", "")), pods)
    assert (row.status, row.kind, row.success) == ("Running", "pod", 34 / 44)
    source = Target(POD, "booksapp", "webapp-1")
    assert counts(rows(StatQuery(Target(POD, "booksapp", ""), source=source), pods)) == {"booksapp/books-1": (0.75, 40)}


def test_rows_of_several_questions_are_merged_and_sorted() -> None:
    deployments, pods = rows(StatQuery(DEPLOY)), rows(StatQuery(deploy("books")))
    assert [row.name for row in in_order([*reversed(deployments), *pods])] == ["books", "webapp"]
