"""`signalbox explain`, as a person and a tool see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.errors import InputError
from harness.forecast.differences import DIFFERENCES
from harness.scenario.project import Project
from harness.tests.oracle.cluster import ROOT

BOOKSAPP = [f"manifests/booksapp/{name}.yaml" for name in ("namespace", "booksapp")]


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["explain", *arguments])


def ask(
    url: str, *more: str, method: str = "GET", sender: str = "booksapp/webapp", options: tuple[str, ...] = ()
) -> Result:
    """What is said about a request in booksapp with these manifests of its own."""
    files = [*BOOKSAPP, *(f"manifests/booksapp/{name}.yaml" for name in more)]
    named = [option for file in files for option in ("-f", str(ROOT / file))]
    return explain("--from", sender, method, url, *named, *options)


def test_a_refusal_names_the_hops_and_their_rules() -> None:
    output = ask("http://authors:7001/authors/1.json", "timeouts-httproute-as-printed").output
    assert "GET http://authors:7001/authors/1.json   from booksapp/webapp (meshed)" in output
    assert "100%  404 by the client's own proxy, at once" in output
    assert output.index("§1.46") < output.index("§1.18")
    assert 'not matched by /authors/[^/]*\\.json"' in output


def test_a_split_names_both_sides() -> None:
    output = ask("http://books:7002/books.json", "error-injector", "error-split-httproute").output
    assert "90%  the app of booksapp/books answers" in output
    assert "10%  the app of booksapp/error-injector answers 500" in output
    assert "HTTPRoute booksapp/error-split (policy.linkerd.io), rule 0, match 0" in output


def test_policies_are_named_and_the_locked_out_probe_is_told() -> None:
    files = ("authors-server", "authors-get-route", "authors-get-policy")
    output = ask("http://authors:7001/authors.json", *files).output
    assert "authorization   authorizationpolicy/authors-get-policy" in output
    assert "authentication  MeshTLSAuthentication authors-get-authn" in output
    assert "probe of booksapp/authors is locked out (§3.13)" in output
    assert "504 by the client's own proxy, after 3 s, then at once (also 503)" in output
    stranger = ask("http://authors.booksapp:7001/authors.json", *files, sender="x/y", options=("--not-meshed",)).output
    assert "403 by the proxy of booksapp/authors" in stranger


def test_where_the_cluster_is_not_the_mesh_is_told_for_its_profile_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = ("authors-server", "authors-get-route")
    url, told = "http://authors:7001/authors.json", "nobody waits 3 s for an endpoint"
    assert told in ask(url, *files).output
    assert told not in ask(url, *files, options=("--dialect", "linkerd-edge")).output


@pytest.mark.parametrize("dialect", ["linkerd-2.14", "linkerd-edge"])
def test_dialects_differ_in_the_limit(dialect: str) -> None:
    output = ask("http://authors:7001/authors/1.json", "timeouts-httproute", options=("--dialect", dialect)).output
    assert ("504 after 300ms" in output) is (dialect == "linkerd-2.14")
    assert ("504 after 600ms" in output) is (dialect == "linkerd-edge")


def test_json_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = json.loads(ask("http://books:7002/books.json", "error-split-httproute", options=("--json",)).stdout)
    assert [(one["share"], one["by"], one["status"]) for one in found["outcomes"]] == [
        ("9/10", "app", None),
        ("1/10", "client's proxy", 500),
    ]
    assert found["outcomes"][1]["reasons"][-1]["rule"] == "§1.23"


def test_headers_decide() -> None:
    files = ["namespace", "backend-a", "backend-b", "backend-router-httproute"]
    named = [option for name in files for option in ("-f", str(ROOT / f"manifests/podinfo/{name}.yaml"))]
    url = "http://backend-a-podinfo:9898/env"
    assert "test/backend-a-podinfo answers" in explain("--from", "test/default", "GET", url, *named).output
    chosen = explain("--from", "test/default", "GET", url, "-H", "X-Request-ID: alternative", *named).output
    assert "test/backend-b-podinfo answers" in chosen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "a/b", "GET", "http://x/"], "nothing to explain"),
        (["--from", "/b", "GET", "http://x/", "-f", BOOKSAPP[0]], "'/b' is no sender"),
        (["--from", "a/b", "GET", "-f", BOOKSAPP[0]], "write METHOD URL, not 'GET'"),
        (["--from", "a/b", "GET", "authors:7001", "-f", BOOKSAPP[0]], "is no URL such as"),
        (["--from", "a/b", "GET", "http://x/", "-H", "x", "-f", BOOKSAPP[0]], "'x' is no header"),
        (["--from", "a/b", "GET", "http://x/", "--kubeconfig", "/none"], "there is no such kubeconfig"),
        (["--from", "a/b", "GET", "http://x:99999/", "-f", BOOKSAPP[0]], "Port out of range"),
    ],
)
def test_bad_input_is_told(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    error = explain(*arguments).exception
    assert isinstance(error, InputError)
    assert said in str(error)


def test_a_scenario_is_told_step_by_step() -> None:
    output = explain(str(ROOT / "scenarios/tutorial/timeouts.yaml"), "--cluster", "embedded").output
    assert "step 2: the route as printed" in output
    assert "apply      manifests/booksapp/timeouts-httproute-as-printed.yaml" in output
    assert "expect every-authors-call-is-refused   (100 requests, 0.5 s)" in output
    assert "100%  404 by the client's own proxy" in output
    assert "CONTRADICTION" not in output
    assert "feature HTTPRouteRequestTimeout: " in output


@pytest.mark.parametrize(
    ("name", "profile", "said"),
    [
        ("calls", "embedded", "100%  NOT_FOUND by the client's own proxy"),
        ("calls", "embedded", "100%  PERMISSION_DENIED by the proxy of backend-a-podinfo"),
        ("methods", "embedded-edge", "100%  UNKNOWN by the client's own proxy   Service not found backend-c-podinfo"),
    ],
)
def test_calls_are_told_in_their_statuses(name: str, profile: str, said: str) -> None:
    output = explain(str(ROOT / f"scenarios/grpc/{name}.yaml"), "--cluster", profile).output
    assert said in output
    assert "404" not in output
    assert "CONTRADICTION" not in output


def test_a_missing_backend_of_a_grpc_route_is_no_failed_precondition(tmp_path: Path) -> None:
    """Under an HTTPRoute it is."""
    scenario = (ROOT / "scenarios/grpc/methods.yaml").read_text()
    (tmp_path / "s.yaml").write_text(scenario.replace("grpc-status: UNKNOWN", "grpc-status: FAILED_PRECONDITION"))
    for folder in ("manifests", "fixtures"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    output = explain(str(tmp_path / "s.yaml"), "--cluster", "embedded-edge").output
    assert "is promised grpc-status FAILED_PRECONDITION" in output
    assert "the rules say UNKNOWN by the client's own proxy" in output


def test_a_scenario_is_told_by_the_rules_that_are_named() -> None:
    scenario = str(ROOT / "scenarios/tutorial/gateway/dynamic-request-routing.yaml")
    output = explain(scenario, "--dialect", "gateway-api").output
    assert "rules      gateway-api (v1.6)" in output
    assert "requests go to the Service itself (E3)" in output
    assert "CONTRADICTION" in output
    assert "CONTRADICTION" not in explain(scenario).output


def test_a_share_tells_how_many_requests_it_needs() -> None:
    (story,) = json.loads(explain(str(ROOT / "scenarios/tutorial/canary.yaml"), "--json").stdout)
    (one,) = (one for one in story["steps"][1]["expectations"] if one["expect"] == "one-in-ten-gets-the-new-version")
    assert 0 < one["requests"]["least"] < one["requests"]["most"]
    (ask_,) = one["asks"]
    shares = {found["workload"]: found["share"] for found in ask_["predictions"][0]["outcomes"]}
    assert shares == {"test/backend-a-podinfo": "9/10", "test/backend-b-podinfo": "1/10"}


def test_profiles_use_words_that_explain_knows() -> None:
    project = Project.around(ROOT / "scenarios/x.yaml")
    words = {word for profile in project.clusters().profiles.values() for word in profile.differs}
    assert words
    assert words <= set(DIFFERENCES)
    text = Path(ROOT / "docs/explain.md").read_text()
    assert all(f"`{word}`" in text for word in DIFFERENCES)
