"""Files and folders: nothing that was meant as a scenario is passed over, and nothing else is taken for one."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.errors import Finding, InputError
from harness.scenario.loading import fit, load, load_all, looks_like_scenario
from harness.scenario.model import Scenario
from harness.scenario.yaml_source import Location, ScenarioLoader, Unreadable, parse_documents
from harness.tests.scenario.story import CLUSTERS, ROUTE, SCENARIO, spoiled, walk


def _named(name: str) -> str:
    return spoiled(SCENARIO, ("name: split", f"name: {name}"))


def _findings(*paths: Path) -> list[Finding]:
    with pytest.raises(InputError) as caught:
        load_all(paths)
    return list(caught.value.findings)


def test_folders_are_searched_at_any_depth_for_scenarios_only(tmp_path: Path) -> None:
    for file, text in {
        "b.yaml": _named("b"),
        "deep/er/a.yml": _named("a"),
        "deep/route.yaml": ROUTE,
        "clusters.yaml": CLUSTERS,
        "template.yaml": "{{ if .Values.x }}\na: b: c",
        "notes.txt": _named("c"),
        ".hidden/d.yaml": _named("d"),
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    loaded = load_all([tmp_path])
    assert [scenario.scenario.name for scenario in loaded] == ["b", "a"]
    assert loaded[1].path == str(tmp_path / "deep/er/a.yml")


def test_a_file_named_twice_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(SCENARIO)
    assert [loaded.path for loaded in load_all(["x.yaml", ".", str(tmp_path / "x.yaml")])] == ["x.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        spoiled(SCENARIO, ("kind: Scenario", "kind: scenario")),
        spoiled(SCENARIO, ("kind: Scenario", "kind: Scenarios")),
        spoiled(SCENARIO, ("apps: [shop]", "apps: [shop")),
        spoiled(SCENARIO, ("apiVersion: signalbox/v1alpha1\n", "")),
    ],
    ids=["kind in lower case", "kind misspelt", "broken YAML", "no version"],
)
def test_a_spoiled_scenario_in_a_folder_is_reported_and_not_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "good.yaml").write_text(_named("good"))
    (tmp_path / "spoiled.yaml").write_text(text)
    assert looks_like_scenario(tmp_path / "spoiled.yaml")
    assert {finding.file for finding in _findings(tmp_path)} == {str(tmp_path / "spoiled.yaml")}


def test_a_folder_without_scenarios_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "route.yaml").write_text(ROUTE)
    message = "no scenario is in this folder: no .yaml file in it has kind Scenario"
    assert _findings(tmp_path) == [Finding(str(tmp_path), 0, message)]


def test_no_path_at_all_is_an_error() -> None:
    assert [finding.message for finding in _findings()] == ["no scenario was named; give a file or a folder"]


def test_findings_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(spoiled(SCENARIO, ("rate: 100/s", "rate: 100")))
    (tmp_path / "b.yaml").write_text(spoiled(_named("b"), ("kind: Scenario", "kind: Scene")))
    missing = tmp_path / "c.yaml"
    assert [(Path(f.file).name, f.line) for f in _findings(tmp_path, missing)] == [
        ("a.yaml", 19),
        ("b.yaml", 2),
        ("c.yaml", 0),
    ]


def test_two_scenarios_may_not_share_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SCENARIO)
    (tmp_path / "b.yaml").write_text(SCENARIO)
    place = f"{tmp_path / 'a.yaml'}:4"
    assert _findings(tmp_path) == [Finding(str(tmp_path / "b.yaml"), 4, f"the name 'split' is taken, by {place}")]


def test_lines_are_found_by_location_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SCENARIO)
    loaded = load(tmp_path / "x.yaml")
    assert loaded.line("spec", "steps", 1, "settle") == 24
    assert loaded.line("spec", "steps", 1, "then", 1, "every", "status", 1) == 31
    assert loaded.expectation_line("nothing-else") == 29
    assert loaded.expectation_line("nobody") == 0


def test_a_good_scenario_survives_being_printed_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SCENARIO)
    scenario = load(tmp_path / "x.yaml").scenario
    (tmp_path / "y.yaml").write_text(yaml.safe_dump(scenario.model_dump(mode="json", exclude_unset=True)))
    assert load(tmp_path / "y.yaml").scenario == scenario
    (tmp_path / "z.yaml").write_text(yaml.safe_dump(scenario.model_dump(mode="json", exclude_none=True)))
    assert load(tmp_path / "z.yaml").scenario == scenario


def _check(text: str) -> None:
    """Load a text as a file is loaded; anything but a scenario or findings is a bug."""
    try:
        documents = parse_documents(text, ScenarioLoader)
    except Unreadable:
        return
    for document in documents:
        scenario, findings = fit(Scenario, document, "x.yaml")
        assert scenario is not None or findings
        for finding in findings:
            assert finding.message
            assert "pydantic" not in str(finding)
            assert "\n" not in finding.message


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_TREES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@settings(max_examples=60, deadline=None)
@given(_TREES)
@example({"apiVersion": "signalbox/v1alpha1", "kind": "Scenario", "metadata": {"name": "a"}, "spec": None})
def test_arbitrary_data_gives_findings_and_no_crash(tree: Any) -> None:
    _check(yaml.safe_dump(tree, allow_unicode=True))


_GOOD = yaml.safe_load(SCENARIO)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([at for at, _ in walk(_GOOD) if at]), _TREES)
def test_any_value_in_any_place_of_a_scenario_gives_findings_and_no_crash(place: Location, tree: Any) -> None:
    spoiled_data = deepcopy(_GOOD)
    inner = spoiled_data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = tree
    _check(yaml.safe_dump(spoiled_data, allow_unicode=True))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SCENARIO)), st.integers(0, 40), st.text(max_size=4))
def test_a_text_with_a_hole_gives_findings_and_no_crash(start: int, length: int, patch: str) -> None:
    _check(SCENARIO[:start] + patch + SCENARIO[start + length :])
