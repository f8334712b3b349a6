"""Who can call what by which name, and for whom a route holds (1A, 1B)."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.embedded.dataplane.compile import Config, compile_snapshot
from harness.embedded.dataplane.snapshot import Pod, RouteInForce, ServiceState
from harness.resources.matches import Match, PathMatch
from harness.resources.routes import GATEWAY_GROUP, ParentRef, Rule
from harness.tests.dataplane.builders import NAMESPACE, pod, route, service, snapshot, to
from harness.tests.dataplane.proxy_reading import Asked, find_route, label_of

WEBAPP = pod("webapp", "127.77.64.1")
ALIEN = pod("alien", "127.77.64.9", namespace="elsewhere")
OUTSIDER = pod("outsider", "127.77.64.8", meshed=False)
BOOKS = service("books", "127.77.64.2", cluster_ip="127.77.1.5")


def table(client: Pod, *parts: Pod | ServiceState | RouteInForce) -> Config:
    endpoint = client.endpoint
    compiled = compile_snapshot(snapshot(client, *parts), Path("/run"))
    return compiled.routes[f"out/{endpoint.namespace}/{endpoint.name}"]


def destination(table: Config, asked: Asked) -> str | int:
    """The one cluster that a request goes to, or the status that the proxy answers itself."""
    found = find_route(table, asked)
    assert found is not None
    if "direct_response" in found:
        return int(found["direct_response"]["status"])
    if "cluster" in found["route"]:
        return str(found["route"]["cluster"])
    (cluster,) = found["route"]["weighted_clusters"]["clusters"]
    return str(cluster["name"])


@pytest.mark.parametrize(
    ("authority", "reached"),
    [
        ("books:7000", True),
        ("BOOKS:7000", True),
        ("books.booksapp:7000", True),
        ("books.booksapp.svc:7000", True),
        ("books.booksapp.svc.cluster.local:7000", True),
        ("books.booksapp.svc.cluster.local.:7000", True),
        ("127.77.1.5:7000", True),
        ("books", False),
        ("books:7001", False),
        ("127.77.1.5:7001", False),
        ("127.77.1.5", False),
        ("nobody:7000", False),
        ("example.org", False),
    ],
)
def test_a_service_answers_to_its_names_and_address(authority: str, reached: bool) -> None:
    seen = destination(table(WEBAPP, BOOKS), Asked(authority))
    assert seen == ("booksapp/webapp-1|svc/booksapp/books/7000" if reached else 502)


def test_what_nobody_answers_to_is_named() -> None:
    found = find_route(table(WEBAPP), Asked("nobody:1"))
    assert found is not None
    assert "%REQ(:AUTHORITY)%" in found["direct_response"]["body_format"]["text_format_source"]["inline_string"]
    assert found["response_headers_to_add"][0]["header"]["key"] == "l5d-proxy-error"


@pytest.mark.parametrize("authority", ["web", "web:80", "127.77.1.6", "web.booksapp.svc.cluster.local"])
def test_port_80_needs_no_number(authority: str) -> None:
    web = service("web", "127.77.64.2", port=80, target=8080, cluster_ip="127.77.1.6")
    assert destination(table(WEBAPP, web), Asked(authority)) == "booksapp/webapp-1|svc/booksapp/web/80"


def test_short_names_are_for_the_own_namespace() -> None:
    far = table(ALIEN, BOOKS)
    assert destination(far, Asked("books:7000")) == 502
    assert destination(far, Asked("books.booksapp:7000")) == "elsewhere/alien-1|svc/booksapp/books/7000"


def test_pods_are_dialled_directly_past_all_routes() -> None:
    """§1.7."""
    seen = table(WEBAPP, BOOKS, pod("books", "127.77.64.2"), route("none"))
    assert destination(seen, Asked("127.77.64.2:7000")) == "booksapp/webapp-1|pods"
    assert destination(seen, Asked("books:7000")) == 404


def test_headless_services_lead_to_their_pods_past_all_routes() -> None:
    """§1.7: the port is the pods' own."""
    headless = service("books", "127.77.64.2", port=80, target=7000, headless=True, cluster_ip="")
    seen = table(WEBAPP, headless, route("none"))
    assert destination(seen, Asked("books.booksapp:7000")) == "booksapp/webapp-1|svc/booksapp/books/7000"


