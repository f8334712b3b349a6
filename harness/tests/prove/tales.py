"""Scenarios with a project around them, for tests."""

from __future__ import annotations

from pathlib import Path

from harness.prove.mutant import Tale
from harness.scenario.loading import load, looks_like_scenario
from harness.scenario.project import Project

ROOT = Path(__file__).parents[3]
SCENARIOS = sorted(path for path in (ROOT / "scenarios").rglob("*.yaml") if looks_like_scenario(path))
TUTORIAL = sorted(path for path in (ROOT / "scenarios/tutorial").rglob("*.yaml") if looks_like_scenario(path))


def tale(path: str | Path) -> Tale:
    """A scenario of this repository, by its path below the root."""
    return Tale(load(ROOT / path), Project(ROOT))
