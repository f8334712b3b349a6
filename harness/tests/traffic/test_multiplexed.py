"""Requests over HTTP/2 and calls of gRPC: what is sent, what becomes of it, and on which connection."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from harness.tests.traffic.h2_server import LONG, serving_h2
from harness.tests.traffic.servers import Call, Sent, carry_out, closed_port, serving
from harness.traffic.multiplexed import Http2Exchange
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import Plan, Request


def plan(
    url: str, *, method: str = "GET", body: bytes = b"", headers: tuple[tuple[str, str], ...] = (), **changes: Any
) -> Plan:
    """A quick plan over HTTP/2, like `servers.plan`."""
    defaults: dict[str, Any] = {"rate_per_second": 1000, "limit": 20, "timeout_seconds": 20, "protocol": "h2c"}
    return Plan(request=Request(method=method, url=url, headers=headers, body=body), **(defaults | changes))


async def until_idle(idle: asyncio.Event) -> None:
    """Return when a server has no connection any more."""
    async with asyncio.timeout(5):
        await idle.wait()


def failures(sent: Sent) -> set[Failure | None]:
    return {outcome.error for outcome in sent.outcomes}


def test_requests_share_one_connection_at_the_same_time() -> None:
    async def main() -> None:
        async with serving_h2(together=5) as server:
            sent = await carry_out(
                plan(f"{server.url}/together", limit=5, keep_headers=("x-twice", "x-name"), body_start_bytes=3)
            )
            assert sent.results() == {"200"}
            assert (server.connections, server.most_open) == (1, 5)
            assert {outcome.connection for outcome in sent.outcomes} == {0}
            first = sent.outcomes[0]
            assert (first.body_start, first.headers) == (
                "hel",
                {"server": "small", "x-twice": "a, b", "x-name": "café"},
            )

    asyncio.run(main())


def test_more_than_fit_take_another_connection() -> None:
    async def main() -> None:
        async with serving_h2(together=6, most=2) as server:
            sent = await carry_out(plan(f"{server.url}/together", limit=6))
            assert sent.results() == {"200"}
            assert (server.connections, server.most_open) == (3, 2)

    asyncio.run(main())


def test_fresh_connections_are_new_for_each_request() -> None:
    async def main() -> None:
        async with serving_h2() as server:
            sent = await carry_out(plan(f"{server.url}/", fresh_connections=True))
            assert sent.results() == {"200"}
            assert server.connections == 20
            assert sorted(outcome.connection or 0 for outcome in sent.outcomes) == list(range(20))

    asyncio.run(main())


def test_requests_arrive_as_they_were_written() -> None:
    async def main() -> None:
        async with serving_h2() as server:
            body = bytes(range(256)) * 1000  # more than fits in the first windows
            headers = (("X-User", "amy"), ("Host", "books:7000"))
            await carry_out(plan(f"{server.url}/a%2Fb?q=%41", method="POST", body=body, headers=headers, limit=1))
            (seen,) = server.requests
            assert seen == {
                ":method": "POST", ":scheme": "http", ":authority": "books:7000", ":path": "/a%2Fb?q=%41",
                "x-user": "amy", "user-agent": "signalbox",
            }  # fmt: skip
            assert server.bodies == [body]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/reset", Failure.RESET),
        ("/cut", Failure.TRUNCATED),
        ("/close", Failure.RESET),
        ("/misspoken", Failure.PROTOCOL),
        ("/", None),
    ],
)
def test_what_breaks_off_is_told_by_where_it_did(path: str, failure: Failure | None) -> None:
    async def main() -> None:
        async with serving_h2() as server:
            assert failures(await carry_out(plan(f"{server.url}{path}", limit=3))) == {failure}

    asyncio.run(main())


def test_what_is_never_answered_fails_in_time() -> None:
    async def main() -> None:
        async with serving_h2() as server:
            sent = await carry_out(plan(f"{server.url}/silent", limit=3, timeout_seconds=0.05))
            assert failures(sent) == {Failure.TIMEOUT}

    asyncio.run(main())


def test_nobody_there_and_somebody_who_speaks_otherwise() -> None:
    async def main() -> None:
        assert failures(await carry_out(plan(f"http://127.0.0.1:{closed_port()}/", limit=2))) == {Failure.CONNECT}

        async def old(call: Any) -> None:
            call.answer(400)
            call.hang_up()

        async with serving(old) as server:
            assert failures(await carry_out(plan(f"{server.url}/", limit=2))) == {Failure.PROTOCOL}

    asyncio.run(main())


def test_a_request_that_was_not_looked_at_goes_out_again() -> None:
    async def main() -> None:
        async with serving_h2() as server:
            sent = await carry_out(plan(f"{server.url}/leave", limit=1))
            assert sent.results() == {"200"}
            assert (sent.summary.resent, server.connections) == (1, 2)

    asyncio.run(main())


def test_a_request_that_nobody_ever_looks_at_goes_out_twice_and_no_more() -> None:
    async def main() -> None:
        async with serving_h2() as server:
            sent = await carry_out(plan(f"{server.url}/never", limit=1, timeout_seconds=5))
            assert (failures(sent), sent.summary.resent, server.connections) == ({Failure.RESET}, 1, 2)

    asyncio.run(main())


@pytest.mark.parametrize("fresh", [True, False])
def test_a_connection_whose_other_end_never_spoke_is_closed_with_its_request(fresh: bool) -> None:
    async def stalls(call: Call) -> None:
        await call.left()

    async def main() -> None:
        async with serving(stalls) as server:
            silent = plan(f"{server.url}/", timeout_seconds=0.5, fresh_connections=fresh)
            async with Http2Exchange(silent) as exchange:
                assert (await exchange.send()).error is Failure.TIMEOUT
                await until_idle(server.idle)
            assert server.connections == 1

    asyncio.run(main())


def test_a_connection_that_takes_no_more_requests_is_closed_after_its_last() -> None:
    async def main() -> None:
        async with serving_h2() as server, Http2Exchange(plan(f"{server.url}/last")) as exchange:
            assert (await exchange.send()).status == 200
            await until_idle(server.idle)

    asyncio.run(main())


def test_of_a_body_only_what_is_reported_is_kept() -> None:
    async def main() -> None:
        async with serving_h2() as server:
            asked = plan(f"{server.url}/long", limit=1, body_start_bytes=3)
            tracemalloc.start()
            try:
                sent = await carry_out(asked)
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert [outcome.body_start for outcome in sent.outcomes] == ["\0\0\0"]
            assert most < LONG / 2

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/last", "/last-angry"])
def test_a_server_that_says_goodbye_still_answers_what_it_has_seen(path: str) -> None:
    async def main() -> None:
        async with serving_h2() as server:
            sent = await carry_out(plan(f"{server.url}{path}", limit=1))
            assert (sent.results(), sent.summary.resent) == ({"200"}, 0)

    asyncio.run(main())


class _Shop(grpc.GenericRpcHandler):  # type: ignore[misc]  # untyped package
    def service(self, details: Any) -> Any:
        async def answer(message: bytes, context: Any) -> bytes:
            if details.method != "/shop.Books/Get":
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such call")
            return b"got " + message

        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def shop() -> AsyncIterator[str]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Shop(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    ("method", "status", "message", "body"), [("Get", "0", "", "got \x08\x01"), ("Other", "5", "no such call", "")]
)
def test_a_call_of_grpc_has_its_own_status(method: str, status: str, message: str, body: str) -> None:
    async def main() -> Outcome:
        async with shop() as url:
            asked = plan(
                f"{url}/shop.Books/{method}",
                method="POST",
                body=b"\x08\x01",
                protocol="grpc",
                limit=3,
                body_start_bytes=50,
            )
            sent = await carry_out(asked)
            assert sent.results() == {"200"}
            return sent.outcomes[-1]

    outcome = asyncio.run(main())
    assert (outcome.headers["grpc-status"], outcome.headers["grpc-message"]) == (status, message)
    assert outcome.body_start == body


def test_plans_over_http2_are_checked() -> None:
    with pytest.raises(ValueError, match=r"protocol is one of http/1\.1, h2c, grpc"):
        plan("http://books/", protocol="h3")
    with pytest.raises(ValueError, match="without TLS"):
        plan("https://books/")
    with pytest.raises(ValueError, match="POST"):
        plan("http://books/a/b", protocol="grpc")
    wanted = plan("http://books/a/b", protocol="grpc", method="POST")
    assert Plan.decode(wanted.encode()) == wanted
