"""Circuit breaking in a real proxy (§4.3 to §4.5)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.embedded.dataplane.compile import compile_snapshot
from harness.embedded.dataplane.snapshot import Pod, RouteInForce, ServiceState
from harness.resources.circuit_breaking import CONSECUTIVE, MODE
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import pod, route, service, snapshot, to
from harness.tests.dataplane.live import Answer, LiveMesh
from harness.tests.dataplane.test_live_routing import run

LONG = {MODE: "consecutive", f"{CONSECUTIVE}max-failures": "3", f"{CONSECUTIVE}min-penalty": "1m"}
"""Nobody comes back while a test runs."""
SHORT = {**LONG, f"{CONSECUTIVE}min-penalty": "200ms", f"{CONSECUTIVE}jitter-ratio": "0"}


SPARE = 20
"""Requests that a busy machine may send before a decision to give an endpoint up is in force."""


@dataclass
class Health:
    """What an application answers now."""

    status: int = 200


async def ask(mesh: LiveMesh, client: Pod, times: int, path: str = "/") -> list[Answer]:
    return [await mesh.get(client, f"http://books:7000{path}") for _ in range(times)]


async def until_given_up(mesh: LiveMesh, client: Pod, path: str = "/") -> list[Answer]:
    """What is answered until the client's proxy says that nobody is left, that answer included.

    Envoy counts failures where requests are sent and gives endpoints up in another thread, so requests that follow at
    once may still get through.
    """
    answers: list[Answer] = []
    while not answers or answers[-1].status != 504:
        answers += await ask(mesh, client, 1, path)
        assert len(answers) <= 3 + SPARE
    return answers


async def pair(mesh: LiveMesh, annotations: dict[str, str], sick: Health) -> tuple[Pod, list[Pod | ServiceState]]:
    """A client, and a Service with a healthy endpoint and one whose health the test decides."""
    webapp, good = await mesh.app("webapp", listening=False), await mesh.app("good")
    bad = await mesh.app("bad", answers=lambda _: sick.status)
    books = service("books", good.endpoint.pod_ip, bad.endpoint.pod_ip, annotations=annotations)
    return webapp, [webapp, good, bad, books]


@pytest.mark.cluster
def test_an_endpoint_that_fails_in_a_row_is_avoided() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, parts = await pair(mesh, LONG, Health(503))
        await mesh.push(*parts)
        answers = await ask(mesh, webapp, 3 * SPARE)
        seen = Counter((answer.by, answer.status) for answer in answers)
        assert set(seen) == {("bad", 503), ("good", 200)}
        assert 3 <= seen["bad", 503] <= 3 + SPARE / 2
        assert {answer.by for answer in answers[-SPARE:]} == {"good"}

    run(test)


@pytest.mark.cluster
@pytest.mark.parametrize("annotations", [{}, {**LONG, MODE: "unified"}, {**LONG, f"{CONSECUTIVE}max-failures": "many"}])
def test_without_valid_annotations_nothing_is_avoided(annotations: dict[str, str]) -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp, parts = await pair(mesh, annotations, Health(503))
        await mesh.push(*parts)
        seen = Counter(answer.by for answer in await ask(mesh, webapp, 60))
        assert seen["bad"] > 10

    run(test)


@pytest.mark.cluster
def test_what_is_no_failure_begins_the_count_anew() -> None:
    """§4.3: a 4xx counts like a success."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
        await mesh.push(webapp, books, service("books", books.endpoint.pod_ip, annotations=LONG))
        for between in (200, 404, 429):
            for status in (500, 500, between):
                assert (await ask(mesh, webapp, 1, f"/status/{status}"))[0].status == status
        assert [answer.status for answer in await ask(mesh, webapp, 3, "/status/500")] == [500] * 3
        assert (await until_given_up(mesh, webapp, "/status/500"))[-1].status == 504

    run(test)


@pytest.mark.cluster
def test_an_only_endpoint_is_given_up_and_comes_back() -> None:
    """§4.4."""

    async def test(mesh: LiveMesh) -> None:
        webapp, health = await mesh.app("webapp", listening=False), Health(500)
        books = await mesh.app("books", answers=lambda _: health.status)
        await mesh.push(webapp, books, service("books", books.endpoint.pod_ip, annotations=SHORT))
        *failed, refused = await until_given_up(mesh, webapp)
        assert [answer.status for answer in failed[:3]] == [500] * 3
        assert (refused.status, refused.error) == (504, "service in fail-fast")
        health.status = 200
        while (answer := (await ask(mesh, webapp, 1))[0]).status == 504:
            pass
        assert answer.by == "books"

    run(test)


@pytest.mark.cluster
def test_the_service_that_is_asked_decides_and_nobody_else_suffers() -> None:
    """§4.5: its clients give up the endpoints of every backend; through another Service they are as good as ever."""

    async def test(mesh: LiveMesh) -> None:
        webapp, other = await mesh.app("webapp", listening=False), await mesh.app("other", listening=False)
        injector = await mesh.app("injector", answers=lambda _: 500)
        books = service("books", annotations=LONG)
        errors = service("errors", injector.endpoint.pod_ip)
        split = route("split", Rule(backend_refs=(to("errors"),)))
        await mesh.push(webapp, other, injector, books, errors, split)
        assert [answer.status for answer in await until_given_up(mesh, webapp)][:3] == [500] * 3
        direct = [(await mesh.get(webapp, "http://errors:7000/")).status for _ in range(6)]
        assert direct == [500] * 6
        assert (await ask(mesh, other, 1))[0].status == 500  # another pod's proxy has seen no failure yet

    run(test)


def test_a_pod_outside_the_mesh_breaks_nothing() -> None:
    outsider = pod("outsider", "127.77.64.8", meshed=False)
    books: list[Pod | ServiceState | RouteInForce] = [outsider, service("books", "127.77.64.2", annotations=LONG)]
    compiled = compile_snapshot(snapshot(*books), Path("/run"))
    assert not [name for name, cluster in compiled.clusters.items() if "outlier_detection" in cluster]


@pytest.mark.parametrize("failures", [3, 5])
def test_an_endpoint_is_given_up_after_as_many_failures_as_the_annotation_says(failures: int) -> None:
    """§4.3; exactly so many, which the tests on traffic cannot see, as requests under way still get through."""
    annotations = {**LONG, f"{CONSECUTIVE}max-failures": str(failures)}
    books: list[Pod | ServiceState | RouteInForce] = [
        pod("webapp", "127.77.64.8"),
        service("books", "127.77.64.2", annotations=annotations),
    ]
    compiled = compile_snapshot(snapshot(*books), Path("/run"))
    said = [cluster["outlier_detection"] for cluster in compiled.clusters.values() if "outlier_detection" in cluster]
    assert {one["consecutive_5xx"] for one in said} == {failures}
