"""What becomes of requests whose backend fails: waiting, retries, circuit breaking (§1.37, §2.10, §2.12, §4.3)."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.oracle import Outcome, Request, Sender, differences
from harness.tests.oracle.cluster import CLIENT, ask, only, route, rules_of, service, shop, to

BREAKING = "balancer.linkerd.io/failure-accrual"


@pytest.mark.parametrize(
    ("dialect", "limit", "timing", "rule"),
    [
        (LINKERD_2_14, "600ms", "cut off", "§2.12"),
        (LINKERD_2_14, "3s", "fail-fast", "§1.28"),
        (LINKERD_EDGE, "600ms", "fail-fast", "§1.28"),
    ],
)
def test_old_proxies_cut_off_who_waits_for_an_endpoint(dialect: Dialect, limit: str, timing: str, rule: str) -> None:
    """§2.12: newer ones look at the time only once an endpoint is there."""
    to_nobody = route("r", {"backendRefs": [to("other")], "timeouts": {"request": limit}})
    outcome = only(ask(shop(to_nobody, replicas=0, dialect=dialect)))
    assert (outcome.status, outcome.also, outcome.timing) == (504, (503,), timing)
    assert rule in rules_of(outcome)


def retried(*backends: Any, **annotations: str) -> dict[tuple[str, int | None], Fraction]:
    """The shares by answerer and status of a rule with these backends."""
    written = {f"retry.linkerd.io/{key}": value for key, value in annotations.items()}
    made = route("r", {"backendRefs": list(backends)}, annotations=written)
    outcomes = ask(shop(made, dialect=LINKERD_EDGE)).outcomes
    assert sum(outcome.probability for outcome in outcomes) == 1
    return {(outcome.by, outcome.status): outcome.probability for outcome in outcomes}


REFUSED = to("other", 1, port=9)
"""A port on which nobody listens: 502 (§1.26)."""


def test_each_attempt_draws_anew() -> None:
    """§1.37: of two attempts both must be refused."""
    assert retried(to("web", 3), REFUSED)["server's proxy", 502] == Fraction(1, 4)
    assert retried(to("web", 3), REFUSED, http="5xx")["server's proxy", 502] == Fraction(1, 16)
    assert retried(to("web", 3), REFUSED, http="502", limit="2")["server's proxy", 502] == Fraction(1, 64)
    assert retried(REFUSED, http="5xx")["server's proxy", 502] == 1


def test_what_is_not_among_the_statuses_stays() -> None:
    """§2.9: also if only a limit is written."""
    assert retried(to("web"), REFUSED, http="503")["server's proxy", 502] == Fraction(1, 2)
    assert retried(to("web"), REFUSED, limit="3")["server's proxy", 502] == Fraction(1, 2)


def test_a_backend_that_is_none_is_never_tried_again() -> None:
    """§2.10: so a fault that is injected through a missing Service cannot be masked."""
    assert retried(to("web"), to("nowhere"), http="5xx")["client's proxy", 500] == Fraction(1, 2)
    shares = retried(to("web", 2), to("nowhere", 1), REFUSED, http="5xx")
    assert shares["client's proxy", 500] == Fraction(1, 4) * (1 + Fraction(1, 4))


def of_web(annotations: dict[str, str], *more: Any, dialect: Dialect = LINKERD_EDGE, **asked: Any) -> Outcome:
    return only(ask(shop(service("web", annotations=annotations), *more, dialect=dialect), **asked))


def test_a_breaker_may_answer_for_an_application_that_fails() -> None:
    """§4.3, §4.4."""
    outcome = of_web({BREAKING: "consecutive", f"{BREAKING}-consecutive-max-failures": "3"})
    assert (outcome.by, outcome.status, outcome.also) == ("app", None, (504, 503))
    assert outcome.breaking is not None
    assert outcome.breaking.max_failures == 3
    assert "§4.3" in rules_of(outcome)


@pytest.mark.parametrize(
    "annotations", [{}, {BREAKING: "sometimes"}, {f"{BREAKING}-consecutive-max-failures": "3"}, {BREAKING: "2"}]
)
def test_without_the_mode_nothing_breaks(annotations: dict[str, str]) -> None:
    assert of_web(annotations).breaking is None


def test_the_service_that_is_asked_says_whether_circuits_break() -> None:
    """§4.5: whatever Service its route leads to, and for clients of the mesh alone."""
    away = route("r", {"backendRefs": [to("other")]})
    assert of_web({BREAKING: "consecutive"}, away).breaking is not None
    breaks = service("other", annotations={BREAKING: "consecutive"})
    assert only(ask(shop(breaks, away, dialect=LINKERD_EDGE))).breaking is None
    assert of_web({BREAKING: "consecutive"}, sender=Sender("shop", meshed=False)).breaking is None


def test_a_client_can_tell_a_breaker_from_none() -> None:
    asks = [(CLIENT, Request.of("GET", "http://web/"))]
    breaks = shop(service("web", annotations={BREAKING: "consecutive"}))
    assert differences(shop(), breaks, asks)
    assert not differences(breaks, breaks, asks)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST."])
def test_what_stays_in_the_pod_meets_no_proxy(host: str) -> None:
    """§3.5: not even one that lets nobody in."""
    outcome = only(ask(shop(), host=f"{host}:8080", sender=Sender("shop", "web")))
    assert (outcome.by, outcome.workload, outcome.allowed) == ("app", ("shop", "web"), None)
    assert rules_of(outcome) == {"§3.5"}
    unknown = only(ask(shop(), host=f"{host}:9", sender=Sender("shop", "web")))
    assert (unknown.by, unknown.workload) == ("app", None)


def test_a_limit_of_three_seconds_is_that_of_waiting() -> None:
    """§4.2."""
    limited = route("r", {"backendRefs": [to("other")], "timeouts": {"request": "10s"}})
    outcome = only(ask(shop(limited, replicas=0)))
    assert outcome.limits.request == timedelta(seconds=10)
    assert outcome.timing == "fail-fast"
