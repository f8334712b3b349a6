"""`signalbox lint`, as a person and a code-scanning service see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.errors import InputError
from harness.tests.oracle.cluster import ROOT

ROUTE = """\
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs:
    - {group: core, kind: Service, name: web}
  rules:
    - matches:
        - path: {type: RegularExpression, value: '/a"'}
"""


def lint(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["lint", *map(str, arguments)])


def written(folder: Path, text: str = ROUTE, name: str = "route.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_finding_is_one_line_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path)
    result = lint(path)
    assert result.exit_code == 2
    first, second, summary = result.output.splitlines()
    assert first.startswith(f"{path}:6: no-catch-all: ")
    assert second.startswith(f"{path}:9: regex-matches-nothing: ")
    assert summary == "1 error, 1 warning in 1 file"


def test_warnings_alone_are_fine_unless_strict(tmp_path: Path) -> None:
    path = written(tmp_path, ROUTE.replace('/a"', "/a"))
    assert lint(path).exit_code == 0
    assert lint(path, "--strict").exit_code == 2


def test_a_comment_allows_with_a_reason(tmp_path: Path) -> None:
    allowed = ROUTE.replace("    - {group", "    # signalbox: allow no-catch-all: the 404 is meant\n    - {group")
    assert "no-catch-all" not in lint(written(tmp_path, allowed)).output
    wrong = "'no-catch-all' is allowed without a reason"
    assert wrong in lint(written(tmp_path, allowed.replace(": the 404 is meant", ""), "other.yaml")).output


def test_a_comment_that_allows_nothing_is_told(tmp_path: Path) -> None:
    path = written(
        tmp_path, ROUTE.replace("kind: HTTPRoute", "kind: HTTPRoute  # signalbox: allow weights-all-zero: x")
    )
    assert f"{path}:2: allowed-for-nothing: 'weights-all-zero' is allowed here and is not there" in lint(path).output


def test_context_is_there_and_not_reported_on(tmp_path: Path) -> None:
    services = written(tmp_path, "apiVersion: v1\nkind: Service\nmetadata: {name: wep, namespace: shop}\n", "s.yaml")
    path = written(tmp_path, ROUTE.replace('/a"', "/a"))
    assert "parent-not-found" not in lint(path).output
    assert f"{path}:6: parent-not-found: there is no Service shop/web" in lint(path, "--with", services).output


def test_sarif(tmp_path: Path) -> None:
    path = written(tmp_path)
    report: dict[str, Any] = json.loads(lint(path, "--sarif").output)
    (run,) = report["runs"]
    assert report["version"] == "2.1.0"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    found = {
        (one["ruleId"], one["level"], one["locations"][0]["physicalLocation"]["region"]["startLine"])
        for one in run["results"]
    }
    assert found == {("no-catch-all", "warning", 6), ("regex-matches-nothing", "error", 9)}
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    assert {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]} == {str(path)}


def test_the_places_of_sarif_are_uris_whatever_files_are_called(tmp_path: Path) -> None:
    path = written(tmp_path, name="a b#c%20.yaml")
    (run,) = json.loads(lint(path, "--sarif").output)["runs"]
    places = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]}
    assert places == {f"{tmp_path}/a%20b%23c%2520.yaml"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", ":1: invalid-object: "),
        ("kind: Service\nmetadata: {name: x}\n", "invalid-object: a Kubernetes object needs apiVersion"),
        ("- 1\n- 2\n", "invalid-object: the document is no Kubernetes object"),
    ],
)
def test_what_is_no_manifest_is_a_finding(tmp_path: Path, text: str, sentence: str) -> None:
    result = lint(written(tmp_path, text))
    assert sentence in result.output
    assert result.exit_code == 2


def test_nothing_to_look_at_is_bad_input(tmp_path: Path) -> None:
    for arguments in ([], [tmp_path / "none.yaml"], ["--kubeconfig", tmp_path / "none"]):
        assert isinstance(lint(*arguments).exception, InputError)


def test_the_scenarios_of_this_repository_contradict_no_rule() -> None:
    for profile in ("embedded", "embedded-edge"):
        result = lint(ROOT / "scenarios", "--cluster", profile)
        assert result.exit_code == 0, result.output


def test_a_named_dialect_holds_for_scenarios_too() -> None:
    """E1: for the Gateway API's text `group: core` is no Service, so the route of this scenario is attached to none."""
    scenario = ROOT / "scenarios/tutorial/gateway/dynamic-request-routing.yaml"
    assert lint(scenario).exit_code == 0
    result = lint("--dialect", "gateway-api", scenario)
    assert result.exit_code == 2
    assert f"{scenario}:40: contradicts-rules: 'the-mesh-decides-not-the-app'" in result.output
