"""Which errors end the client's connection, on the wire (§2.2, §4.15, §4.16)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.pods import OUTBOUND_PORT
from harness.resources.matches import Match, PathMatch
from harness.resources.routes import Rule, Timeouts
from harness.tests.dataplane.builders import route, service, to
from harness.tests.dataplane.live import LiveMesh
from harness.tests.dataplane.test_live_routing import run

pytestmark = pytest.mark.cluster
PATIENCE_SECONDS = 20


async def answer(ip: str, port: int, url: str) -> tuple[int, bool, dict[str, str]]:
    """Status, whether the connection was closed after it, and headers of one request on a connection of its own.

    An open connection is proved by another request on it, not by waiting.
    """
    reader, writer = await asyncio.open_connection(ip, port)
    try:
        status, headers = await _exchange(reader, writer, url)
        if headers.get("connection") == "close":
            assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
            return status, True, headers
        await _exchange(reader, writer, url)
        return status, False, headers
    finally:
        writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> tuple[int, dict[str, str]]:
    writer.write(f"GET {url} HTTP/1.1\r\nhost: {url.split('/')[2]}\r\n\r\n".encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if length := int(headers.get("content-length", "0")):
        await reader.readexactly(length)
    return int(first.split()[1]), headers


async def asked(mesh: LiveMesh, client: Pod, path: str, host: str = "books") -> tuple[int, bool]:
    """Status and end of the connection, as the client's application sees them through its own proxy."""
    status, closed, headers = await answer(client.endpoint.pod_ip, OUTBOUND_PORT, f"http://{host}:7000{path}")
    assert "l5d-proxy-connection" not in headers
    return status, closed


@pytest.mark.parametrize(("dialect", "closes"), [(LINKERD_2_14, True), (LINKERD_EDGE, False)], ids=str)
def test_a_timeout_closes_where_the_dialect_says_so(dialect: Dialect, closes: bool) -> None:
    """§2.2."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
        quick = Rule(timeouts=Timeouts(request=timedelta(milliseconds=100)))
        await mesh.push(webapp, books, service("books", books.endpoint.pod_ip), route("quick", quick))
        assert await asked(mesh, webapp, "/slow") == (504, closes)
        assert await asked(mesh, webapp, "/") == (200, False)

    run(test, dialect)


@pytest.mark.parametrize("dialect", [LINKERD_2_14, LINKERD_EDGE], ids=str)
def test_what_the_clients_proxy_answers_itself(dialect: Dialect) -> None:
    """§4.15: answers about the request keep the connection, those about the way to an endpoint end it."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
        rules = (
            Rule(matches=(Match(PathMatch("PathPrefix", "/here")),)),
            Rule(matches=(Match(PathMatch("PathPrefix", "/missing")),), backend_refs=(to("nobody"),)),
            Rule(matches=(Match(PathMatch("PathPrefix", "/empty")),), backend_refs=(to("empty"),)),
            Rule(matches=(Match(PathMatch("PathPrefix", "/zero")),), backend_refs=(to("books", 0), to("books", 0))),
        )
        parts = (webapp, books, service("books", books.endpoint.pod_ip), service("empty"), route("some", *rules))
        await mesh.push(*parts)
        assert await asked(mesh, webapp, "/here") == (200, False)
        assert await asked(mesh, webapp, "/nowhere") == (404, False)
        assert await asked(mesh, webapp, "/missing") == (500, False)
        assert await asked(mesh, webapp, "/empty") == (504, True)
        assert await asked(mesh, webapp, "/zero") == (503, True)

    run(test, dialect)


def test_an_application_that_is_down_ends_the_connections_of_all_its_clients() -> None:
    """§4.16: the server's proxy answers 502 and tells the client's proxy to close, by a header nobody else sees."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books", listening=False)
        outsider = await mesh.app("outsider", listening=False, meshed=False)
        await mesh.push(webapp, outsider, books, service("books", books.endpoint.pod_ip))
        assert await asked(mesh, webapp, "/") == (502, True)
        direct = await answer(books.endpoint.pod_ip, 7000, "http://books:7000/")
        assert direct[:2] == (502, True)
        assert "l5d-proxy-connection" not in direct[2]

    run(test)
