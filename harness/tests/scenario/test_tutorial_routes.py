"""The tutorial's other scenarios, as written: what each state of the mesh must answer, and that variants agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE
from harness.scenario.actions import Scale
from harness.scenario.claims import Every, Share
from harness.scenario.latency import Latency
from harness.scenario.loading import load
from harness.scenario.model import Scenario, Step
from harness.scenario.project import Project
from harness.scenario.tables import Case, Each

ROOT = Path(__file__).parents[3]
TUTORIAL = ROOT / "scenarios/tutorial"
PROJECT = Project(ROOT)
GATEWAY_SCENARIOS = sorted(path.name for path in (TUTORIAL / "gateway").glob("*.yaml"))
GATEWAY_MANIFESTS = sorted(path.relative_to(ROOT) for path in (ROOT / "manifests").glob("*/gateway/*.yaml"))


def _scenario(name: str) -> Scenario:
    return load(TUTORIAL / f"{name}.yaml").scenario


def _cases(step: Step) -> list[Case]:
    return [
        case for expectation in step.then if isinstance(expectation.claim, Each) for case in expectation.claim.cases()
    ]


def _answers(scenario: Scenario, sender: str, request: str) -> list[str]:
    """What the sender's request is to be answered with, step by step; "" where it is not asked."""
    found = []
    for step in scenario.spec.steps:
        asked = [case for case in _cases(step) if case.sender == sender and str(case.request) == request]
        found.append(str(asked[0].wanted.status) if asked else "")
    return found


# -- per-route authorization (§7.4) ------------------------------------------------------------------------------------

AUTHORS = "http://authors.booksapp:7001"
GONE = "503 or 504"
STATES = [
    ("webapp", f"GET {AUTHORS}/authors.json", ["200", "403", "403", GONE, "", "200", "", "", "200"]),
    ("stranger", f"GET {AUTHORS}/authors.json", ["200", "403", "403", "", "", "403", "", "", ""]),
    ("stranger", f"GET {AUTHORS}/ping", ["200", "200", "404", "", "", "200", "", "", ""]),
    ("books", f"HEAD {AUTHORS}/authors/1.json", ["200", "403", "404", GONE, "", "404", "", "", "200"]),
    ("webapp", f"DELETE {AUTHORS}/authors/1.json", ["", "403", "404", "", "", "404", "403", "", ""]),
    ("webapp", f"POST {AUTHORS}/authors.json", ["", "", "", "", "", "404", "403", "201", ""]),
    ("books", f"POST {AUTHORS}/authors.json", ["", "", "", "", "", "", "", "403", ""]),
    ("webapp", "POST http://books.booksapp:7002/books.json", ["", "", "", "", "", "", "", "422", "201"]),
    ("traffic", "POST http://webapp.booksapp:7000/authors", ["", "", "", "", "", "500", "500", "303", ""]),
    ("traffic", "POST http://webapp.booksapp:7000/authors/1/delete", ["", "", "", "", "", "303", "500", "", ""]),
]


@pytest.mark.parametrize(("sender", "request_", "answers"), STATES, ids=[f"{s} {r}" for s, r, _ in STATES])
def test_each_state_of_the_policy_answers_as_the_rules_say(sender: str, request_: str, answers: list[str]) -> None:
    assert _answers(_scenario("per-route-authorization"), sender, request_) == answers


def test_who_refused_is_asked_only_where_the_clients_own_proxy_did() -> None:
    """§0.8: what the server's proxy made loses its mark on the way."""
    steps = _scenario("per-route-authorization").spec.steps
    marked = {step.name for step in steps for case in _cases(step) if case.wanted.by is not None}
    assert marked == {"readers may read, and nobody is there"}


def test_the_probe_is_seen_to_be_denied_while_there_is_time_to_ask() -> None:
    """Four failures a second apart leave three seconds for the questions, and six prove that the probe gets through."""
    first, closed = _scenario("per-route-authorization").spec.steps[:2]
    (patch,) = [action.patch for action in first.given if action.patch is not None]
    (container,) = patch.patch["spec"]["template"]["spec"]["containers"]
    probe = container["readinessProbe"]
    held = [e.resource.for_ for e in closed.then if e.resource is not None]
    assert held[0] is not None
    assert held[0].total_seconds() > probe["periodSeconds"] * (probe["failureThreshold"] + 1)


# -- timeouts (§7.2) ---------------------------------------------------------------------------------------------------


def _path_pattern(manifest: str) -> str:
    (route,) = PROJECT.manifests(manifest)
    value = route.obj["spec"]["rules"][0]["matches"][0]["path"]["value"]
    assert isinstance(value, str)
    return value


def test_the_printed_route_matches_no_author_and_the_one_that_was_meant_does() -> None:
    printed, meant = (
        _path_pattern(f"manifests/booksapp/timeouts-httproute{kind}.yaml") for kind in ("-as-printed", "")
    )
    assert printed == meant + '"'
    assert re.fullmatch(meant, "/authors/1.json")
    assert not re.fullmatch(printed, "/authors/1.json")


