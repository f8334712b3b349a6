"""Mistakes in requests and their senders: each one finding with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tests.scenario.story import refused

SHARE_10 = "share: {of: {status: 500}, is: 10%, resolution: 5pp}"

BAD = [
    # -- requests
    (
        "a timeout without a unit",
        [("timeout: 2s", "timeout: 2")],
        ["27: timeout: 2 has no unit; write 2s, or use ms, m or h"],
    ),
    ("a rate without a unit", [("rate: 100/s", "rate: 100")], ["19: rate: 100 has no unit; write 100/s"]),
    (
        "a request without a method",
        [("request: GET http", "request: http")],
        [
            "19: request: 'http://books:7002/books.json' is not a request; "
            "write METHOD url, like GET http://books:7002/books.json"
        ],
    ),
    ("two bodies", [("timeout: 2s", "body: x, json: {a: 1}")], ["27: a request has one body: 'body' or 'json'"]),
    (
        "times beside about",
        [("[200, 500]}", "[200, 500], times: 5}")],
        ["31: 'times' is of no use beside 'about', which takes all responses there are"],
    ),
    (
        "another protocol",
        [("rate: 100/s", "rate: 100/s, http2: true")],
        ["19: 'http2' is not a key of 'send'; write protocol: h2c or protocol: grpc"],
    ),
    (
        "a call that is none",
        [("rate: 100/s", "rate: 100/s, protocol: grpc"), ("{status: [200, 500]}", "{grpc-status: OK}")],
        ["19: a call of gRPC is POST http://host:port/package.Service/Method, not GET http://books:7002/books.json"],
    ),
    (
        "a message without a call",
        [("rate: 100/s", "rate: 100/s, message: CAE=")],
        ["19: 'message' is of no use without protocol: grpc"],
    ),
    (
        "a message in clear",
        [("rate: 100/s", "rate: 100/s, protocol: grpc, message: hi!")],
        ["19: message: 'hi!' is not base64, as which the bytes of a message are written"],
    ),
    (
        "an unknown status of gRPC",
        [("{status: [200, 500]}", "{grpc-status: NOT_FUND}")],
        ["31: grpc-status: 'NOT_FUND' is no status of gRPC; did you mean 'NOT_FOUND'?"],
    ),
    (
        "a ramp that goes nowhere",
        [("rate: 100/s", "rate: 100/s, ramp: {from: 100/s, over: 1m}")],
        ["19: a ramp from a rate to the same rate is none"],
    ),
    (
        "a ramp without end",
        [("rate: 100/s", "rate: 100/s, ramp: {from: 1/s, over: 6h}")],
        ["19: a ramp takes 1h at most"],
    ),
    (
        "a ramp of too many requests",
        [("rate: 100/s", "rate: 1000/s, ramp: {from: 1/s, over: 1h}")],
        ["19: the ramp has 1801800 requests; 1000000 are the most"],
    ),
    (
        "a rate that no sender has",
        [("rate: 100/s", "rate: 20000/s")],
        ["19: rate: '20000/s' is out of range; a rate is more than 0/s and at most 10000/s"],
    ),
    (
        "a timeout that nobody waits for",
        [("timeout: 2s", "timeout: 2h")],
        ["27: nobody waits longer than 1h for a response"],
    ),
    (
        "a header of the connection",
        [("timeout: 2s", "headers: {te: trailers}")],
        ["27: header te belongs to the connection, the sender sets it"],
    ),
    (
        "a header whose name has a blank",
        [("timeout: 2s", "headers: {x user: amy}")],
        ["27: 'x user' is not the name of a header"],
    ),
    (
        "a header of two lines",
        [("timeout: 2s", 'headers: {x-user: "amy\\nx-admin: yes"}')],
        ["27: header x-user contains a line break or another control character"],
    ),
    (
        "a response header whose name has a blank",
        [("{status: [200, 500]}", "{header: {x served by: v2}}")],
        ["31: 'x served by' is not the name of a header"],
    ),
    (
        "a split by a header whose name has a blank",
        [(SHARE_10, "split: {header: {x by: {v1: 90%, v2: 10%}}, resolution: 5pp}")],
        ["28: 'x by' is not the name of a header"],
    ),
    (
        "a URL with a fragment",
        [("GET http://books:7002/books.json, rate", "GET http://books:7002/#top, rate")],
        ["19: request: 'http://books:7002/#top' has a part after '#', which no client sends"],
    ),
    (
        "a URL with a user",
        [("GET http://books:7002/books.json, rate", "GET http://amy@books:7002/, rate")],
        [
            "19: request: 'http://amy@books:7002/' names a user, which no client sends so; "
            "write the header Authorization"
        ],
    ),
    (
        "a ramp that goes on all the time",
        [
            (
                "  steps:",
                "  always:\n    - expect: up\n      send: {from: web, request: GET http://books:7002/, "
                "ramp: {from: 1/s, over: 1m}}\n      every: {status: 200}\n  steps:",
            )
        ],
        ["14: a ramp has an end, and 'always' goes on for as long as the story does"],
    ),
    (
        "a misspelt property",
        [("{status: [200, 500]}", "{sttus: 200}")],
        ["31: 'sttus' is not a key of 'every'; did you mean 'status'?"],
    ),
    # -- senders
    (
        "an unknown key of a sender",
        [("{namespace: outside, meshed: false}", "{namespace: outside, mesh: false}")],
        ["11: 'mesh' is not a key of a sender; did you mean 'meshed'?"],
    ),
    (
        "meshed: no, which YAML 1.2 reads as text",
        [("meshed: false", "meshed: no")],
        ["11: meshed: 'no' is neither true nor false"],
    ),
    (
        "a sender from nowhere",
        [("{namespace: outside, meshed: false}", "{via: ingres, host: a.local}")],
        ["11: via: 'ingres' is not known here; did you mean 'ingress'?"],
    ),
]


@pytest.mark.parametrize(("edits", "findings"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_one_mistake_gives_one_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: list[tuple[str, str]], findings: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(*edits) == findings
