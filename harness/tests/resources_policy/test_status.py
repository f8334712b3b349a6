"""Status of routes under Servers (§1.63, §1.66) and of rate limits (§3.27)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.apiserver.api import MERGE_PATCH, Api
from harness.embedded.controllers.rate_limits import (
    RateLimitStatusController,
    rate_limit_controllers,
    rate_limit_status,
)
from harness.resources.rate_limits import parse_rate_limit_policy
from harness.tests.resources_policy.cluster import (
    GATEWAY_ROUTES,
    POLICY_ROUTES,
    RATE_LIMITS,
    SERVERS,
    add,
    policy_api,
    with_controllers,
)
from harness.tests.resources_policy.documents import CREATED, LATER, Obj, rate_limit, server, server_route, target
from harness.tests.routes_status.cluster import until

NOW, THEN = "2024-06-01T00:00:00Z", "2024-05-31T00:00:00Z"
TOTAL = {"requestsPerSecond": 5}
ROUTES = [(POLICY_ROUTES, "policy.linkerd.io"), (GATEWAY_ROUTES, "gateway.networking.k8s.io")]


def conditions(api: Api, key: str, name: str) -> list[tuple[str, str, str]]:
    status: dict[str, Any] = api.get(key, "booksapp", name).get("status") or {}
    entries = status.get("parents") or [status]
    found = [condition for entry in entries for condition in entry.get("conditions") or ()]
    return [(condition["type"], condition["status"], condition["reason"]) for condition in found]


ACCEPTED = [("Accepted", "True", "Accepted")]
NO_PARENT = [("Accepted", "False", "NoMatchingParent")]
NO_TARGET = [("Accepted", "False", "NoMatchingTarget")]
EXISTS = [("Accepted", "False", "RateLimitReasonAlreadyExists")]


@pytest.mark.parametrize("dialect", [LINKERD_2_14, LINKERD_EDGE], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("key", "group"), ROUTES, ids=[group for _, group in ROUTES])
def test_a_route_follows_its_server_1_63_1_66(key: str, group: str, dialect: Dialect) -> None:
    api = policy_api(dialect)
    written = server(version="v1beta1")

    async def story() -> None:
        add(api, key, server_route("get", group=group))
        await until(api, lambda: conditions(api, key, "get") == NO_PARENT)
        add(api, SERVERS, written)
        await until(api, lambda: conditions(api, key, "get") == ACCEPTED)
        api.delete(SERVERS, "booksapp", "authors-server")
        await until(api, lambda: conditions(api, key, "get") == NO_PARENT)
        add(api, SERVERS, written)
        await until(api, lambda: conditions(api, key, "get") == ACCEPTED)

    with_controllers(api, dialect, story)
    (parent,) = api.get(key, "booksapp", "get")["status"]["parents"]
    assert parent["parentRef"] == target("Server", "authors-server") | {"namespace": "booksapp"}


def test_a_rate_limit_follows_its_server_and_its_rivals_3_27() -> None:
    api = policy_api(LINKERD_EDGE)

    async def story() -> None:
        add(api, RATE_LIMITS, rate_limit("b", total=TOTAL))
        await until(api, lambda: conditions(api, RATE_LIMITS, "b") == NO_TARGET)
        add(api, SERVERS, server())
        await until(api, lambda: conditions(api, RATE_LIMITS, "b") == ACCEPTED)
        add(api, RATE_LIMITS, rate_limit("c", total=TOTAL))
        await until(api, lambda: conditions(api, RATE_LIMITS, "c") == EXISTS)
        away = {"spec": {"targetRef": {"name": "books-server"}}}
        api.patch(RATE_LIMITS, "booksapp", "b", away, MERGE_PATCH)
        await until(api, lambda: conditions(api, RATE_LIMITS, "c") == ACCEPTED)
        await until(api, lambda: conditions(api, RATE_LIMITS, "b") == NO_TARGET)
        api.delete(RATE_LIMITS, "booksapp", "c")
        back = {"spec": {"targetRef": {"name": "authors-server"}}}
        api.patch(RATE_LIMITS, "booksapp", "b", back, MERGE_PATCH)
        await until(api, lambda: conditions(api, RATE_LIMITS, "b") == ACCEPTED)
        api.delete(SERVERS, "booksapp", "authors-server")
        await until(api, lambda: conditions(api, RATE_LIMITS, "b") == NO_TARGET)

    with_controllers(api, LINKERD_EDGE, story)
    assert api.get(RATE_LIMITS, "booksapp", "b")["status"]["targetRef"] == target("Server", "authors-server")


def test_a_limit_that_targets_no_server_anymore_keeps_its_status() -> None:
    api = policy_api(LINKERD_EDGE)
    add(api, SERVERS, server())
    add(api, RATE_LIMITS, rate_limit("r", total=TOTAL))
    controller = RateLimitStatusController(api)
    controller.reconcile("booksapp", "r")
    stored = api.get(RATE_LIMITS, "booksapp", "r")
    assert conditions(api, RATE_LIMITS, "r") == ACCEPTED
    unreadable = {**stored, "spec": {"targetRef": {"kind": "Pod", "name": "p"}}}
    api.store.put(api.kind(RATE_LIMITS), unreadable)  # as if the webhook had been away (§1.73)
    controller.reconcile("booksapp", "r")
    assert conditions(api, RATE_LIMITS, "r") == ACCEPTED


def test_nothing_new_writes_nothing() -> None:
    api = policy_api(LINKERD_EDGE)
    add(api, SERVERS, server())
    add(api, RATE_LIMITS, rate_limit("r", total=TOTAL))
    times = iter((datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)))
    controller = RateLimitStatusController(api, lambda: next(times))
    controller.reconcile("booksapp", "r")
    first = api.get(RATE_LIMITS, "booksapp", "r")
    controller.reconcile("booksapp", "r")
    assert api.get(RATE_LIMITS, "booksapp", "r") == first
    assert first["metadata"]["generation"] == 1


def test_what_is_gone_is_left_alone() -> None:
    RateLimitStatusController(policy_api(LINKERD_EDGE)).reconcile("booksapp", "r")


def test_2_14_has_no_controller_for_rate_limits_3_27() -> None:
    assert rate_limit_controllers(policy_api(LINKERD_2_14), LINKERD_2_14) == []


RIVALS: dict[str, tuple[Obj, list[Obj], bool, str]] = {
    "alone": (rate_limit("r"), [], True, "Accepted"),
    "the oldest": (rate_limit("z"), [rate_limit("a", created=LATER)], True, "Accepted"),
    "a younger one": (rate_limit("a", created=LATER), [rate_limit("z")], True, "RateLimitReasonAlreadyExists"),
    "first by name": (rate_limit("a"), [rate_limit("b")], True, "Accepted"),
    "second by name": (rate_limit("b"), [rate_limit("a")], True, "RateLimitReasonAlreadyExists"),
    "of another Server": (rate_limit("b"), [rate_limit("a", "books-server")], True, "Accepted"),
    "without a Server": (rate_limit("a"), [], False, "NoMatchingTarget"),
}


@pytest.mark.parametrize("case", RIVALS)
def test_reasons_3_27(case: str) -> None:
    own, others, has_server, reason = RIVALS[case]
    policy = parse_rate_limit_policy(own)
    rivals = [policy, *map(parse_rate_limit_policy, others)]
    status = rate_limit_status(policy, rivals, {}, has_server=has_server, now=NOW)
    assert [(found["status"] == "True", found["reason"]) for found in status["conditions"]] == [
        (reason == "Accepted", reason)
    ]


def test_what_has_not_changed_keeps_its_time() -> None:
    policy = parse_rate_limit_policy(rate_limit("r"))
    before = rate_limit_status(policy, [policy], {}, has_server=True, now=THEN)
    assert rate_limit_status(policy, [policy], before, has_server=True, now=NOW) == before
    changed = rate_limit_status(policy, [policy], before, has_server=False, now=NOW)
    assert changed["conditions"][0]["lastTransitionTime"] == NOW
    assert policy.creation_timestamp == CREATED
