"""Scenarios are held against the rules: what cannot come true is an error, unless a gap is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.tests.oracle.cluster import ROOT

TIMEOUTS = "scenarios/tutorial/timeouts.yaml"
INJECTION = "scenarios/tutorial/fault-injection.yaml"
AUTHORIZATION = "scenarios/tutorial/per-route-authorization.yaml"

REFUSED = "every: {status: 404, by: proxy, times: 100}"
SENT = "send: {from: webapp, request: GET http://authors.booksapp:7001/authors/1.json, rate: 200/s}\n          "
CALLED = "send: {from: webapp, request: POST http://authors.booksapp:7001/shop.Authors/Get, protocol: grpc}\n          "
TENTH = "share: {of: {status: 500}, is: 10%, resolution: 5pp}"
MIXED = "every: {status: [200, 500]}"

Project = Callable[[str, str, str], str]


@pytest.fixture
def changed(tmp_path: Path) -> Project:
    """Findings about a scenario of this repository in which one text is another."""
    for folder in ("manifests", "fixtures"):
        (tmp_path / folder).symlink_to(ROOT / folder)

    def lint(path: str, old: str, new: str) -> str:
        text = (ROOT / path).read_text()
        assert old in text
        (tmp_path / "changed.yaml").write_text(text.replace(old, new, 1))
        return CliRunner().invoke(cli, ["lint", str(tmp_path / "changed.yaml")]).output

    return lint


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        # the article's belief: the printed route makes 504
        (TIMEOUTS, REFUSED, "every: {status: 504, times: 100}",
         "is promised status 504, and the rules say 404 by the client's own proxy"),
        (TIMEOUTS, REFUSED, "every: {status: 404, by: app, times: 100}",
         "by who is behind the sender's own proxy, and the rules say 404 by the client's own proxy"),
        (TIMEOUTS, SENT + REFUSED, CALLED + "every: {grpc-status: DEADLINE_EXCEEDED}",
         "is promised grpc-status DEADLINE_EXCEEDED, and the rules say NOT_FOUND by the client's own proxy"),
        (AUTHORIZATION, "webapp, request: HEAD /ping, status: 403}", "webapp, request: HEAD /ping, status: 200}",
         "HEAD http://authors.booksapp:7001/ping of booksapp/webapp is promised status 200, and the rules say 403"),
        (AUTHORIZATION, "traffic, request: GET /authors.json, status: 403",
         "traffic, request: GET /authors.json, status: 404",
         "of booksapp/traffic is promised status 404, and the rules say 403 by the proxy of authors"),
        (INJECTION, TENTH, "share: {of: {answered-by: error-injector}, is: 30%, resolution: 5pp}",
         "is promised answered by error-injector in exactly 30% of responses"),
        (INJECTION, MIXED, "every: {status: 200}",
         "the rules say 90% what the app of books answers, 10% 500 by the app of error-injector"),
        (INJECTION, TENTH, "share: {of: {status: 500}, is: 4%, resolution: 2pp}",
         "is promised status 500 in exactly 4% of responses"),
        (INJECTION, "is: 88.9%, resolution: 4pp", "is: 95%, resolution: 4pp",
         "are promised class success in exactly 95% of responses, and by its call graph of 10.80 pages"),
        (TIMEOUTS, "share: {of: {class: success}, at-most: 10%", "share: {of: {class: success}, at-least: 50%",
         "the visitor repeats POST /authors for ever"),
        (INJECTION, MIXED, "share: {of: {by: proxy}, at-least: 50%, resolution: 5pp}",
         "is promised by the sender's own proxy in at least 50% of responses"),
    ],
)  # fmt: skip
def test_what_cannot_come_true_is_an_error(changed: Project, path: str, old: str, new: str, said: str) -> None:
    output = changed(path, old, new)
    assert "contradicts-rules" in output
    assert said in output


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (INJECTION, "every: {status: 200, times: 50}", "every: {status: 500}"),  # the app decides
        (INJECTION, TENTH, "share: {of: {answered-by: error-injector}, is: 12%, resolution: 5pp}"),
        (TIMEOUTS, SENT + REFUSED, CALLED + "every: {grpc-status: NOT_FOUND, by: proxy}"),
        (TIMEOUTS, "- expect: every-authors-call-is-refused",
         "- expect: every-authors-call-is-refused\n          known-gap: linkerd"),
    ],
)  # fmt: skip
def test_what_can_come_true_is_none(changed: Project, path: str, old: str, new: str) -> None:
    assert "contradicts-rules" not in changed(path, old, new)


@pytest.mark.parametrize("share", ["is: 30%, resolution: 5pp", "is: 50%, resolution: 10pp", "is: 90%, resolution: 5pp"])
def test_a_share_that_no_sum_of_weights_makes_is_a_warning(changed: Project, share: str) -> None:
    output = changed(INJECTION, TENTH, f"share: {{of: {{status: 500}}, {share}}}")
    assert "share-unlike-weights" in output
    assert "requests go to books 90%, error-injector 10%: apps that always answer alike make no such share" in output


@pytest.mark.parametrize(
    "share",
    [
        "of: {status: 500}, is: 13%, resolution: 5pp",
        "of: {status: 500}, is: 100%, resolution: 5pp",
        "of: {status: 500}, at-most: 30%, resolution: 5pp",
    ],
)
def test_a_share_that_a_sum_of_weights_can_make_is_none(changed: Project, share: str) -> None:
    assert "share-unlike-weights" not in changed(INJECTION, TENTH, f"share: {{{share}}}")


def test_an_app_alone_behind_a_service_may_answer_as_it_likes(changed: Project) -> None:
    half = "share: {of: {status: 500}, is: 50%, resolution: 5pp}"
    assert "share-unlike-weights" not in changed(INJECTION, "every: {status: 200, times: 50}", half)


def test_a_tiny_share_is_no_share_at_all(changed: Project) -> None:
    tiny = "share: {of: {status: 404}, at-most: 0%, resolution: 0.004pp}"
    assert "contradicts-rules" not in changed(INJECTION, TENTH, tiny)


def test_a_known_gap_is_held_against_nothing(changed: Project) -> None:
    gap = "known-gap: linkerd\n          every: {status: 504, times: 100}"
    assert "contradicts-rules" not in changed(TIMEOUTS, REFUSED, gap)


def test_a_finding_that_is_expected_must_be_there(changed: Project) -> None:
    applied = "- apply: manifests/booksapp/timeouts-httproute-as-printed.yaml"
    there = f"{applied}\n          lint: {{expect: [regex-matches-nothing, no-catch-all]}}"
    assert "allowed-for-nothing" not in changed(TIMEOUTS, applied, there)
    absent = f"{applied}\n          lint: {{expect: [weights-all-zero]}}"
    assert "allowed-for-nothing: 'weights-all-zero' is expected of" in changed(TIMEOUTS, applied, absent)


def test_what_no_number_of_requests_decides_is_an_error(changed: Project) -> None:
    output = changed(INJECTION, TENTH, "share: {of: {status: 500}, is: 10%, resolution: 0.01pp}")
    assert "invalid-scenario" in output
    assert "responses at least; no more than 1000000 are sent, so write a wider resolution" in output
