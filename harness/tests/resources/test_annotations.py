from __future__ import annotations

from datetime import timedelta

import pytest

from harness.resources.annotations import (
    AnnotatedTimeouts,
    HttpRetry,
    parse_http_retry,
    parse_timeout_annotations,
)


def test_timeouts_2_7() -> None:
    annotations = {"timeout.linkerd.io/request": "600ms", "timeout.linkerd.io/idle": "1m", "other": "x"}
    timeouts, problems = parse_timeout_annotations(annotations)
    assert timeouts == AnnotatedTimeouts(timedelta(milliseconds=600), None, timedelta(minutes=1))
    assert problems == ()


def test_every_wrong_timeout_is_reported_2_7() -> None:
    timeouts, problems = parse_timeout_annotations(
        {"timeout.linkerd.io/request": "1.5s", "timeout.linkerd.io/response": "2s", "timeout.linkerd.io/idle": "-1s"}
    )
    assert timeouts == AnnotatedTimeouts(response=timedelta(seconds=2))
    assert [problem.path for problem in problems] == [
        "metadata.annotations.timeout.linkerd.io/request",
        "metadata.annotations.timeout.linkerd.io/idle",
    ]


@pytest.mark.parametrize(
    ("http", "statuses"),
    [
        ("5xx", ((500, 599),)),
        ("5XX", ((500, 599),)),
        ("gateway-error", ((502, 504),)),
        ("503", ((503, 503),)),
        ("500-502,429", ((500, 502), (429, 429))),
    ],
)
def test_retried_statuses_2_9(http: str, statuses: tuple[tuple[int, int], ...]) -> None:
    assert parse_http_retry({"retry.linkerd.io/http": http}) == (HttpRetry(statuses=statuses), ())


@pytest.mark.parametrize("http", ["", "5xx, 429", "6xx", "99", "600", "504-500", "500-", "-500", "5xx,", "500-502-504"])
def test_wrong_retried_statuses_are_reported_2_9(http: str) -> None:
    retry, (problem,) = parse_http_retry({"retry.linkerd.io/http": http})
    assert retry is None
    assert problem.path == "metadata.annotations.retry.linkerd.io/http"


def test_only_a_limit_enables_retries_of_no_status_2_9() -> None:
    assert parse_http_retry({"retry.linkerd.io/limit": "3"}) == (HttpRetry(limit=3), ())


@pytest.mark.parametrize("written", [{}, {"retry.linkerd.io/limit": "0"}, {"retry.linkerd.io/timeout": "0s"}])
def test_nothing_written_or_zero_is_no_retry_2_9(written: dict[str, str]) -> None:
    assert parse_http_retry(written) == (None, ())


def test_the_limit_defaults_to_one_2_9() -> None:
    written = {"retry.linkerd.io/timeout": "400ms", "retry.linkerd.io/limit": "0"}
    assert parse_http_retry(written) == (HttpRetry(limit=1, timeout=timedelta(milliseconds=400)), ())


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "65536", ""])
def test_a_wrong_limit_is_reported_2_9(limit: str) -> None:
    assert len(parse_http_retry({"retry.linkerd.io/limit": limit})[1]) == 1
