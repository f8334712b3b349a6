"""Listeners of pods, the clusters of their clients, and the endpoints behind (1A, 3A)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.embedded.dataplane.compile import Config, Resources, compile_snapshot
from harness.embedded.dataplane.compile.names import InboundLabel
from harness.embedded.dataplane.protos import Kind, pack
from harness.embedded.dataplane.snapshot import Pod, RouteInForce, ServiceState
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import pod, route, service, snapshot, to
from harness.tests.dataplane.proxy_reading import Asked, find_route, label_of

WEBAPP = pod("webapp", "127.77.64.1")
BOOKS = pod("books", "127.77.64.2", probes={7000: ("/ping", "/ready")})
PLAIN = pod("plain", "127.77.64.3", meshed=False)
IDENTITY = "books.booksapp.serviceaccount.identity.linkerd.cluster.local"


def compiled(*parts: Pod | ServiceState | RouteInForce) -> Resources:
    return compile_snapshot(snapshot(*parts), Path("/run/identity"))


def endpoints(resources: Resources, name: str) -> dict[str, Config]:
    groups = resources.assignments[name]["endpoints"]
    found = [item for group in groups for item in group["lb_endpoints"]]
    return {
        f"{item['endpoint']['address']['socket_address']['address']}"
        f":{item['endpoint']['address']['socket_address']['port_value']}": item
        for item in found
    }


def is_upgraded(cluster: Config) -> bool:
    """Whether HTTP/2 is spoken whatever the client speaks, who is then told of; else its own version is."""
    (options,) = cluster["typed_extension_protocol_options"].values()
    assert ("http_filters" in options) is ("explicit_http_config" in options)
    return "http2_protocol_options" in options.get("explicit_http_config", {})


def test_every_resource_is_a_valid_message() -> None:
    everything = compiled(
        WEBAPP, BOOKS, PLAIN, service("books", "127.77.64.2"), route("r", Rule(backend_refs=(to("x"),)))
    )
    for kind, resources in (
        (Kind.CLUSTER, everything.clusters),
        (Kind.ASSIGNMENT, everything.assignments),
        (Kind.ROUTE, everything.routes),
        (Kind.LISTENER, everything.listeners),
    ):
        for name, config in resources.items():
            assert pack(kind, name, config).value


def test_the_same_moment_compiles_to_the_same_resources() -> None:
    parts: list[Any] = [WEBAPP, BOOKS, service("books", "127.77.64.2"), route("r", Rule())]
    assert compiled(*parts) == compiled(*parts)


def test_a_meshed_pod_listens_on_its_ports_and_an_unmeshed_one_does_not() -> None:
    seen = set(compiled(BOOKS, PLAIN).listeners)
    inbound = {"in/booksapp/books-1/7000", "in/booksapp/books-1/4191"}  # §4.8: the proxy's own port has policies too
    assert seen == {"out/booksapp/books-1", *inbound, "out/booksapp/plain-1"}


def test_skipped_and_reserved_ports_have_no_listener_and_get_plain_text() -> None:
    sender = pod("sender", "127.77.64.4", ports=(4199, 4191, 8080), skip=frozenset({4199}))
    resources = compiled(WEBAPP, sender, service("sender", "127.77.64.4", port=4199))
    assert set(resources.listeners) == {
        *("out/booksapp/sender-1", "in/booksapp/sender-1/8080", "in/booksapp/sender-1/4191"),
        *("out/booksapp/webapp-1", "in/booksapp/webapp-1/7000", "in/booksapp/webapp-1/4191"),
    }
    (target,) = endpoints(resources, "svc/booksapp/sender/4199").values()
    assert "metadata" not in target


def test_a_port_that_only_a_service_leads_to_has_a_listener() -> None:
    undeclared = pod("books", "127.77.64.2", ports=())
    resources = compiled(undeclared, service("books", "127.77.64.2"))
    assert "in/booksapp/books-1/7000" in resources.listeners


def test_inbound_tells_mesh_plain_text_and_foreign_tls_apart() -> None:
    chains = {chain["name"]: chain for chain in compiled(BOOKS).listeners["in/booksapp/books-1/7000"]["filter_chains"]}
    assert chains["mesh"]["filter_chain_match"] == {"transport_protocol": "tls", "server_names": [IDENTITY]}
    assert chains["mesh"]["transport_socket"]["typed_config"]["require_client_certificate"]
    assert chains["plain"]["filter_chain_match"] == {"transport_protocol": "raw_buffer"}
    assert [item["name"].rpartition(".")[2] for item in chains["opaque"]["filters"]] == ["rbac", "tcp_proxy"]


def test_probes_are_counted_as_a_route_of_their_own() -> None:
    """§3.3: GET and the exact path only."""
    table = compiled(BOOKS).routes["in/booksapp/books-1/7000"]
    asked = [Asked("x", "/ping"), Asked("x", "/ping?a=1"), Asked("x", "/ping", "HEAD"), Asked("x", "/ping/1")]
    found = [find_route(table, item) for item in asked]
    labels = [InboundLabel.parse(label_of(item)).route for item in found if item]
    assert [label and label.name for label in labels] == ["probe", "probe", "default", "default"]


def test_endpoints_of_meshed_pods_carry_the_identity_they_must_show() -> None:
    resources = compiled(WEBAPP, BOOKS, PLAIN, service("books", "127.77.64.2", "127.77.64.3", unready=("127.77.64.1",)))
    seen = endpoints(resources, "svc/booksapp/books/7000")
    assert set(seen) == {"127.77.64.2:7000", "127.77.64.3:7000"}
    assert seen["127.77.64.2:7000"]["endpoint"]["hostname"] == IDENTITY
    assert seen["127.77.64.2:7000"]["metadata"]["filter_metadata"]["envoy.transport_socket_match"] == {"mesh": True}
    assert "metadata" not in seen["127.77.64.3:7000"]


def test_an_undeclared_backend_port_is_dialled_on_every_pod() -> None:
    """§1.26."""
    resources = compiled(WEBAPP, service("books", "127.77.64.2"), route("r", Rule(backend_refs=(to("books", port=9),))))
    assert set(endpoints(resources, "svc/booksapp/books/9")) == {"127.77.64.2:9"}


def test_http2_only_while_all_endpoints_are_meshed() -> None:
    name = "booksapp/webapp-1|svc/booksapp/books/7000"
    pods = (WEBAPP, BOOKS, PLAIN)
    assert is_upgraded(compiled(*pods, service("books", "127.77.64.2")).clusters[name])
    assert is_upgraded(compiled(*pods, service("books")).clusters[name])
    mixed = compiled(*pods, service("books", "127.77.64.2", unready=("127.77.64.3",))).clusters[name]
    assert not is_upgraded(mixed)
    assert mixed["transport_socket_matches"]


def test_an_address_before_its_pod_changes_no_cluster() -> None:
    """The endpoints know a new pod before the mesh does."""
    name = "booksapp/webapp-1|svc/booksapp/books/7000"
    before = compiled(WEBAPP, BOOKS, service("books", "127.77.64.2")).clusters[name]
    assert compiled(WEBAPP, BOOKS, service("books", "127.77.64.2", unready=("127.77.64.5",))).clusters[name] == before
    assert not is_upgraded(compiled(WEBAPP, BOOKS, service("books", "127.77.64.2", "127.77.64.5")).clusters[name])


def test_unmeshed_clients_show_no_identity() -> None:
    cluster = compiled(PLAIN, BOOKS, service("books", "127.77.64.2")).clusters[
        "booksapp/plain-1|svc/booksapp/books/7000"
    ]
    assert not is_upgraded(cluster)
    assert "transport_socket_matches" not in cluster


def test_every_pod_dials_from_its_own_address() -> None:
    """§3.20: policies see who calls, also among pods of one account."""
    twin = pod("webapp-b", "127.77.64.7", account="webapp")
    clusters = compiled(WEBAPP, twin, service("books")).clusters
    sources = {
        name: clusters[f"booksapp/{name}|svc/booksapp/books/7000"]["upstream_bind_config"]["source_address"]["address"]
        for name in ("webapp-1", "webapp-b-1")
    }
    assert sources == {"webapp-1": "127.77.64.1", "webapp-b-1": "127.77.64.7"}


def test_all_pods_can_be_dialled_whether_ready_or_not() -> None:
    """§1.7."""
    seen = endpoints(compiled(WEBAPP, BOOKS, PLAIN), "pods")
    applications = {"127.77.64.1:7000", "127.77.64.2:7000", "127.77.64.3:7000"}
    assert set(seen) == {*applications, "127.77.64.1:4191", "127.77.64.2:4191"}
    assert seen["127.77.64.2:7000"]["metadata"]["filter_metadata"]["envoy.lb"] == {"at": "127.77.64.2:7000"}
