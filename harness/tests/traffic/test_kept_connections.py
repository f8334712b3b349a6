"""Connections that are kept: which are used again, and which requests go out again on another."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.tests.traffic.servers import (
    Behaviour,
    Call,
    Server,
    answers,
    plan,
    sent_to,
    serving,
)
from harness.tests.traffic.test_http1 import answers_twice
from harness.traffic.exchange import Answer
from harness.traffic.http1 import HttpExchange
from harness.traffic.plan import Plan, Request


def post(url: str, body: bytes = b"", **changes: object) -> Plan:
    return replace(plan(url, **changes), request=Request(method="POST", url=url, body=body))


async def closes_idle_connections(call: Call) -> None:
    call.answer()
    call.hang_up()  # after the answer, and without having announced it


async def resets_kept_connections(call: Call) -> None:
    if call.on_connection:
        call.reset()
    else:
        call.answer()


async def reads_and_hangs_up_on_kept_connections(call: Call) -> None:
    if call.on_connection:
        call.hang_up()
    else:
        call.answer()


async def takes_kept_connections_in_and_resets_them(call: Call) -> None:
    if call.on_connection:
        taken = call.writer.get_extra_info("socket")
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # as after the 40 ms and more of some work
        call.reset()
    else:
        call.answer()


async def says_goodbye(call: Call) -> None:
    call.answer(connection="close")
    await call.left()


def test_a_connection_closed_while_idle_costs_no_request() -> None:
    sent, server = sent_to(closes_idle_connections, rate_per_second=100)
    assert sent.results() == {"200"}
    assert server.connections == 20
    assert len(server.heads) == 20


def test_a_close_that_the_event_loop_has_not_noticed_costs_no_request_either() -> None:
    async def run() -> Server:
        async with serving(closes_idle_connections) as server, HttpExchange(plan(server.url)) as exchange:
            for _ in range(20):  # back to back, so the end of the connection is still unread
                assert (await exchange.send()).status == 200
            assert exchange.resent == 0
        return server

    assert len(asyncio.run(run()).heads) == 20


def test_a_request_that_meets_a_dead_connection_goes_out_again_on_a_new_one() -> None:
    async def run() -> tuple[Server, int]:
        async with serving(resets_kept_connections) as server, HttpExchange(plan(server.url)) as exchange:
            for _ in range(10):  # one after the other, so that each finds the connection of the one before
                assert (await exchange.send()).status == 200
            return server, exchange.resent

    server, resent = asyncio.run(run())
    assert resent == 9
    assert server.connections == 10


def test_it_goes_out_again_on_a_new_connection_not_on_another_kept_one() -> None:
    async def run() -> set[int | None]:
        async with serving(resets_kept_connections) as server, HttpExchange(plan(server.url)) as exchange:
            first = await asyncio.gather(*(exchange.send() for _ in range(3)))
            assert server.connections == 3
            return {answer.status for answer in (*first, await exchange.send())}

    assert asyncio.run(run()) == {200}


def test_a_program_that_hangs_up_on_a_request_it_read_is_not_excused() -> None:
    async def run() -> tuple[Server, list[Answer], int]:
        async with (
            serving(reads_and_hangs_up_on_kept_connections) as server,
            HttpExchange(plan(server.url)) as exchange,
        ):
            return server, [await exchange.send() for _ in range(10)], exchange.resent

    server, answered, resent = asyncio.run(run())
    assert [answer.status or str(answer.error) for answer in answered] == [200, "reset"] * 5
    assert resent == 0
    assert len(server.heads) == 10


async def two_requests(behave: Behaviour, make: Callable[[str], Plan]) -> tuple[list[str], int, Server]:
    """What became of two requests, one after the other, and how many went out again."""
    async with serving(behave) as server, HttpExchange(make(server.url)) as exchange:
        told = [str(answer.error or answer.status) for answer in (await exchange.send(), await exchange.send())]
        return told, exchange.resent, server


def test_a_request_that_a_program_took_in_is_not_excused_by_a_reset() -> None:
    told, resent, server = asyncio.run(two_requests(takes_kept_connections_in_and_resets_them, plan))
    assert (told, resent, len(server.heads)) == (["200", "reset"], 0, 2)


def test_what_may_not_be_repeated_is_not_excused_by_a_reset() -> None:
    told, resent, server = asyncio.run(two_requests(resets_kept_connections, post))
    assert (told, resent, len(server.heads)) == (["200", "reset"], 0, 2)


@pytest.mark.parametrize("make", [plan, post])
def test_a_connection_that_ended_before_a_request_came_excuses_it(
    make: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the end is still under way, nobody here can know of it; on loopback it never is."""
    monkeypatch.setattr("harness.traffic.http1._Link.usable", True)
    told, resent, server = asyncio.run(two_requests(closes_idle_connections, make))
    assert (told, resent, len(server.heads)) == (["200", "200"], 1, 2)


