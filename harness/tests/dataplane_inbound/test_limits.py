"""Timeouts and retries by annotation: what is compiled, and what a real proxy does (section 2)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.dataplane.compile.limits import Limits, rule_limits, service_limits
from harness.embedded.dataplane.snapshot import Pod, RouteInForce
from harness.resources.annotations import HttpRetry
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP, Rule, Timeouts
from harness.tests.dataplane.builders import route, service, to
from harness.tests.dataplane.live import LiveMesh, live_mesh

REQUEST, IDLE, LIMIT = "timeout.linkerd.io/request", "timeout.linkerd.io/idle", "retry.linkerd.io/limit"
HTTP, TRY = "retry.linkerd.io/http", "retry.linkerd.io/timeout"


def ms(number: int) -> timedelta:
    return timedelta(milliseconds=number)


def annotated(made: RouteInForce, annotations: Mapping[str, str]) -> RouteInForce:
    return replace(made, route=replace(made.route, annotations=annotations))


WRITTEN = Timeouts(request=ms(600), backend_request=ms(300))


@pytest.mark.parametrize(
    ("timeouts", "on_route", "on_service", "expected"),
    [
        (Timeouts(), {}, {}, Limits()),
        (WRITTEN, {}, {}, Limits(ms(600))),  # §2.5
        (WRITTEN, {REQUEST: "1s"}, {}, Limits(ms(1000))),
        (WRITTEN, {}, {REQUEST: "1s"}, Limits(ms(600))),
        (Timeouts(), {}, {REQUEST: "1s", IDLE: "2s"}, Limits(ms(1000), ms(2000))),
        (Timeouts(), {IDLE: "2s"}, {REQUEST: "1s"}, Limits(idle=ms(2000))),  # any one of the route's is enough
        (Timeouts(), {REQUEST: "0s"}, {REQUEST: "1s"}, Limits(ms(1000))),
        (Timeouts(), {"timeout.linkerd.io/response": "3s", REQUEST: "5s"}, {}, Limits(ms(3000))),
        (Timeouts(), {}, {REQUEST: "1.5s", IDLE: "2s"}, Limits()),  # §2.7
        (WRITTEN, {}, {LIMIT: "3", TRY: "100ms"}, Limits(ms(600), attempt=ms(100), retry=HttpRetry(3, ms(100)))),
        (Timeouts(), {HTTP: "5xx"}, {LIMIT: "3"}, Limits(retry=HttpRetry(1, None, ((500, 599),)))),
        (Timeouts(), {}, {HTTP: "5xx, 404"}, Limits()),
    ],
)
def test_what_holds_for_a_rule_2_6(
    timeouts: Timeouts, on_route: dict[str, str], on_service: dict[str, str], expected: Limits
) -> None:
    made = annotated(route("r"), on_route).route
    assert rule_limits(made, timeouts, on_service, LINKERD_EDGE) == expected
    if timeouts == Timeouts() and not on_route:
        assert service_limits(on_service, LINKERD_EDGE) == expected


@pytest.mark.parametrize(
    ("group", "expected"), [(POLICY_GROUP, Limits(ms(600), attempt=ms(300))), (GATEWAY_GROUP, Limits())]
)
def test_2_14_knows_fields_of_its_own_group_and_no_annotations_2_4_2_5(group: str, expected: Limits) -> None:
    made = annotated(route("r", group=group), {REQUEST: "1s", HTTP: "5xx"}).route
    assert rule_limits(made, WRITTEN, {REQUEST: "2s"}, LINKERD_2_14) == expected
    assert service_limits({REQUEST: "2s"}, LINKERD_2_14) == Limits()


def run(test: Callable[[LiveMesh, Pod, Pod], Awaitable[None]], dialect: Dialect = LINKERD_EDGE) -> None:
    async def main() -> None:
        async with live_mesh(dialect) as mesh:
            await test(mesh, await mesh.app("webapp", listening=False), await mesh.app("books"))

    asyncio.run(main())


@pytest.mark.cluster
def test_a_timeout_on_a_service_answers_504_at_its_time_2_2() -> None:
    async def test(mesh: LiveMesh, webapp: Pod, books: Pod) -> None:
        limited = service("books", books.endpoint.pod_ip, annotations={REQUEST: "150ms"})
        await mesh.push(webapp, books, limited)
        start = time.monotonic()
        answer = await mesh.get(webapp, "http://books:7000/slow")
        assert time.monotonic() - start > 0.13  # not refused at once
        assert (answer.status, answer.body) == (504, "")
        assert (await mesh.get(webapp, "http://books:7000/")).status == 200

    run(test)


@pytest.mark.cluster
def test_retries_are_attempts_and_the_last_answer_counts_2_10() -> None:
    async def test(mesh: LiveMesh, webapp: Pod, books: Pod) -> None:
        again = annotated(route("again", Rule()), {HTTP: "503", LIMIT: "2"})
        await mesh.push(webapp, books, service("books", books.endpoint.pod_ip), again)
        statuses = [(await mesh.get(webapp, f"http://books:7000/status/{code}")).status for code in (503, 500)]
        assert statuses == [503, 500]
        arrived = {
            code: sum(
                sample.value
                for sample in await mesh.counted(books)
                if sample.name == "response_total" and dict(sample.labels).get("status_code") == code
            )
            for code in ("503", "500")
        }
        assert arrived == {"503": 3, "500": 1}

    run(test)


@pytest.mark.cluster
def test_another_attempt_goes_to_another_backend_1_37() -> None:
    """Half of the draws fail: Linkerd would draw again among all, this proxy draws among those not tried yet."""

    async def test(mesh: LiveMesh, webapp: Pod, books: Pod) -> None:
        broken = await mesh.app("broken", listening=False)
        services = [service("books", books.endpoint.pod_ip), service("broken", broken.endpoint.pod_ip)]
        split = route("split", Rule(backend_refs=(to("books"), to("broken"))))
        seen = {}
        for name, retry in (("without", {}), ("with", {HTTP: "gateway-error"})):
            await mesh.push(webapp, books, broken, *services, annotated(split, retry))
            answers = await asyncio.gather(*(mesh.get(webapp, "http://books:7000/") for _ in range(200)))
            seen[name] = Counter(answer.status for answer in answers)
        assert 65 <= seen["without"][502] <= 135
        assert seen["with"] == {200: 200}

    run(test)


@pytest.mark.cluster
def test_the_500_of_a_missing_backend_is_not_tried_again_2_10() -> None:
    async def test(mesh: LiveMesh, webapp: Pod, books: Pod) -> None:
        split = annotated(route("split", Rule(backend_refs=(to("books"), to("nope")))), {HTTP: "5xx", LIMIT: "5"})
        await mesh.push(webapp, books, service("books", books.endpoint.pod_ip), split)
        answers = await asyncio.gather(*(mesh.get(webapp, "http://books:7000/") for _ in range(200)))
        assert 65 <= sum(answer.status == 500 for answer in answers) <= 135

    run(test)


@pytest.mark.cluster
def test_the_timeout_of_an_attempt_spares_the_last_2_10() -> None:
    """An application that is always too slow for it is asked once more, whatever the statuses, and then waited for."""

    async def test(mesh: LiveMesh, webapp: Pod, books: Pod) -> None:
        hasty = service("books", books.endpoint.pod_ip, annotations={TRY: "100ms", LIMIT: "2"})
        await mesh.push(webapp, books, hasty)
        answer = await mesh.get(webapp, "http://books:7000/slow")
        assert (answer.status, answer.by) == (200, "books")
        arrived = [one.value for one in await mesh.counted(books) if one.name == "request_total"]
        assert sum(arrived) == 3
        limited = service("books", books.endpoint.pod_ip, annotations={TRY: "100ms", REQUEST: "350ms"})
        await mesh.push(webapp, books, limited)
        assert (await mesh.get(webapp, "http://books:7000/slow")).status == 504

    run(test)
