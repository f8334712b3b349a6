"""The schema for editors: current, accepts what loads, and refuses what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from harness.errors import InputError
from harness.scenario.loading import load, looks_like_scenario
from harness.scenario.schema import SCHEMA_FILE, schema, schema_text
from harness.tests.scenario.story import SCENARIO, spoiled

TUTORIAL = Path(__file__).parents[3] / "scenarios/tutorial"
VALIDATOR = jsonschema_rs.validator_for(schema())

PLANTED = {
    "a misspelt key": ("      then:\n", "      Then:\n"),
    "a share without resolution": (", resolution: 5pp}", "}"),
    "a share as a bare number": ("is: 10%", "is: 0.1"),
    "two claims": ("every: {status: [200, 500]}", "every: {status: 200}\n          share: {of: {status: 200}, "
                   "at-least: 90%, resolution: 1pp}"),
    "no claim": ("          every: {status: [200, 500]}\n", ""),
    "a timeout without a unit": ("timeout: 2s", "timeout: 2"),
    "a step that expects nothing": ("name: before\n", "name: empty\n      then: []\n    - name: before\n"),
    "a source beside again": ("again: never-fails", "again: never-fails\n          about: one-in-ten"),
    "two verbs": ("- apply: manifests/route.yaml", "- {apply: a.yaml, delete: a.yaml}"),
    "a table beside a source": ("every: {status: [200, 500]}", "each: {from: web, rows: [{status: 200}]}"),
    "a table without rows": ("about: one-in-ten\n          every: {status: [200, 500]}", "each: {from: web}"),
    "a latency of no quantile": ("every: {status: [200, 500]}", "latency: {of: {status: 500}}"),
    "a latency without a unit": ("every: {status: [200, 500]}", "latency: {p50: 600..700}"),
    "a gap without a mesh": ("about: one-in-ten", "about: one-in-ten\n          known-gap: \">= edge-24.7.5\""),
    "a watch without a claim": ("  steps:\n", "  always: [{expect: x, send: {from: web, request: GET http://a/}}]\n"
                                "  steps:\n"),
    "no kind": ("kind: Scenario\n", ""),
}  # fmt: skip


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), f"run: signalbox schema > {SCHEMA_FILE}"


SCENARIOS = sorted(path for path in TUTORIAL.parent.rglob("*.yaml") if looks_like_scenario(path))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_tutorial_fits_the_schema_and_points_to_it(path: Path) -> None:
    text = path.read_text()
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []
    first = text.splitlines()[0]
    assert (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve() == SCHEMA_FILE.resolve()


@pytest.mark.parametrize("edit", PLANTED.values(), ids=PLANTED.keys())
def test_planted_mistakes_are_refused_by_schema_and_loading_alike(tmp_path: Path, edit: tuple[str, str]) -> None:
    text = spoiled(SCENARIO, edit)
    assert VALIDATOR.is_valid(yaml.safe_load(SCENARIO))
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError):
        load(tmp_path / "x.yaml")


def _parts(value: Any) -> list[dict[str, Any]]:
    return [value, *value["$defs"].values()]


def test_every_part_is_closed_and_described() -> None:
    for part in _parts(schema()):
        assert part["additionalProperties"] is False
        assert part["description"]


def test_nothing_of_the_library_shows() -> None:
    assert '"null"' not in schema_text()
    assert '"default": "10s"' in schema_text()
    assert [key for key in schema()["properties"] if "title" in schema()["properties"][key]] == []
