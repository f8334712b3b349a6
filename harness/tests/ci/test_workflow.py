"""The workflow and the action that users copy: valid by GitHub's own schemas, and in step with the profiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner, Result

from harness.scenario.project import Project

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github/workflows/conformance.yml"
NIGHTLY = ROOT / ".github/workflows/nightly.yml"
ACTION = ROOT / "action.yml"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def schema_says(schema: str, path: Path) -> Result:
    """What check-jsonschema finds, by the schema that it brings along."""
    return CliRunner().invoke(check_jsonschema, ["--builtin-schema", f"vendor.{schema}", str(path)])


@pytest.mark.parametrize(
    ("schema", "path"),
    [("github-workflows", WORKFLOW), ("github-workflows", NIGHTLY), ("github-actions", ACTION)],
)
def test_the_files_are_what_github_takes(schema: str, path: Path, tmp_path: Path) -> None:
    done = schema_says(schema, path)
    assert done.exit_code == 0, done.output
    broken = tmp_path / path.name
    broken.write_text(path.read_text(encoding="utf-8").replace("steps:", "stepps:", 1), encoding="utf-8")
    assert schema_says(schema, broken).exit_code == 1


def test_every_profile_of_the_workflow_exists() -> None:
    jobs = read(WORKFLOW)["jobs"]
    wanted = set(jobs["embedded"]["strategy"]["matrix"]["profile"])
    wanted |= {entry["profile"] for entry in jobs["real"]["strategy"]["matrix"]["include"]}
    assert wanted == set(Project(ROOT).clusters().profiles) - {"existing", "existing-edge"}


def test_what_the_workflow_hands_over_and_what_the_steps_use_are_inputs_of_the_action() -> None:
    action, inputs = read(ACTION), set(read(ACTION)["inputs"])
    steps = [step for job in read(WORKFLOW)["jobs"].values() for step in job["steps"] if step["uses"] == "./"]
    assert steps
    for step in steps:
        assert set(step["with"]) <= inputs
        assert {name for name, one in action["inputs"].items() if one.get("required")} <= set(step["with"])
    used = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text(encoding="utf-8")))
    assert used == inputs


def test_no_step_puts_an_input_into_a_script() -> None:
    """An expression inside `run` is pasted into the script as it is; inputs go through the environment."""
    for step in read(ACTION)["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step


def test_what_runs_each_night_are_recipes_on_profiles_that_exist() -> None:
    recipes = {
        line.partition(":")[0].split()[0] for line in (ROOT / "justfile").read_text().splitlines() if ":" in line
    }
    commands = [line.split() for line in read(NIGHTLY)["jobs"]["recipe"]["strategy"]["matrix"]["recipe"]]
    assert {command[0] for command in commands} == {"agree", "prove", "twins", "benchmark-oracle"} & recipes
    profiles = {command[-1] for command in commands if "--cluster" in command}
    assert profiles == {"embedded", "embedded-edge"} & set(Project(ROOT).clusters().profiles)