def test_a_request_that_goes_out_again_has_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines: list[float | None] = []
    real = asyncio.timeout_at

    def told(when: float | None) -> asyncio.Timeout:
        deadlines.append(when)
        return real(when)

    monkeypatch.setattr(asyncio, "timeout_at", told)
    assert asyncio.run(two_requests(resets_kept_connections, plan))[1] == 1
    first, second, again = deadlines
    assert first != second
    assert second == again


def test_a_connection_on_which_a_request_is_not_all_sent_is_used_no_more() -> None:
    async def run() -> None:
        done = asyncio.Event()

        async def answers_early(call: Call) -> None:
            call.answer(401)
            await done.wait()
            call.hang_up()

        async with serving(answers_early) as server:
            async with HttpExchange(post(server.url, b"x" * 16_000_000)) as exchange:
                assert [(await exchange.send()).status for _ in range(3)] == [401] * 3
            done.set()
        assert server.connections == 3

    asyncio.run(run())


def test_an_answer_that_ended_is_not_held_up_by_what_was_not_sent() -> None:
    async def run() -> None:
        done = asyncio.Event()

        async def refuses_early(call: Call) -> None:
            call.writer.write(b"HTTP/1.0 413 X\r\n\r\ntoo much")
            call.writer.write_eof()
            await done.wait()
            call.hang_up()

        async with serving(refuses_early) as server:
            async with HttpExchange(post(server.url, b"x" * 16_000_000)) as exchange:
                assert (await exchange.send()).status == 413
            done.set()

    asyncio.run(run())


def test_kept_connections_that_the_server_has_closed_are_let_go() -> None:
    async def run() -> None:
        async with serving(closes_idle_connections) as server, HttpExchange(plan(server.url)) as exchange:
            await asyncio.gather(*(exchange.send() for _ in range(10)))
            await server.idle.wait()
            async with asyncio.timeout(20):
                while exchange._idle:
                    await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_second_response_to_one_request_is_nobodys() -> None:
    sent, server = sent_to(answers_twice, rate_per_second=100)
    assert sent.results() == {"200"}
    assert server.connections == 20


def test_a_connection_that_the_server_gives_up_is_used_no_more() -> None:
    sent, server = sent_to(says_goodbye, rate_per_second=100)
    assert sent.results() == {"200"}
    assert server.connections == 20
    assert sent.summary.resent == 0


def test_kept_connections_are_reused_and_fresh_ones_are_not() -> None:
    _, kept = sent_to(answers, rate_per_second=100)
    _, fresh = sent_to(answers, rate_per_second=100, fresh_connections=True)
    assert kept.connections < 20
    assert fresh.connections == 20


def test_each_outcome_says_which_connection_it_came_by() -> None:
    kept, server = sent_to(answers, rate_per_second=100)
    assert {outcome.connection for outcome in kept.outcomes} == set(range(server.connections))
    fresh, _ = sent_to(answers, rate_per_second=100, fresh_connections=True)
    assert sorted(outcome.connection or 0 for outcome in fresh.outcomes) == list(range(20))