def test_the_backend_timeout_is_a_gap_of_newer_linkerds_alone() -> None:
    gaps = {e.expect: e.known_gap for _, e in _scenario("timeouts").expectations() if e.known_gap is not None}
    assert list(gaps) == ["cut-off-by-the-shorter-timeout", "504-comes-at-the-backend-timeout"]
    for gap in gaps.values():
        assert [gap.covers(dialect) for dialect in (LINKERD_2_14, LINKERD_EDGE)] == [False, True]


def test_no_time_can_be_taken_for_another() -> None:
    scenario = _scenario("timeouts")
    at_once, as_meant, request, backend = (
        {str(times) for times in claim.quantiles().values()}
        for claim in (scenario.claim_of(e) for _, e in scenario.expectations())
        if isinstance(claim, Latency)
    )
    assert at_once == {"..250ms"}
    assert request == {"550ms..700ms", "..900ms"}
    assert backend == as_meant == {"250ms..400ms"}


def test_the_visitor_begins_anew_or_stays_at_home() -> None:
    """One whose author vanished gives up, and waits longer each time before it tries again (§7.0.5)."""
    stories = (("fault-injection", [0, 1]), ("timeouts", [0, 1, 0]), ("per-route-authorization", [0]))
    for name, replicas in stories:
        scales = [a.work for step in _scenario(name).spec.steps for a in step.actions() if isinstance(a.work, Scale)]
        assert [(str(scale.deployment), scale.replicas) for scale in scales] == [
            ("booksapp/traffic", n) for n in replicas
        ]


# -- canary and header -------------------------------------------------------------------------------------------------


def test_the_canary_claims_the_weights_that_its_routes_have() -> None:
    scenario = _scenario("canary")
    for kind, share in (("90-10", 0.1), ("50-50", 0.5), ("0-100", 1.0)):
        path = f"manifests/podinfo/canary-{kind}-httproute.yaml"
        (route,) = PROJECT.manifests(path)
        old, new = route.obj["spec"]["rules"][0]["backendRefs"]
        assert (old["name"], new["name"]) == ("backend-a-podinfo", "backend-b-podinfo")
        assert new["weight"] / (old["weight"] + new["weight"]) == share
        (step,) = [step for step in scenario.spec.steps if any(a.apply == (path,) for a in step.when)]
        claimed = [c.is_ for c in map(scenario.claim_of, step.then) if isinstance(c, Share) and c.is_ is not None]
        assert claimed == ([share] if share < 1 else [])
    (watch,) = scenario.spec.always
    assert isinstance(watch.claim, Every)


def test_the_header_decides_by_its_value_and_not_by_the_case_of_its_name() -> None:
    scenario = _scenario("dynamic-request-routing")
    claim = scenario.claim_of(scenario.expectation("the-header-decides"))
    assert isinstance(claim, Each)
    said = {tuple(case.headers.items()): str(case.wanted.body_has)[-9:] for case in claim.cases()}
    assert said == {
        (): "A backend",
        (("x-request-id", "alternative"),): "B backend",
        (("x-request-id", "foo"),): "A backend",
        (("x-request-id", "alternative2"),): "A backend",
        (("x-request-id", "Alternative"),): "A backend",
        (("X-Request-ID", "alternative"),): "B backend",
    }


# -- the Gateway API's own kind ----------------------------------------------------------------------------------------


def _told(path: Path) -> Any:
    """The story without what a variant says of itself."""
    spec = load(path).scenario.spec.model_dump(exclude={"description", "requires"}, mode="json")
    return _in_place(spec)


def _in_place(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _in_place(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_in_place(value) for value in data]
    return data.replace("/gateway/", "/") if isinstance(data, str) and data.startswith("manifests/") else data


@pytest.mark.parametrize("name", GATEWAY_SCENARIOS)
def test_a_gateway_variant_tells_the_same_story(name: str) -> None:
    assert _told(TUTORIAL / "gateway" / name) == _told(TUTORIAL / name)
    used = (TUTORIAL / "gateway" / name).read_text()
    assert re.findall(r"manifests/\w+/(?!gateway/).*(?:route|policy)[\w-]*\.yaml", used) == []


@pytest.mark.parametrize("path", GATEWAY_MANIFESTS, ids=str)
def test_a_gateway_manifest_says_the_same(path: Path) -> None:
    ours = [manifest.obj for manifest in PROJECT.manifests(str(path.parent.parent / path.name))]
    theirs = [manifest.obj for manifest in PROJECT.manifests(str(path))]
    for our, their in zip(ours, theirs, strict=True):
        if our["kind"] == "HTTPRoute":
            assert (our["apiVersion"], their["apiVersion"]) == (
                "policy.linkerd.io/v1beta3",
                "gateway.networking.k8s.io/v1",
            )
        target = our["spec"].get("targetRef", {})
        expected = our["spec"] | ({"targetRef": target | {"group": "gateway.networking.k8s.io"}} if target else {})
        assert their["spec"] == expected
        assert their["metadata"] == our["metadata"]
