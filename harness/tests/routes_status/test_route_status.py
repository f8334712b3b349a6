from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.controllers.routes import route_parents
from harness.resources.routes import HTTPRoute, ParentRef, parse_http_route
from harness.resources.services import Service
from harness.tests.resources.documents import GATEWAY, POLICY, Obj, backend, books_parent, route

NOW = "2024-05-01T12:00:00Z"
LATER = "2024-05-01T12:00:09Z"
NEW, OLD = LINKERD_EDGE, LINKERD_2_14
BOOKS = Service("booksapp", "books", cluster_ip="127.20.1.1")
AUTHORS = Service("booksapp", "authors", cluster_ip="127.20.1.2")
SERVER = {"group": "policy.linkerd.io", "kind": "Server", "name": "books-server"}
EGRESS = {"group": "policy.linkerd.io", "kind": "EgressNetwork", "name": "out"}


@dataclass(frozen=True)
class Cluster:
    """What is there to refer to."""

    services: Collection[Service] = (BOOKS,)
    servers: Collection[tuple[str, str]] = ()
    egress_networks: Collection[tuple[str, str]] = ()
    of_grpc_routes: Collection[ParentRef] = ()

    def service(self, namespace: str, name: str) -> Service | None:
        return next((found for found in self.services if (found.namespace, found.name) == (namespace, name)), None)

    def has_server(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self.servers

    def has_egress_network(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self.egress_networks

    def has_grpc_route(self, parent: ParentRef) -> bool:
        return parent in self.of_grpc_routes


def split(*backends: Obj, parents: list[Obj] | None = None, api_version: str = POLICY) -> HTTPRoute:
    return parse_http_route(route({"backendRefs": list(backends)}, parents=parents, api_version=api_version))


def conditions(parsed: HTTPRoute, cluster: Cluster, dialect: Dialect = NEW, parent: int = 0) -> list[tuple[str, ...]]:
    entry = route_parents(parsed, cluster, dialect, now=NOW)[parent]
    return [(found["type"], found["status"], found["reason"], found["message"]) for found in entry["conditions"]]


OK = ("Accepted", "True", "Accepted", "")
NO_PARENT = ("Accepted", "False", "NoMatchingParent", "")
RESOLVED = ("ResolvedRefs", "True", "ResolvedRefs", "")
MISSING = ("ResolvedRefs", "False", "BackendNotFound", "")
INVALID = ("ResolvedRefs", "False", "InvalidKind", "")


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
@pytest.mark.parametrize("group", ["", "core"])
def test_a_service_parent_is_echoed_and_accepted_1_62_1_63(group: str, version: str) -> None:
    parents = [books_parent(group=group, port=7002, sectionName="x")]
    assert route_parents(split(backend(), parents=parents, api_version=version), Cluster(), NEW, now=NOW) == [
        {
            "controllerName": "linkerd.io/policy-controller",
            "parentRef": {"group": "core", "kind": "Service", "namespace": "booksapp", "name": "books", "port": 7002},
            "conditions": [
                {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": NOW},
                {
                    "type": "ResolvedRefs",
                    "status": "True",
                    "reason": "ResolvedRefs",
                    "message": "",
                    "lastTransitionTime": NOW,
                },
            ],
        }
    ]


def test_a_server_parent_has_accepted_only_1_63() -> None:
    attached = split(backend("nobody"), parents=[SERVER])
    assert conditions(attached, Cluster(servers=[("booksapp", "books-server")])) == [OK]
    assert conditions(attached, Cluster()) == [NO_PARENT]


@pytest.mark.parametrize(
    ("services", "accepted"),
    [
        ([BOOKS], OK),
        ([], NO_PARENT),
        ([replace(BOOKS, namespace="shop")], NO_PARENT),
        ([replace(BOOKS, headless=True)], (*NO_PARENT[:3], "parent service must have a ClusterIP")),
        ([replace(BOOKS, type="ExternalName")], (*NO_PARENT[:3], "parent service must have a ClusterIP")),
    ],
)
def test_service_parents_1_64(services: list[Service], accepted: tuple[str, ...]) -> None:
    assert conditions(split(), Cluster(services))[0] == accepted


def test_2_14_says_nothing_about_a_headless_parent_1_64() -> None:
    assert conditions(split(), Cluster([replace(BOOKS, headless=True)]), OLD)[0] == NO_PARENT


def test_a_port_that_the_service_lacks_is_accepted_1_4() -> None:
    assert conditions(split(parents=[books_parent(port=1)]), Cluster())[0] == OK


@pytest.mark.parametrize("parent", [{"kind": "Service", "name": "books"}, {"name": "books"}], ids=["1.2", "Gateway"])
def test_parents_that_are_not_linkerds_get_no_entry(parent: Obj) -> None:
    assert route_parents(split(backend(), parents=[parent]), Cluster(), NEW, now=NOW) == []


@pytest.mark.parametrize(
    ("backends", "new", "old"),
    [
        ([], RESOLVED, MISSING),
        ([backend()], RESOLVED, RESOLVED),
        ([backend(), backend("nobody")], MISSING, RESOLVED),
        ([backend("nobody"), backend()], MISSING, RESOLVED),
        ([backend("nobody")], MISSING, MISSING),
        ([backend(kind="Secret")], INVALID, INVALID),
        ([backend("nobody"), backend(kind="Secret")], MISSING, INVALID),
        ([backend(port=1)], RESOLVED, RESOLVED),
        ([backend(namespace="shop")], MISSING, MISSING),
    ],
)
def test_backends_1_65(backends: list[Obj], new: tuple[str, ...], old: tuple[str, ...]) -> None:
    parsed = split(*backends)
    assert conditions(parsed, Cluster(), NEW) == [OK, new]
    assert conditions(parsed, Cluster(), OLD) == [OK, old]


def test_one_bad_backend_in_any_rule_flips_the_route_1_65() -> None:
    parsed = parse_http_route(route({"backendRefs": [backend()]}, {"backendRefs": [backend("nobody")]}))
    assert conditions(parsed, Cluster())[1] == MISSING


def test_a_backends_namespace_defaults_to_the_routes_1_12() -> None:
    consumer = split(backend("authors"), parents=[books_parent(namespace="shop")])
    there = replace(BOOKS, namespace="shop")
    assert conditions(consumer, Cluster([there, AUTHORS])) == [OK, RESOLVED]
    assert conditions(consumer, Cluster([there, replace(AUTHORS, namespace="shop")])) == [OK, MISSING]


def test_egress_networks_1_29_1_65() -> None:
    out = backend("out", group="policy.linkerd.io", kind="EgressNetwork")
    there = Cluster(egress_networks=[("booksapp", "out")])
    under_it, under_books = split(out, parents=[EGRESS]), split(out)
    assert conditions(under_it, there) == [OK, RESOLVED]
    assert conditions(under_it, Cluster()) == [NO_PARENT, MISSING]
    assert conditions(under_books, there)[1][:3] == INVALID[:3]
    assert conditions(under_books, there, OLD)[1] == INVALID
    assert route_parents(under_it, there, OLD, now=NOW) == []


def test_entries_of_other_controllers_stay_first_and_untouched_1_62() -> None:
    foreign = {"controllerName": "example.com/gateway", "parentRef": {"name": "gw"}, "conditions": [{"x": 1}]}
    stale = {"controllerName": "linkerd.io/policy-controller", "parentRef": {"name": "gone"}, "conditions": []}
    parsed = replace(split(parents=[SERVER, books_parent()]), status={"parents": [stale, foreign]})
    entries = route_parents(parsed, Cluster(), NEW, now=NOW)
    assert entries[0] == foreign
    assert [entry["parentRef"]["name"] for entry in entries[1:]] == ["books-server", "books"]


def test_what_has_not_changed_keeps_its_time_1_66() -> None:
    parsed = split(backend("authors"))
    before = route_parents(parsed, Cluster(), NEW, now=NOW)
    stored = replace(parsed, status={"parents": before})
    assert route_parents(stored, Cluster(), NEW, now=LATER) == before
    healed = route_parents(stored, Cluster([BOOKS, AUTHORS]), NEW, now=LATER)
    assert [found["lastTransitionTime"] for found in healed[0]["conditions"]] == [NOW, LATER]


def test_the_observed_generation_is_written_where_the_dialect_does() -> None:
    parsed = replace(split(), generation=4)
    observing = replace(NEW, status_observes_generation=True)
    for dialect, observed in ((NEW, None), (OLD, None), (observing, 4)):
        (entry,) = route_parents(parsed, Cluster(), dialect, now=NOW)
        assert {found.get("observedGeneration") for found in entry["conditions"]} == {observed}


@pytest.mark.parametrize("parents", [None, [], [None], ["x"], [{"controllerName": "linkerd.io/policy-controller"}]])
def test_a_malformed_status_is_replaced(parents: Any) -> None:
    (entry,) = route_parents(replace(split(), status={"parents": parents}), Cluster(), NEW, now=NOW)
    assert entry["parentRef"]["name"] == "books"


def test_a_grpc_route_takes_a_parent_from_all_others_1_64() -> None:
    conflicted = ("Accepted", "False", "RouteReasonConflicted", "")
    http = split(backend())
    taken = Cluster(of_grpc_routes=http.parent_refs)
    assert conditions(http, taken) == [conflicted, RESOLVED]
    assert conditions(replace(http, kind="GRPCRoute"), taken) == [OK, RESOLVED]
    other_port = Cluster(of_grpc_routes=(replace(http.parent_refs[0], port=1),))
    assert conditions(http, other_port) == [OK, RESOLVED]
    assert conditions(http, replace(taken, services=())) == [NO_PARENT, MISSING]
    on_server = split(parents=[SERVER])
    guarded = Cluster(servers=[("booksapp", "books-server")], of_grpc_routes=on_server.parent_refs)
    assert conditions(on_server, guarded) == [conflicted]
