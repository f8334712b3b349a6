"""One request at a time against servers that behave and misbehave."""

import asyncio
import socket

import pytest

from harness.tests.traffic.servers import (
    Behaviour,
    Call,
    Sent,
    Server,
    carry_out,
    closed_port,
    plan,
    sent_to,
    serving,
)
from harness.traffic.plan import Plan, Request


def sent_head(behave: Behaviour) -> tuple[Sent, Server]:
    async def run() -> tuple[Sent, Server]:
        async with serving(behave) as server:
            request = Request(method="HEAD", url=server.url)
            return await carry_out(Plan(request=request, rate_per_second=100, limit=20, timeout_seconds=20)), server

    return asyncio.run(run())


async def fails_every_tenth(call: Call) -> None:
    call.answer(500 if call.number % 10 == 0 else 200, server="nginx")


async def hangs_up(call: Call) -> None:
    call.hang_up()


async def stalls(call: Call) -> None:
    await call.left()


async def speaks_nonsense(call: Call) -> None:
    call.writer.write(b"220 smtp ready\r\n\r\n")


async def stops_in_the_body(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    call.hang_up()


async def stops_in_the_head(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\nserv")
    call.hang_up()


async def stops_after_informing(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    call.hang_up()


async def has_no_status(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n")


async def answers_as_it_is_until_the_connection_ends(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nall of it")
    call.hang_up()


async def names_itself_in_latin_1(call: Call) -> None:
    call.writer.write("HTTP/1.1 200 OK\r\nserver: café\r\ncontent-length: 0\r\n\r\n".encode("latin-1"))


async def redirects(call: Call) -> None:
    call.answer(302, location="http://elsewhere/", set_cookie="a=b")


async def refuses_as_proxy(call: Call) -> None:
    call.answer(404, l5d_proxy_error="no route found for request")


async def answers_until_the_connection_ends(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\nserver: old\r\n\r\nall of it")
    call.hang_up()


async def resets_a_body_without_length(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    await call.writer.drain()
    call.reset()


async def informs_first(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 103 Early Hints\r\nserver: early\r\ncontent-length: 3\r\n\r\n")
    call.answer(server="late")


async def answers_in_chunks(call: Call) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nvia: a\r\nvia: b\r\n\r\n"
    call.writer.write(head + b"2\r\nab\r\n1\r\nc\r\n0\r\nserver: trailer\r\n\r\n")


async def breaks_a_chunk(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n")


async def has_no_body(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 %d X\r\n\r\n" % (204 if call.number % 2 else 304))


async def answers_head_as_it_should(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")


async def answers_head_without_a_length(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")


async def answers_old_head_that_keeps(call: Call) -> None:
    call.writer.write(b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n\r\n")


async def answers_old_head(call: Call) -> None:
    call.writer.write(b"HTTP/1.0 200 OK\r\n\r\n")


async def answers_head_and_says_goodbye(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\nconnection: x, Close\r\n\r\n")


async def answers_head_with_a_body(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")


async def answers_twice(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")


async def switches(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
    await call.left()


async def answers_slowly_in_parts(call: Call) -> None:
    call.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
    await call.writer.drain()
    await asyncio.sleep(0.05)
    call.writer.write("déf".encode() + b"gh")


def test_statuses_come_in_issue_order_with_who_answered() -> None:
    sent, _ = sent_to(fails_every_tenth, limit=50)
    by_status = [outcome.status for outcome in sent.outcomes]
    assert by_status.count(500) == 5
    assert by_status.count(200) == 45
    assert {outcome.headers["server"] for outcome in sent.outcomes} == {"nginx"}


def test_a_lost_connection_is_never_retried() -> None:
    sent, server = sent_to(hangs_up)
    assert sent.results() == {"reset"}
    assert len(server.heads) == 20


def test_a_request_without_an_answer_times_out_at_the_time_set() -> None:
    sent, _ = sent_to(stalls, timeout_seconds=0.12, limit=5)
    assert sent.results() == {"timeout"}
    assert all(outcome.service_time > 0.11 for outcome in sent.outcomes)


def test_a_port_where_nobody_listens_refuses() -> None:
    sent = asyncio.run(carry_out(plan(f"http://127.0.0.1:{closed_port()}/", limit=3)))
    assert sent.results() == {"connect"}


def test_a_name_without_an_address_is_told_from_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    sent = asyncio.run(carry_out(plan("http://no-such-host.invalid/", limit=1)))
    assert sent.results() == {"dns"}


def test_what_is_not_http_is_called_so() -> None:
    assert sent_to(speaks_nonsense)[0].results() == {"protocol"}


def test_a_response_without_a_real_status_is_not_http() -> None:
    assert sent_to(has_no_status, limit=5)[0].results() == {"protocol"}


def test_half_a_head_is_half_a_response_and_one_that_informs_is_none() -> None:
    assert sent_to(stops_in_the_head, limit=5)[0].results() == {"truncated"}
    assert sent_to(stops_after_informing, limit=5)[0].results() == {"reset"}


def test_a_header_that_is_no_unicode_is_spelled_out() -> None:
    sent, _ = sent_to(names_itself_in_latin_1, limit=2)
    assert sent.outcomes[0].headers["server"] == r"caf\xe9"


def test_half_a_body_is_no_response() -> None:
    sent, _ = sent_to(stops_in_the_body)
    assert sent.results() == {"truncated"}
    assert {outcome.status for outcome in sent.outcomes} == {None}


@pytest.mark.parametrize("behave", [answers_until_the_connection_ends, answers_as_it_is_until_the_connection_ends])
def test_a_body_without_a_length_ends_with_its_connection(behave: Behaviour) -> None:
    sent, _ = sent_to(behave, limit=5, body_start_bytes=20)
    assert {(outcome.status, outcome.body_start) for outcome in sent.outcomes} == {(200, "all of it")}


def test_a_body_without_a_length_is_not_whole_if_its_connection_breaks() -> None:
    assert sent_to(resets_a_body_without_length, limit=5)[0].results() == {"truncated"}


def test_what_only_informs_is_no_response() -> None:
    sent, server = sent_to(informs_first, rate_per_second=100, body_start_bytes=20)
    assert {(outcome.status, outcome.headers["server"], outcome.body_start) for outcome in sent.outcomes} == {
        (200, "late", "{}")
    }
    assert server.connections < 20


def test_chunks_are_put_together_and_trailers_are_no_headers() -> None:
    sent, server = sent_to(answers_in_chunks, rate_per_second=100, body_start_bytes=20, keep_headers=("via",))
    assert {(outcome.status, outcome.body_start) for outcome in sent.outcomes} == {(200, "abc")}
    assert sent.outcomes[0].headers == {"via": "a, b"}
    assert server.connections < 20
    assert sent_to(breaks_a_chunk, limit=5)[0].results() == {"protocol"}


def test_statuses_without_a_body_are_not_waited_for() -> None:
    sent, server = sent_to(has_no_body, rate_per_second=100)
    assert sent.results() == {"204", "304"}
    assert server.connections < 20


@pytest.mark.parametrize(
    "behave", [answers_head_as_it_should, answers_head_without_a_length, answers_old_head_that_keeps]
)
def test_a_body_of_an_answer_to_head_is_not_waited_for(behave: Behaviour) -> None:
    sent, server = sent_head(behave)
    assert sent.results() == {"200"}
    assert server.connections < 20


@pytest.mark.parametrize("behave", [answers_old_head, answers_head_and_says_goodbye])
def test_a_connection_that_an_answer_to_head_gives_up_is_used_no_more(behave: Behaviour) -> None:
    sent, server = sent_head(behave)
    assert sent.results() == {"200"}
    assert server.connections == 20


@pytest.mark.parametrize("behave", [answers_head_with_a_body, answers_twice])
def test_a_connection_with_more_than_was_asked_for_is_used_no_more(behave: Behaviour) -> None:
    sent, server = sent_head(behave)
    assert sent.results() == {"200"}
    assert server.connections == 20


def test_another_protocol_that_nobody_asked_for_is_no_response() -> None:
    assert sent_to(switches, limit=5)[0].results() == {"protocol"}


def test_redirects_are_reported_and_not_followed() -> None:
    sent, _ = sent_to(redirects, keep_headers=("location",), limit=2)
    assert sent.results() == {"302"}
    assert sent.outcomes[0].headers["location"] == "http://elsewhere/"


def test_cookies_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Server:
        async with serving(redirects) as server:
            monkeypatch.setenv("http_proxy", server.url)  # no client keeps cookies of bare addresses
            await carry_out(plan("http://books.example/", rate_per_second=50, limit=3))
            return server

    assert not any("cookie" in head.lower() for head in asyncio.run(run()).heads)


def test_an_answer_of_the_proxy_is_known_by_its_header() -> None:
    sent, _ = sent_to(refuses_as_proxy)
    assert all(outcome.by_proxy for outcome in sent.outcomes)
    assert sent.outcomes[0].headers["l5d-proxy-error"] == "no route found for request"


def test_the_start_of_a_body_is_kept_and_all_of_it_is_waited_for() -> None:
    sent, _ = sent_to(answers_slowly_in_parts, body_start_bytes=5, limit=2)
    assert [outcome.body_start for outcome in sent.outcomes] == ["abcd�"] * 2
    assert all(outcome.service_time > 0.04 for outcome in sent.outcomes)
