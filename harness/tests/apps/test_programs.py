"""The stand-ins as processes, as a pod runs them: addresses, ports, proxy, exit codes."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from harness.embedded.apps.booksapp.upstream import Collection
from harness.embedded.apps.serving import bind_address, client_session, proxy_for
from harness.embedded.apps.traffic import Options, Visitor

# Real ports on an address of this test process alone, so that runs side by side do not meet.
ADDRESS = f"127.3.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


@contextmanager
def program(call: str, *argv: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """`main(argv)` of a stand-in, in a process of its own."""
    module, function = call.split(":")
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; from {module} import {function}; sys.exit({function}(sys.argv))", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "SIGNALBOX_BIND": ADDRESS, **(env or {})},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def called(call: str, *argv: str) -> int:
    """The exit code of `main(argv)` in this process, of a stand-in that ends before it serves."""
    module, function = call.split(":")
    code = getattr(importlib.import_module(module), function)(["program", *argv])
    assert isinstance(code, int)
    return code


def line(process: subprocess.Popen[str], seconds: float = 20) -> str:
    """The next line of output; empty if the process ends, or does not print for so long that it is killed."""
    assert process.stdout is not None
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        return process.stdout.readline().strip()
    finally:
        watchdog.cancel()


def get(url: str) -> tuple[int, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize(("word", "port"), [("prod:webapp", 7000), ("prod:authors", 7001), ("prod:books", 7002)])
def test_booksapp_listens_on_its_port_and_ends_quickly(word: str, port: int) -> None:
    environment = {"DATABASE_URL": "sqlite3:db/db.sqlite3"}
    with program("harness.embedded.apps.booksapp:main", "bundle", "exec", "rake", word, env=environment) as process:
        assert line(process) == f"listening on port {port}"
        assert get(f"http://{ADDRESS}:{port}/ping") == (200, b"pong")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_nginx_serves_what_is_mounted(tmp_path: Path) -> None:
    config = tmp_path / "etc/nginx/conf.d/default.conf"
    config.parent.mkdir(parents=True)
    config.write_text("server { listen 8080; listen 8081; location / { return 500; } }")
    environment = {"SIGNALBOX_ROOT": str(tmp_path)}
    with program("harness.embedded.apps.nginx:main", "nginx", "-g", "daemon off;", env=environment) as process:
        assert line(process) == "listening on port 8080"
        assert line(process) == "listening on port 8081"
        assert get(f"http://{ADDRESS}:8080/any")[0] == get(f"http://{ADDRESS}:8081/any")[0] == 500
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_nginx_ends_when_it_cannot_obey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "etc/nginx/conf.d/default.conf"
    config.parent.mkdir(parents=True)
    config.write_text("server {\n  listen 8080;\n  proxy_pass http://x;\n}")
    monkeypatch.setenv("SIGNALBOX_ROOT", str(tmp_path))
    assert called("harness.embedded.apps.nginx:main") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("/etc/nginx/conf.d/default.conf:3: 'proxy_pass' is not obeyed")


@pytest.mark.parametrize(
    ("argv", "env", "message"),
    [
        (["bundle", "exec", "rake"], {}, "the last argument must be one of prod:webapp, prod:authors, prod:books"),
        (["prod:books"], {"DATABASE_URL": "mysql2://x"}, "DATABASE_URL must be empty or sqlite3:..., not 'mysql2://x'"),
    ],
)
def test_booksapp_refuses(
    argv: list[str],
    env: Mapping[str, str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from harness.embedded.apps.booksapp import main

    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(argv) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "exit_code", "message"),
    [
        (["-initial-delay=soon", "127.0.0.1:1"], 2, "flag -initial-delay: invalid duration 'soon'\nusage:"),
        ([], 1, "one target is needed, not 0\nusage:"),
    ],
)
def test_traffic_refuses(argv: list[str], exit_code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("harness.embedded.apps.traffic:main", *argv) == exit_code
    assert capsys.readouterr().err.startswith(message)


def test_traffic_as_a_process() -> None:
    with program("harness.embedded.apps.traffic:main", "-initial-delay=0", "-sleep=0", "127.0.0.1:1") as process:
        assert line(process).startswith("ERR GET http://127.0.0.1:1/reset ClientConnectorError")


def test_everything_goes_through_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        seen.append(f"{request.method} {request.raw_path} {request.headers['Host']}")
        return web.json_response([], status=204 if request.path == "/reset" else 200)

    async def run() -> None:
        server = web.ServerRunner(web.Server(proxy, access_log=None), shutdown_timeout=0.1)
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.addresses[0][1]}")
        async with client_session() as session:
            await Collection(session, "http://books:7002", "books").all(author_id=3)
            await Visitor(session, Options("webapp:7000", sleep=0)).reset()
        await server.cleanup()

    asyncio.run(run())
    assert seen == [
        "GET http://books:7002/books.json?author_id=3 books:7002",
        "GET http://webapp:7000/reset webapp:7000",
    ]


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "http://books:7002", None),
        ({"http_proxy": "http://127.1.0.2:4140"}, "http://books:7002", "http://127.1.0.2:4140"),
        ({"http_proxy": "http://127.1.0.2:4140", "no_proxy": "localhost,books"}, "http://books:7002", None),
        ({"http_proxy": "http://127.1.0.2:4140", "no_proxy": "localhost"}, "http://localhost:7001", None),
        ({"https_proxy": "http://127.1.0.2:4140"}, "http://books:7002", None),
    ],
)
def test_proxy_for(variables: Mapping[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == (None if proxy is None else URL(proxy))


@pytest.mark.parametrize(
    ("environ", "port", "address"),
    [
        ({}, 7000, "127.0.0.1"),
        ({"SIGNALBOX_BIND": "127.1.0.2"}, 7000, "127.1.0.2"),
        ({"SIGNALBOX_BIND": "a", "SIGNALBOX_SKIP_BIND": "b", "SIGNALBOX_SKIP_PORTS": "25, 7000-7002"}, 7001, "b"),
        ({"SIGNALBOX_BIND": "a", "SIGNALBOX_SKIP_BIND": "b", "SIGNALBOX_SKIP_PORTS": "25, 7000-7002"}, 7003, "a"),
        ({"SIGNALBOX_BIND": "a", "SIGNALBOX_SKIP_BIND": "b", "SIGNALBOX_SKIP_PORTS": ""}, 7000, "a"),
    ],
)
def test_bind_address(environ: Mapping[str, str], port: int, address: str) -> None:
    assert bind_address(port, environ) == address
