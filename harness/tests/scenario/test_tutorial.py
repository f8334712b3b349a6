"""The project's own scenario and fixtures, as written: a change of what they promise must be meant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from harness.dialect import LINKERD_2_14
from harness.scenario.actions import Apply, Delete, Scale, UnsetEnv, Wait
from harness.scenario.claims import Every, Share
from harness.scenario.expectations import Metrics, Send
from harness.scenario.lint import load_checked
from harness.scenario.loading import LoadedScenario
from harness.scenario.model import PodSender
from harness.scenario.project import Project
from harness.scenario.words import ObjectName, Statuses

ROOT = Path(__file__).parents[3]
FAULT_INJECTION = ROOT / "scenarios/tutorial/fault-injection.yaml"


@pytest.fixture(scope="module")
def fault_injection() -> LoadedScenario:
    (loaded,) = load_checked([FAULT_INJECTION]).scenarios
    return loaded


def test_nothing_is_wrong_with_any_scenario_in_either_dialect() -> None:
    old, new = (load_checked([ROOT / "scenarios"], profile) for profile in ("embedded", "embedded-edge"))
    names = [
        "calls",
        "canary",
        "dynamic-request-routing",
        "fault-injection",
        "per-route-authorization",
        "timeouts",
        "gateway-dynamic-request-routing",
    ]
    only_new = ["methods", "gateway-per-route-authorization", "gateway-timeouts"]
    assert [loaded.scenario.name for loaded in old.scenarios] == names
    assert [skipped.name for skipped in old.skipped] == only_new
    assert {loaded.scenario.name for loaded in new.scenarios} == {*names, *only_new}
    assert new.skipped == ()


def test_fault_injection_tells_the_story_of_the_article(fault_injection: LoadedScenario) -> None:
    steps = fault_injection.scenario.spec.steps
    assert [[action.work for action in step.actions()] for step in steps] == [
        [
            Scale(deployment=ObjectName("booksapp", "traffic"), replicas=0),
            UnsetEnv(deployment=ObjectName("booksapp", "authors"), variable="FAILURE_RATE"),
            Wait(rollout=ObjectName("booksapp", "authors"), within=timedelta(minutes=2)),
            Scale(deployment=ObjectName("booksapp", "traffic"), replicas=1),
        ],
        [
            Apply(("manifests/booksapp/error-injector.yaml",)),
            Wait(rollout=ObjectName("booksapp", "error-injector"), within=timedelta(minutes=2)),
            Apply(("manifests/booksapp/error-split-httproute.yaml",)),
        ],
        [Delete(("manifests/booksapp/error-split-httproute.yaml",))],
    ]
    assert [step.settle.within if step.settle else None for step in steps] == [
        None,
        timedelta(seconds=60),
        timedelta(seconds=60),
    ]


def test_fault_injection_claims_what_the_article_shows(fault_injection: LoadedScenario) -> None:
    scenario = fault_injection.scenario
    claims = {expectation.expect: scenario.claim_of(expectation) for _, expectation in scenario.expectations()}
    assert list(claims) == [
        "books-never-fails",
        "one-call-in-ten-gets-500",
        "nothing-but-200-and-500",
        "authors-calls-are-not-split",
        "the-page-fails-as-the-call-graph-says",
        "books-recovers",
    ]
    split, page = claims["one-call-in-ten-gets-500"], claims["the-page-fails-as-the-call-graph-says"]
    assert isinstance(split, Share)
    assert (split.of.status, split.is_, split.resolution) == (Statuses((500,)), 0.1, 0.05)
    assert isinstance(page, Share)
    assert (page.of.class_, page.is_, page.resolution) == ("success", 0.889, 0.04)
    assert claims["books-recovers"] == claims["books-never-fails"]
    assert isinstance(claims["authors-calls-are-not-split"], Every)


def test_fault_injection_asks_as_webapp(fault_injection: LoadedScenario) -> None:
    scenario = fault_injection.scenario
    sender = scenario.spec.senders["webapp"]
    assert isinstance(sender, PodSender)
    assert (sender.namespace, sender.service_account, sender.meshed) == ("booksapp", "webapp", True)
    sources = [scenario.source_of(expectation) for _, expectation in scenario.expectations()]
    assert {source.from_ for source in sources if isinstance(source, Send)} == {"webapp"}
    (window,) = (source for source in sources if isinstance(source, Metrics))
    assert (window.proxy, window.without) == (ObjectName("booksapp", "webapp"), "probes")


def test_every_expectation_can_be_found_in_its_file(fault_injection: LoadedScenario) -> None:
    lines = FAULT_INJECTION.read_text().splitlines()
    for _, expectation in fault_injection.scenario.expectations():
        line = fault_injection.expectation_line(expectation.expect)
        assert lines[line - 1].strip() == f"- expect: {expectation.expect}"


def test_the_default_profile_is_the_embedded_cluster_of_the_article() -> None:
    name, profile = Project(ROOT).profile()
    assert (name, profile.provider) == ("embedded", "embedded")
    assert profile.rules is LINKERD_2_14
    assert set(profile.provides) == {"linkerd", "linkerd-viz"}
    assert profile.pace.window(timedelta(minutes=2)) < timedelta(minutes=2)


def test_booksapp_is_installed_namespace_first() -> None:
    app = Project(ROOT).app("booksapp")
    files = ("namespace.yaml", "booksapp.yaml", "ingress.yaml")
    assert app.spec.manifests == tuple(f"manifests/booksapp/{file}" for file in files)
    assert {name.name for name in app.spec.ready} == {"webapp", "authors", "books", "traffic"}
    first = Project(ROOT).manifests(app.spec.manifests[0])[0]
    assert (first.kind, first.namespace, str(first)) == ("Namespace", "", "Namespace booksapp")
