import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.traffic.plan import Plan, Request

GOOD: dict[str, Any] = {
    "request": {"method": "GET", "url": "http://books:7002/books.json"},
    "rate_per_second": 100,
    "limit": 5000,
}

tokens = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1).map(lambda text: "x-" + text)
requests = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "DELETE", "PROPFIND"]),
    url=st.text("abc/?&=%2", max_size=20).map(lambda path: "http://books:7002/" + path),
    headers=st.lists(st.tuples(tokens, st.text("abc é\t;=", max_size=10))).map(tuple),
    body=st.binary(max_size=50),
)
plans = st.builds(
    Plan,
    request=requests,
    rate_per_second=st.floats(0.001, 10_000),
    limit=st.integers(1, 1_000_000),
    timeout_seconds=st.floats(0.001, 3600),
    fresh_connections=st.booleans(),
    keep_headers=st.lists(tokens).map(tuple),
    body_start_bytes=st.integers(0, 65_536),
)


def changed(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


@given(plans)
def test_a_plan_survives_its_json(plan: Plan) -> None:
    assert Plan.decode(plan.encode()) == plan


def test_what_is_left_out_has_a_default() -> None:
    plan = Plan.decode(json.dumps(GOOD).encode())
    assert plan == Plan(request=Request(url="http://books:7002/books.json"), rate_per_second=100, limit=5000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"nonsense", "a plan is a JSON object"),
        (b"[]", r"a plan is a JSON object, not \[\]"),
        (b"{}", "needs 'request'; a plan needs 'rate_per_second'; a plan needs 'limit'"),
        (changed(rate=5), "'rate' is not a key of a plan; .*rate_per_second"),
        (changed(limit="5"), 'limit is a whole number, not "5"'),
        (changed(limit=True), "limit is a whole number, not true"),
        (changed(fresh_connections=1), "fresh_connections is true or false, not 1"),
        (changed(limit=0), "limit is between 1 and 1000000, not 0"),
        (changed(rate_per_second=0), "rate_per_second is above 0"),
        (changed(rate_per_second=float("inf")), "rate_per_second is above 0"),
        (changed(timeout_seconds=-1), "timeout_seconds is above 0"),
        (changed(body_start_bytes=-1), "body_start_bytes is between 0"),
        (changed(keep_headers=["Server"]), 'lower-case header names, not "Server"'),
        (changed(keep_headers=[5]), "keep_headers is a list of names, not 5"),
        (changed(request={"method": "GET"}), "a request needs 'url'"),
        (changed(request={"method": "GET", "url": "http://a/", "uri": ""}), "did you mean 'url'"),
        (changed(request={"method": "GET", "url": "http://a/", "headers": [["a"]]}), "name and value pairs"),
        (changed(request={"method": "GET", "url": "http://a/", "body_base64": "?"}), "not base64"),
    ],
)
def test_a_plan_that_is_not_understood_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Plan.decode(text)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"rate_per_second.*limit.*timeout_seconds"):
        Plan.decode(changed(rate_per_second=-1, limit=0, timeout_seconds=0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "get"}, "a word in capitals"),
        ({"method": "GET /x"}, "a word in capitals"),
        ({"url": "books:7002/books.json"}, "absolute"),
        ({"url": "http:///x"}, "absolute"),
        ({"url": "http://a:99999/"}, "Port out of range"),
        ({"url": "http://a/ b"}, "percent-encoded"),
        ({"url": "http://a/\r\nX: y"}, "percent-encoded"),
        ({"url": "http://a/é"}, "percent-encoded"),
        ({"url": "http://u:p@a/"}, "no user"),
        ({"url": "http://a/#top"}, "no fragment"),
        ({"headers": (("bad name", "x"),)}, "not the name of a header"),
        ({"headers": (("x", "a\r\nb: c"),)}, "line break"),
        ({"headers": (("Content-Length", "5"),)}, "belongs to the connection"),
    ],
)
def test_a_request_that_cannot_be_sent_as_written_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Request(**{"url": "http://a/"} | values)


@pytest.mark.parametrize(("rate", "timeout", "cap"), [(1, 0.1, 8), (100, 1, 400), (1000, 10, 1000)])
def test_open_requests_are_capped_by_what_a_slow_server_would_need(rate: float, timeout: float, cap: int) -> None:
    plan = Plan(request=Request(url="http://a/"), rate_per_second=rate, limit=1, timeout_seconds=timeout)
    assert plan.in_flight_cap == cap


def test_a_ramp_needs_both_its_beginning_and_its_length() -> None:
    plan = Plan.decode(changed(ramp_from_per_second=10, ramp_seconds=30))
    assert plan.ramp_requests == 1650
    assert plan.schedule.due(1650) == 30
    assert Plan.decode(plan.encode()) == plan
    faulty: list[dict[str, float]] = [{"ramp_seconds": 5}, {"ramp_seconds": -1}]
    faulty += [{"ramp_from_per_second": first} for first in (5, float("nan"), -5, 50000)]
    for wrong in faulty:
        with pytest.raises(ValueError, match="ramp"):
            Plan.decode(changed(**wrong))
