"""What a request looks like to the server, or the proxy, that gets it."""

import asyncio

import pytest

from harness.tests.traffic.servers import (
    Server,
    answers,
    carry_out,
    plan,
    sent_to,
    serving,
)
from harness.traffic.plan import Plan, Request


def test_a_request_goes_out_exactly_as_written() -> None:
    async def run() -> Server:
        async with serving(answers) as server:
            url = f"{server.url}/a%2Fb//c?q=%7e&&"
            headers = (("X-User", "amy"), ("x-user", "bob"), ("Host", "books:7002"))
            request = Request(method="POST", url=url, headers=headers, body=b"hello")
            await carry_out(Plan(request=request, rate_per_second=100, limit=1))
            return server

    line, *headers = asyncio.run(run()).heads[0].strip().split("\r\n")
    assert line == "POST /a%2Fb//c?q=%7e&& HTTP/1.1"
    assert sorted(headers, key=str.lower) == [
        "Accept: */*",
        "Content-Length: 5",
        "Host: books:7002",
        "User-Agent: signalbox",
        "X-User: amy",
        "x-user: bob",
    ]


@pytest.mark.parametrize(("path", "target"), [("", "/"), ("/?", "/?"), ("?q", "/?q"), ("/%41/../b", "/%41/../b")])
def test_a_path_is_not_made_prettier(path: str, target: str) -> None:
    _, server = sent_to(answers, path, limit=1)
    assert server.heads[0].startswith(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n")


@pytest.mark.parametrize(("method", "length"), [("GET", False), ("OPTIONS", False), ("POST", True), ("DELETE", True)])
def test_methods_that_expect_a_body_say_that_it_is_empty(method: str, length: bool) -> None:
    async def run() -> Server:
        async with serving(answers) as server:
            await carry_out(Plan(request=Request(method=method, url=server.url), rate_per_second=100, limit=1))
            return server

    assert ("Content-Length: 0" in asyncio.run(run()).heads[0]) is length


def test_the_proxy_of_the_environment_takes_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Server:
        async with serving(answers) as server:
            monkeypatch.setenv("http_proxy", server.url)
            sent = await carry_out(plan("http://books:7002/books.json", rate_per_second=50, limit=5))
            assert sent.results() == {"200"}
            return server

    server = asyncio.run(run())
    assert server.heads[0].startswith("GET http://books:7002/books.json HTTP/1.1\r\nHost: books:7002\r\n")
    assert len(server.heads) == 5
