"""What a plain test's `mesh` does with claims, on senders that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from harness.cluster.provider import Cluster
from harness.dialect import LINKERD_2_14
from harness.errors import Exit
from harness.kube.client import Kube
from harness.plain.mesh import Mesh, played
from harness.plain.script import Script
from harness.run.scenario_run import ScenarioRun
from harness.run.session import Session
from harness.scenario.clusters import Pace
from harness.scenario.project import Project
from harness.tests.run.test_judging import sender
from harness.traffic.plan import Plan

URL = "http://books:7002/x"
Play = Callable[..., AbstractContextManager[tuple[Mesh, list[Plan]]]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """A mesh whose sender «webapp» meets these fates, and the plans that were sent."""

    @contextmanager
    def playing(*fates: int, **more: Any) -> Iterator[tuple[Mesh, list[Plan]]]:
        fake, plans = sender(*fates, **more)
        monkeypatch.setattr("harness.run.scenario_run.start_senders", lambda *given: {"webapp": fake})
        project = Project(Path(__file__).parents[3])
        script = Script.begin("a test", "What it shows.", __file__, project, LINKERD_2_14)
        cluster = Cluster("made-up", Path("kubeconfig"), LINKERD_2_14)
        kube = cast(Kube, None)
        run = ScenarioRun(
            script.loaded(), project, kube, cluster, "x", Pace.model_construct(), lambda event: None, lambda: None
        )
        ended = (Exit.HELD, "")
        with played(run, script, cast(Session, None), lambda: 1e-6, hint="", ended=lambda: ended) as mesh:
            mesh.step("the test")
            mesh.sender("webapp", namespace="booksapp", meshed=False)
            yield mesh, plans

    return playing


def asks(mesh: Mesh, **more: Any) -> Any:
    """Requests of «webapp»."""
    return mesh._requests({"from": "webapp", "request": f"GET {URL}", **more})


def test_second_questions_look_at_whatever_they_like(play: Play) -> None:
    with play(200, headers={"x-served-by": "v2"}, body_start="hello") as (mesh, plans):
        first = mesh.expect(asks(mesh)).every(status=200)
        second = mesh.expect(first).every(body_has="hello")
        third = mesh.expect(second).every(header={"X-Served-By": "v2"})
        assert len(plans) == 1
        assert first.outcomes == second.outcomes == third.outcomes
        assert len(first.outcomes) == 20
