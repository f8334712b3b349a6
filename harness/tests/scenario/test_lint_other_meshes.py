"""Scenarios about another mesh are skipped, and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.lint import NothingToRun, load_checked
from harness.tests.scenario.story import (
    SCENARIO,
    SCENARIO_FILE,
    spoiled,
    write_project,
)
from harness.tests.scenario.test_lint import findings_of


def _requires(mesh: str, *edits: tuple[str, str]) -> str:
    return spoiled(SCENARIO, ("  cluster: mesh\n", f"  requires: {{mesh: {mesh}}}\n  cluster: mesh\n"), *edits)


def test_a_scenario_about_another_mesh_is_skipped_beside_others(tmp_path: Path) -> None:
    path = write_project(
        tmp_path,
        {
            "scenarios/newer.yaml": _requires(
                "linkerd >= edge-25.5.1",
                ("name: split\n", "name: newer\n"),
                ("manifests/route.yaml", "manifests/only-there.yaml"),
                ("cluster: mesh", "cluster: somewhere-else"),
            )
        },
    )
    checked = load_checked([path.parent])
    assert [loaded.scenario.name for loaded in checked.scenarios] == ["split"]
    (skipped,) = checked.skipped
    assert (skipped.path, skipped.name) == (str(path.parent / "newer.yaml"), "newer")
    assert skipped.reason == "requires linkerd >= edge-25.5.1, and profile 'box' follows stable-2.14.10"


def test_a_scenario_about_this_mesh_is_not_skipped(tmp_path: Path) -> None:
    path = write_project(tmp_path, {SCENARIO_FILE: _requires("linkerd < edge-25.5.1")})
    checked = load_checked([path])
    assert len(checked.scenarios) == 1
    assert checked.skipped == ()


def test_nothing_but_other_meshes_is_a_finding_for_each(tmp_path: Path) -> None:
    path = write_project(tmp_path, {SCENARIO_FILE: _requires("linkerd-edge")})
    with pytest.raises(NothingToRun) as caught:
        load_checked([path])
    reason = "requires linkerd-edge, and profile 'box' follows stable-2.14.10"
    assert str(caught.value) == f"{path}:7: mesh: {reason}"
    assert [skipped.reason for skipped in caught.value.skipped] == [reason]


def test_the_names_of_a_skipped_scenario_are_checked_all_the_same(tmp_path: Path) -> None:
    text = _requires("linkerd-edge", ("send: {from: web,", "send: {from: wep,"))
    path = write_project(tmp_path, {SCENARIO_FILE: text})
    assert findings_of(path) == [f"{path}:20: from: no sender is called 'wep'; did you mean 'web'?"]
