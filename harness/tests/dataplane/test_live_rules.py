"""Which rule wins in a real proxy, against the rules word by word (1D, 1E)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.embedded.dataplane.snapshot import Pod, RouteInForce
from harness.resources.filters import Header, ResponseHeaderModifier
from harness.tests.dataplane.builders import service
from harness.tests.dataplane.live import LiveMesh, live_mesh
from harness.tests.dataplane.promised import winner
from harness.tests.dataplane.proxy_reading import Asked
from harness.tests.dataplane.test_precedence import REQUESTS, ROUTES

pytestmark = pytest.mark.cluster


def telling(in_force: RouteInForce) -> RouteInForce:
    """The same route, whose answers say which rule they come from."""
    route = in_force.route
    rules = tuple(
        replace(
            rule, backend_refs=(), filters=(ResponseHeaderModifier(set=(Header("rule", f"{route.name}/{number}"),)),)
        )
        for number, rule in enumerate(route.rules)
    )
    return replace(in_force, route=replace(route, rules=rules))


async def compare(mesh: LiveMesh, webapp: Pod, books: Pod, routes: list[RouteInForce], requests: list[Asked]) -> None:
    books_service = service("books", books.endpoint.pod_ip, cluster_ip="127.77.1.5")
    await mesh.push(webapp, books, books_service, *map(telling, routes))
    older_first = sorted((item.route for item in routes), key=lambda item: (item.creation_timestamp, item.name))
    for asked in requests:
        headers = {name.replace("-", "_"): value for name, value in asked.headers.items()}
        answer = await mesh.get(webapp, f"http://{asked.authority}{asked.target}", method=asked.method, **headers)
        expected = winner(older_first, asked)
        seen = answer.headers.get("rule") if answer.status == 200 else answer.status
        assert seen == (404 if expected is None else f"{expected[0].name}/{expected[1]}"), asked


def test_the_real_proxy_answers_as_the_rules_say() -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        mesh = runner.run(stack.enter_async_context(live_mesh()))
        webapp, books = (runner.run(mesh.app(name)) for name in ("webapp", "books"))

        @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(ROUTES, st.lists(REQUESTS, min_size=4, max_size=8))
        def check(routes: list[RouteInForce], requests: list[Asked]) -> None:
            runner.run(compare(mesh, webapp, books, routes, requests))

        try:
            check()
        finally:
            runner.run(stack.aclose())
