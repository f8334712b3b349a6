"""Mistakes in expectations and their claims: each one finding with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tests.scenario.story import refused

SHARE_10 = "share: {of: {status: 500}, is: 10%, resolution: 5pp}"

SEND_NEVER = "send: {from: web, request: GET http://books:7002/books.json, rate: 100/s}"
NO_CLAIM = "an expectation needs exactly one claim: every, share, split, latency, each or resource"
WHY_RESOLUTION = "say what must be told apart, like resolution: 5pp"

BAD = [
    # -- expectations
    ("no name", [("expect: one-in-ten", "why: because")], ["26: an expectation needs 'expect'"]),
    ("a misspelt claim", [("every:", "evry:")], ["31: 'evry' is not a key of an expectation; did you mean 'every'?"]),
    (
        "a claim of a later version",
        [("every: {status: [200, 500]}", "quorum: {a: 10%}")],
        [
            "31: 'quorum' is not a key of an expectation; claims are every, share, split, latency, each, resource, "
            "and responses come from send, about, metrics, again"
        ],
    ),
    ("no claim", [("          every: {status: [200, 500]}\n", "")], [f"29: {NO_CLAIM}"]),
    (
        "two claims",
        [(SHARE_10, SHARE_10 + "\n          every: {status: 200}")],
        ["29: an expectation has exactly one claim, not 2: share and every"],
    ),
    (
        "no source",
        [("          about: one-in-ten\n", "")],
        ["29: an expectation needs exactly one source of responses: send, about or metrics"],
    ),
    (
        "two sources",
        [("about: one-in-ten", "about: one-in-ten\n          " + SEND_NEVER)],
        ["31: an expectation has exactly one source of responses, not 2: about and send"],
    ),
    (
        "a claim beside again",
        [("again: never-fails", "again: never-fails\n          every: {status: 200}")],
        ["34: 'every' is repeated by 'again' and not written once more"],
    ),
    (
        "responses beside resource",
        [("every: {status: [200, 500]}", "resource: {pods: shop/app=authors, condition: Ready, within: 5s}")],
        ["30: 'about' is of no use to 'resource', which asks the cluster"],
    ),
    (
        "a resource without a time",
        [
            ("about: one-in-ten\n", "\n"),
            ("every: {status: [200, 500]}", "resource: {pods: shop/app=a, condition: Ready}"),
        ],
        ["31: 'resource' needs exactly one time: for or within"],
    ),
    # -- shares
    ("a share without resolution", [(", resolution: 5pp", "")], [f"28: 'share' needs 'resolution'; {WHY_RESOLUTION}"]),
    ("a share as a bare number", [("is: 10%", "is: 0.1")], ["28: is: 0.1 has no unit; write 10%"]),
    (
        "a relative resolution",
        [("resolution: 5pp", "resolution: 5%")],
        ["28: resolution: '5%' could be read as relative; write 5pp (percentage points)"],
    ),
    (
        "a share of two bounds",
        [("is: 10%", "is: 10%, at-most: 20%")],
        ["28: 'share' has exactly one bound, not 2: is and at-most"],
    ),
    ("a share of no bound", [("is: 10%, ", "")], ["28: 'share' needs exactly one bound: is, at-most or at-least"]),
    (
        "a resolution below nothing",
        [("is: 10%", "is: 3%")],
        ["28: 5pp around 3% lead out of 0%..100%; the largest resolution here is 3pp"],
    ),
    (
        "a resolution beyond everything",
        [("is: 10%", "at-most: 97%")],
        ["28: 5pp around 97% lead out of 0%..100%; the largest resolution here is 3pp"],
    ),
    ("exactly nothing", [("is: 10%", "is: 0%")], ["28: no share lies beyond 0%; write at-most: 0%"]),
    (
        "at most everything",
        [("is: 10%", "at-most: 100%")],
        ["28: every share is within 100%; nothing is claimed"],
    ),
    (
        "a share of nothing",
        [("{status: 500}", "{}")],
        [
            "28: 'of' names no property of a response; "
            "known are status, grpc-status, by, answered-by, header, faster-than, body-has, body-lacks, class"
        ],
    ),
    (
        "a class of responses",
        [("{status: 500}", "{class: failure}")],
        ["28: 'class' is what proxies count; of responses write status: 5xx"],
    ),
    (
        "who answered which responses",
        [("{status: 500}", "{status: 500, answered-by: books}")],
        ["28: a proxy tells how many each workload answered, not which; write 'answered-by' alone"],
    ),
    # -- latency
    (
        "a latency of no quantile",
        [("every: {status: [200, 500]}", "latency: {of: {status: 500}}")],
        ["31: 'latency' names no quantile; known are p50, p75, p90, p95, p99"],
    ),
    (
        "a latency without a unit",
        [("every: {status: [200, 500]}", "latency: {p50: 600..700}")],
        ["31: p50: '600' is not a duration; write one like 600ms, 30s or 2m"],
    ),
    (
        "a latency that cannot be",
        [("every: {status: [200, 500]}", "latency: {p50: 2s.., p90: ..1s}")],
        ["31: p90 is never below p50, so 2s.. and ..1s cannot both be true"],
    ),
]


@pytest.mark.parametrize(("edits", "findings"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_one_mistake_gives_one_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: list[tuple[str, str]], findings: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(*edits) == findings
