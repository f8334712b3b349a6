"""What a plain test's `mesh` does with claims, on senders that are made up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from harness.cluster.provider import Cluster
from harness.dialect import LINKERD_2_14
from harness.errors import Exit, InputError
from harness.kube.client import Kube
from harness.mesh.changes import Change
from harness.plain.claims import Broken, NotShown
from harness.plain.mesh import Mesh, played
from harness.plain.script import Script
from harness.run.always import StepChange
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
        script = Script.begin("a test", "What it shows.", __file__, project, LINKERD_2_14, test_line=1)
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


def test_a_refuted_claim_is_not_one_that_was_not_shown() -> None:
    """Who asks once more when the evidence was too little must not ask a refuted claim until it holds."""
    assert not issubclass(Broken, NotShown)
    assert issubclass(Broken, AssertionError)


def test_what_goes_on_meanwhile_is_about_its_block_alone(play: Play) -> None:
    with play(200) as (mesh, _):
        mesh._run.step_changes.append(StepChange("early", 0.0, time.monotonic()))
        with mesh.always(asks(mesh), every={"status": 200}):
            mesh._run.step_changes.append(StepChange("inside", time.monotonic(), time.monotonic()))
        (result,) = mesh._run.results
        assert ["early" in note for note in result.notes] == [False]
        assert "fell into 'inside'" in result.notes[0]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda mesh: mesh.apply("manifests/booksapp/error-injector.yaml", within="60"), "within: '60' is not a dur"),
        (lambda mesh: mesh.always(asks(mesh), every=200).__enter__(), "'every' is keys with values, not 200"),
    ],
)
def test_what_cannot_be_meant_has_the_tests_line(play: Play, wrong: Callable[[Mesh], None], sentence: str) -> None:
    with play(200) as (mesh, _), pytest.raises(InputError) as caught:
        wrong(mesh)
    (finding,) = caught.value.findings
    assert finding.message.startswith(sentence)
    assert finding.line == wrong.__code__.co_firstlineno


def test_keys_are_spelled_as_python_does_inside_too(play: Play) -> None:
    with play(200) as (mesh, plans):
        mesh.expect(asks(mesh, rate="10/s", ramp={"from_": "20/s", "over": "2s"})).every(status=200)
    assert (plans[0].ramp_from_per_second, plans[0].limit) == (20, 30)


def test_changes_are_waited_for_by_every_kind_of_request_and_as_long_as_any_may_take(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(ScenarioRun, "act", lambda self, place, actions: [cast(Change, None)])
    monkeypatch.setattr(ScenarioRun, "settle", lambda self, *given, within, place: waited.append(within))
    monkeypatch.setattr("harness.plain.mesh._is_seen", lambda change, asked: False)
    with play(200) as (mesh, _):
        mesh.apply("manifests/booksapp/error-injector.yaml", within="2m")
        mesh.apply("manifests/booksapp/error-split-httproute.yaml", within="10s")
        for headers in ({}, {}, {"x-user": "amy"}):
            mesh.expect(asks(mesh, headers=headers)).every(status=200)
    assert waited == [120, 120]
