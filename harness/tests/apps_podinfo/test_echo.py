"""The echo app for unknown images, and fortio's echo server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from harness.embedded.apps.echo import Fortio, echo, echo_ports, main, parse_fortio
from harness.embedded.apps.traffic import UsageError
from harness.tests.apps_podinfo.pods import Reply, server

PORTS_OFF = ["-grpc-port=disabled", "-tcp-port", "disabled", "--udp-port=disabled", "-redirect-port=disabled"]


async def ask(url: str, method: str, path: str, **more: Any) -> Reply:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, URL(url + path, encoded=True), **more) as answer,
    ):
        return Reply(answer.status, answer.headers, await answer.read())


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_echo(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTNAME", "pod-1")

    async def run() -> None:
        async with server(echo) as url:
            headers = CIMultiDict([("X-A", "1"), ("X-A", "2"), ("User-Agent", "me")])
            reply = await ask(url, method, "/a%2Fb/../c?d=%20&e", headers=headers, data=b"x")
            assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
            facts = reply.json
            seen = facts.pop("headers")
            port = URL(url).port
            assert facts == {"method": method, "path": "/a%2Fb/../c?d=%20&e", "hostname": "pod-1", "port": port}
            assert (seen["x-a"], seen["user-agent"], seen["host"]) == (["1", "2"], ["me"], [f"127.0.0.1:{port}"])

    asyncio.run(run())


def test_head_has_no_body() -> None:
    async def run() -> None:
        async with server(echo) as url:
            assert (await ask(url, "HEAD", "/")).body == b""

    asyncio.run(run())


@pytest.mark.parametrize(("written", "ports"), [("8080", (8080,)), (" 80, 443,80,", (80, 443))])
def test_ports(written: str, ports: tuple[int, ...]) -> None:
    assert echo_ports(written) == ports


@pytest.mark.parametrize("written", ["", ",", "http", "80-90", "0", "65536", "-1"])
def test_ports_that_are_none(written: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SIGNALBOX_ECHO_PORTS", written)
    assert main(["echo"]) == 1
    assert capsys.readouterr().err == f"echo: SIGNALBOX_ECHO_PORTS must name ports, like 8080,9090, not {written!r}\n"


@pytest.mark.parametrize(
    ("defaults", "path", "status", "pauses"),
    [
        ({}, "/", 200, []),
        ({"delay": "1s"}, "/authors/1.json", 200, [1.0]),
        ({"delay": "1s", "status": "503"}, "/any/path", 503, [1.0]),
        ({"delay": "1s"}, "/?status=200", 200, []),
        ({}, "/?delay=10ms&status=404", 404, [0.01]),
        ({}, "/?delay=1h", 200, [1.5]),
        ({}, "/?other=1", 200, []),
        ({}, "/?size=10", 501, []),
        ({}, "/?delay=1s:50", 501, []),
        ({}, "/?status=503:10", 501, []),
    ],
)
def test_fortio(defaults: Mapping[str, str], path: str, status: int, pauses: list[float]) -> None:
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    async def run() -> None:
        async with server(Fortio(8080, defaults, pause=pause).answer) as url:
            reply = await ask(url, "POST", path, data=b"sent", headers={"Content-Type": "x/y"})
            assert reply.status == status
            if status != 501:
                assert (reply.body, reply.headers["Content-Type"]) == (b"sent", "x/y")

    asyncio.run(run())
    assert paused == pauses


def test_fortio_command_line() -> None:
    line = ["server", "-http-port=80", "-echo-server-default-params=delay=1s&status=418", "-max-echo-delay=3s"]
    assert parse_fortio([*line, *PORTS_OFF]) == Fortio(80, {"delay": "1s", "status": "418"}, 3.0)
    assert parse_fortio(["server", *PORTS_OFF]) == Fortio(8080, {}, 1.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "only `fortio server` is offered"),
        (["load", "http://x"], "only `fortio server` is offered"),
        (["server"], "give -tcp-port disabled -udp-port disabled -grpc-port disabled -redirect-port disabled"),
        (["server", *PORTS_OFF, "-config-dir=/etc/fortio"], "unknown flag: -config-dir"),
        (["server", *PORTS_OFF, "-http-port=localhost:80"], "must name ports"),
        (["server", *PORTS_OFF, "-echo-server-default-params=size=1"], "parameter size is not offered"),
        (["server", *PORTS_OFF, "-echo-server-default-params=delay=soon"], "invalid duration 'soon'"),
    ],
)
def test_fortio_refuses(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fortio(words)
    assert message in str(caught.value)


def test_fortio_as_the_original_has_no_type_for_nothing() -> None:
    async def run() -> None:
        async with server(Fortio(8080, {}).answer) as url:
            reply = await ask(url, "GET", "/authors/1.json")
            assert (reply.status, reply.body, "Content-Type" in reply.headers) == (200, b"", False)

    asyncio.run(run())
