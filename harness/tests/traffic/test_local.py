"""Requests from this process: the same outcomes as from a pod, to another address under the host's name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.traffic.local import local_sender, towards
from harness.traffic.plan import Plan, Request


class Seen(BaseHTTPRequestHandler):
    requests: list[tuple[str, str]] = []  # noqa: RUF012  # reset by the fixture

    def do_GET(self) -> None:
        Seen.requests.append((self.headers["Host"], self.path))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    Seen.requests = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Seen)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def plan(limit: int) -> Plan:
    return Plan(request=Request(url="http://podinfo.local/echo?x=1"), rate_per_second=200, limit=limit)


def test_requests_go_to_the_address_under_the_hosts_name(server: str) -> None:
    client = local_sender(towards(server, "podinfo.local"))
    with client.send(plan(5)) as sending:
        outcomes = [outcome for batch in sending for outcome in batch]
    assert [outcome.status for outcome in outcomes] == [200] * 5
    assert set(Seen.requests) == {(f"podinfo.local:{server.rpartition(':')[2]}", "/echo?x=1")}


def test_leaving_early_stops_the_sending(server: str) -> None:
    client = local_sender(towards(server, "podinfo.local"))
    with client.send(plan(100_000)) as sending:
        for batch in sending:
            if batch:
                break
    assert len(Seen.requests) < 100_000
    assert not [thread for thread in threading.enumerate() if thread.name == "local-sender"]


def test_nobody_there_is_an_outcome_and_no_crash() -> None:
    client = local_sender(towards("127.0.0.1:1", "podinfo.local"))
    with client.send(plan(3)) as sending:
        outcomes = [outcome for batch in sending for outcome in batch]
    assert [outcome.error for outcome in outcomes] == ["connect"] * 3
