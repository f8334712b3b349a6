"""Ports whose connections are not looked into: no route, no timeout, nothing counted as a request (1G)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.resources.app_protocols import is_opaque
from harness.resources.pods import OPAQUE_PORTS
from harness.resources.routes import Rule, Timeouts
from harness.resources.services import Service, ServicePort
from harness.tests.dataplane.builders import route, service, to
from harness.tests.dataplane.live import LiveMesh
from harness.tests.dataplane.test_live_routing import bookstore, run


@pytest.mark.parametrize(
    ("port", "listed", "app_protocol", "dialect", "opaque"),
    [
        (7000, None, "", LINKERD_EDGE, False),
        (7000, "7000", "", LINKERD_EDGE, True),
        (7000, "6999-7001", "", LINKERD_2_14, True),
        (7000, "7001", "", LINKERD_2_14, False),
        (3306, None, "", LINKERD_EDGE, True),
        (3306, "7000", "", LINKERD_EDGE, False),  # a list of one's own takes the place of the usual one
        (7000, None, "grpc", LINKERD_EDGE, True),
        (7000, None, "grpc", LINKERD_2_14, False),  # §1.59: 2.14 does not look at it
        (7000, None, "linkerd.io/opaque", LINKERD_EDGE, True),
        (7000, None, "https", LINKERD_EDGE, True),
        (7000, "7000", "http", LINKERD_EDGE, False),  # it goes before the list
        (7000, "7000", "http", LINKERD_2_14, True),
        (7000, None, "kubernetes.io/h2c", LINKERD_EDGE, False),
    ],
)
def test_what_makes_a_port_opaque(
    port: int, listed: str | None, app_protocol: str, dialect: Dialect, opaque: bool
) -> None:
    annotations = {} if listed is None else {OPAQUE_PORTS: listed}
    made = Service("booksapp", "books", annotations=annotations)
    assert is_opaque(made, ServicePort(port, app_protocol=app_protocol), dialect) is opaque


@pytest.mark.cluster
@pytest.mark.parametrize("opaque", [True, False])
def test_no_route_holds_for_an_opaque_port(opaque: bool) -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, plain = await bookstore(mesh)
        other = await mesh.app("other")
        annotations = {OPAQUE_PORTS: "7000"} if opaque else {}
        ip = plain.service.cluster_ip
        target = service("books", books.endpoint.pod_ip, cluster_ip=ip, annotations=annotations)
        away = Rule(backend_refs=(to("other"),), timeouts=Timeouts(request=timedelta(milliseconds=100)))
        parts = (webapp, books, other, target, service("other", other.endpoint.pod_ip))
        await mesh.push(*parts, route("away", away))
        answer = await mesh.get(webapp, "http://books:7000/")
        assert answer.by == ("books" if opaque else "other")
        assert (await mesh.get(webapp, "http://books:7000/slow")).status == (200 if opaque else 504)
        counted = {sample.name for sample in await mesh.counted(webapp)}
        assert ("response_total" in counted) is not opaque
        assert ("outbound_http_route_backend_requests_total" in counted) is not opaque

    run(test)


@pytest.mark.cluster
def test_another_port_of_the_service_keeps_its_routes() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, _ = await bookstore(mesh)
        listed = service("books", books.endpoint.pod_ip, annotations={OPAQUE_PORTS: "7001"})
        await mesh.push(webapp, books, listed, route("none"))
        assert (await mesh.get(webapp, "http://books:7000/")).status == 404

    run(test)