def test_external_names_are_not_served() -> None:
    external = service("books", type="ExternalName", cluster_ip="")
    assert destination(table(WEBAPP, external), Asked("books:7000")) == 502


@pytest.mark.parametrize(
    ("client", "attached", "seen"),
    [
        (WEBAPP, route("all", Rule()), "all"),
        (WEBAPP, route("one-port", Rule(), port=7000), "one-port"),
        (WEBAPP, route("wrong-port", Rule(), port=7001), "http"),
        (WEBAPP, route("other-parent", Rule(), parent="authors"), "http"),
        (WEBAPP, route("target-port", Rule(), port=7777), "http"),
        (WEBAPP, route("gateway", Rule(), group=GATEWAY_GROUP), "gateway"),
        (WEBAPP, route("consumer", Rule(), namespace="elsewhere"), "http"),
        (ALIEN, route("consumer", Rule(), namespace="elsewhere"), "consumer"),
        (ALIEN, route("producer", Rule()), "producer"),
        (OUTSIDER, route("producer", Rule()), "http"),
    ],
)
def test_for_whom_a_route_holds(client: Pod, attached: RouteInForce, seen: str) -> None:
    """§1.3, §1.4, §1.9, §1.11."""
    found = find_route(table(client, BOOKS, attached), Asked("books.booksapp:7000"))
    assert found is not None
    assert label_of(found).split("/")[6] == seen


def test_producer_and_consumer_routes_are_pooled() -> None:
    """§1.11: no shadowing, ordinary precedence."""
    deep = Rule(matches=(Match(PathMatch("PathPrefix", "/deep")),), backend_refs=(to("books"),))
    producer, consumer = route("producer", Rule()), route("consumer", deep, namespace="elsewhere")
    seen = table(ALIEN, BOOKS, producer, consumer)
    names = [find_route(seen, Asked("books.booksapp:7000", path)) for path in ("/deep/1", "/x")]
    assert [label_of(found).split("/")[6] for found in names if found] == ["consumer", "producer"]


def test_namesakes_of_both_groups_coexist() -> None:
    """§1.14."""
    deep = Rule(matches=(Match(PathMatch("PathPrefix", "/deep")),))
    seen = table(WEBAPP, BOOKS, route("same", deep), route("same", Rule(), group=GATEWAY_GROUP))
    found = [find_route(seen, Asked("books:7000", path)) for path in ("/deep", "/")]
    assert [label_of(item).split("/")[3] for item in found if item] == ["policy.linkerd.io", GATEWAY_GROUP]


def test_a_route_turns_the_port_into_an_allow_list() -> None:
    """§1.18, §1.19: without a match 404 and a word of why; §1.21: also without any rule."""
    deep = route("deep", Rule(matches=(Match(PathMatch("PathPrefix", "/deep")),)))
    for attached in (deep, route("empty")):
        found = find_route(table(WEBAPP, BOOKS, attached), Asked("books:7000", "/"))
        assert found is not None
        assert found["direct_response"] == {"status": 404}
        header = found["response_headers_to_add"][0]["header"]
        assert header["key"] == "l5d-proxy-error"
        assert header["value"].endswith(": no route")


def test_one_route_may_have_several_parents() -> None:
    both = route("both", Rule())
    parents = (*both.parents, ParentRef("core", "Service", NAMESPACE, "authors"))
    seen = table(WEBAPP, BOOKS, service("authors", "127.77.64.3"), RouteInForce(both.route, parents))
    assert [destination(seen, Asked(f"{name}:7000")) for name in ("books", "authors")] == [
        "booksapp/webapp-1|svc/booksapp/books/7000",
        "booksapp/webapp-1|svc/booksapp/authors/7000",
    ]


def test_unmeshed_pods_get_plain_forwarding_and_no_proxy_headers() -> None:
    seen = table(OUTSIDER, BOOKS, route("none"))
    assert destination(seen, Asked("books:7000")) == "booksapp/outsider-1|svc/booksapp/books/7000"
    unknown = find_route(seen, Asked("nobody"))
    assert unknown is not None
    assert unknown["response_headers_to_add"][0]["header"]["key"] == "signalbox-error"
