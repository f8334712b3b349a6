"""Whatever manifests hold, `explain` and scenarios held against them end in an answer or a finding, never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import cli
from harness.dialect import RULES
from harness.errors import InputError
from harness.tests.oracle.test_hostile_objects import JUNK, PLACES, with_junk
from harness.tests.scenario.story import write_project

_few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DIALECTS = st.sampled_from(sorted(RULES))
DOCUMENTS = st.builds(with_junk, st.sampled_from(PLACES), JUNK) | st.lists(JUNK, min_size=1, max_size=3)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("hostile"))


def told(*arguments: str) -> str:
    """What a command says, which either has an answer or refuses the input."""
    done = CliRunner().invoke(cli, list(arguments))
    assert isinstance(done.exception, InputError | SystemExit | None), done.exception
    assert done.exit_code in (0, 1, 2)
    return f"{done.output}{done.exception or ''}"


def _written(project: Path, documents: list[Any]) -> Path:
    """In place of the route that the scenario applies."""
    path = project.parents[1] / "manifests/route.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return path


@_few
@given(DOCUMENTS, DIALECTS)
def test_explain_answers_or_refuses(project: Path, documents: list[Any], dialect: str) -> None:
    path = _written(project, documents)
    assert told("explain", "--from", "shop/client", "GET", "http://web/a", "--dialect", dialect, "-f", str(path))


@_few
@given(DOCUMENTS, DIALECTS)
def test_a_scenario_is_held_against_whatever_it_applies(project: Path, documents: list[Any], dialect: str) -> None:
    _written(project, documents)
    assert told("lint", "--dialect", dialect, str(project))
    assert told("explain", "--dialect", dialect, str(project))


def _without(value: Any, at: tuple[Any, ...]) -> Any:
    if len(at) == 1:
        return {key: item for key, item in value.items() if key != at[0]}
    if isinstance(value, dict):
        return {key: _without(item, at[1:]) if key == at[0] else item for key, item in value.items()}
    return [_without(item, at[1:]) if number == at[0] else item for number, item in enumerate(value)]


def _keys(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        if isinstance(value, dict):
            yield (*at, key)
        yield from _keys(item, (*at, key))


@_few
@given(st.data(), DIALECTS)
def test_any_field_may_be_missing(project: Path, data: st.DataObject, dialect: str) -> None:
    whole = with_junk(PLACES[0], {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    at = data.draw(st.sampled_from(list(_keys(whole))))
    path = _written(project, _without(whole, at))
    assert told("explain", "--from", "shop/client", "GET", "http://web/a", "--dialect", dialect, "-f", str(path))
    assert told("lint", "--dialect", dialect, str(path))
