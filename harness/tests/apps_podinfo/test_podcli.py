"""podcli's exit codes, and that `localhost` means the pod's own address (§8.4.8)."""

from __future__ import annotations

import asyncio
import http.server
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from aiohttp import web

from harness.embedded.apps.podinfo.podcli import main
from harness.tests.apps_podinfo.pods import pod, server

# An address of this test process alone.
POD = f"127.4.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


def in_thread(*words: str) -> asyncio.Future[int]:
    return asyncio.ensure_future(asyncio.to_thread(main, ["podcli", *words]))


@contextmanager
def answering(status: int, address: str, seen: list[Mapping[str, str]]) -> Iterator[int]:
    """A server on an address, in a thread; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, "host": self.headers["Host"]})
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.HTTPServer((address, 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(found.server_address[1])
        finally:
            found.shutdown()
            thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "http://localhost"])
def test_localhost_is_the_address_of_the_pod(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Mapping[str, str]] = []
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(200, POD, seen) as port:
        assert main(["podcli", "check", "http", f"{host}:{port}/readyz"]) == 1  # no pod, no such address
        monkeypatch.setenv("SIGNALBOX_BIND", POD)
        assert main(["podcli", "check", "http", f"{host}:{port}/readyz"]) == 0
    assert seen == [{"path": "/readyz", "host": f"{host.removeprefix('http://')}:{port}"}]


def test_a_port_that_the_mesh_skips_is_asked_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Mapping[str, str]] = []
    with answering(200, POD, seen) as port:
        monkeypatch.setenv("SIGNALBOX_BIND", "127.0.0.1")
        monkeypatch.setenv("SIGNALBOX_SKIP_BIND", POD)
        monkeypatch.setenv("SIGNALBOX_SKIP_PORTS", str(port))
        assert main(["podcli", "check", "http", f"localhost:{port}"]) == 0
        assert main(["podcli", "check", "tcp", f"localhost:{port}"]) == 0


@pytest.mark.parametrize(
    ("status", "exit_code"), [(200, 0), (202, 0), (204, 0), (304, 0), (399, 0), (400, 1), (404, 1), (503, 1)]
)
def test_exit_code_by_status(status: int, exit_code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_BIND", POD)
    with answering(status, POD, []) as port:
        assert main(["podcli", "check", "http", f"localhost:{port}/readyz"]) == exit_code


def test_readiness_of_podinfo() -> None:
    async def run() -> list[int]:
        async with pod() as podinfo:
            address = podinfo.site.removeprefix("http://")
            codes = [await in_thread("check", "http", f"{address}/readyz")]
            await podinfo.ask("POST", "/readyz/disable")
            codes.append(await in_thread("check", "http", f"{address}/readyz"))
            codes.append(await in_thread("check", "http", f"{address}/healthz"))
            codes.append(await in_thread("check", "http", "--method=POST", "--body", "x", f"{address}/readyz/enable"))
            codes.append(await in_thread("check", "http", f"{address}/readyz"))
            codes.append(await in_thread("check", "tcp", address))
            return codes

    assert asyncio.run(run()) == [0, 1, 0, 0, 0, 0]


def test_retries_until_it_succeeds() -> None:
    async def run() -> None:
        statuses = iter([500, 503, 200])
        asked: list[str] = []

        async def answer(request: web.BaseRequest) -> web.Response:
            asked.append(f"{request.method} {await request.text()}")
            return web.Response(status=next(statuses))

        async with server(answer) as url:
            words = ("check", "http", url, "--retry=5", "--delay=1ms", "--method", "PUT", "--body=b")
            assert await in_thread(*words) == 0
        assert asked == ["PUT b"] * 3

    asyncio.run(run())


def test_a_slow_answer_is_none() -> None:
    async def run() -> None:
        given_up = asyncio.Event()

        async def answer(_request: web.BaseRequest) -> web.Response:
            await given_up.wait()
            return web.Response()

        async with server(answer) as url:
            assert await in_thread("check", "http", url, "--timeout=20ms") == 1
            given_up.set()

    asyncio.run(run())


def test_other_hosts_are_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Mapping[str, str]] = []
    with answering(200, POD, seen) as port:
        monkeypatch.setenv("http_proxy", f"http://{POD}:{port}")
        assert main(["podcli", "check", "http", "backend-a-podinfo:9898/healthz"]) == 0
    assert seen == [{"path": "http://backend-a-podinfo:9898/healthz", "host": "backend-a-podinfo:9898"}]


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["version"], 0, "6.9.3"),
        (["check", "http", "--help"], 0, "flags: --body, --delay"),
        (["check", "http"], 1, "Error: address is required! example: check http https://example.org"),
        (["check", "tcp"], 1, "Error: address is required! example: check tcp example.org:80"),
        (["check", "http", "--retries=1", "x"], 1, "Error: unknown flag: --retries"),
        (["check", "tcp", "--body=x", "x:1"], 1, "Error: unknown flag: --body"),
        (["check", "grpc", "localhost:9999"], 1, "Error: only `check http`, `check tcp` and `version`"),
        (["ws", "localhost:9898/ws/echo"], 1, "Error: only `check http`, `check tcp` and `version`"),
        ([], 1, "Error: only `check http`, `check tcp` and `version`"),
    ],
)
def test_command_line(words: list[str], exit_code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["podcli", *words]) == exit_code
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize("words", [["tcp", "localhost"], ["tcp", "localhost:high"], ["http", "http://[bad"]])
def test_an_address_that_makes_no_sense_fails(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["podcli", "check", *words]) == 1
    assert "\tcheck failed\t" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_nobody_listens(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:  # bound, so nobody else gets the port, but it does not listen
        bound.bind(("127.0.0.1", 0))
        address = f"localhost:{bound.getsockname()[1]}"
        assert main(["podcli", "check", kind, address]) == 1
    assert f'"address": "{address}"' in capsys.readouterr().err
