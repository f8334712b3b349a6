"""Bad input ends in exit code 2 with every finding at once, file and line, and no stack trace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest

from harness.cli import main
from harness.errors import Exit

ROOT = Path(__file__).parents[3]
SCENARIO = "scenarios/tutorial/fault-injection.yaml"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str, cwd: Path = ROOT) -> Done:
    """A command in this process, which has loaded already what a new one takes seconds to load."""
    out, err, terminated = StringIO(), StringIO(), signal.getsignal(signal.SIGTERM)
    try:
        # Options that name a cluster are passed on by variables, which a command leaves behind.
        with (
            mock.patch.dict(os.environ),
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            patch.chdir(cwd)
            patch.setattr(sys, "argv", ["signalbox", *arguments])
            main()
    except SystemExit as end:
        return Done(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        signal.signal(signal.SIGTERM, terminated)
    return Done(0, out.getvalue(), err.getvalue())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("scenarios", "fixtures", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


CASES = {
    "unknown-key": ("      then:\n", "      Then:\n", "did you mean 'then'?"),
    "wrong-unit": ("resolution: 1pp", "resolution: 1%", "1pp"),
    "missing-manifest": ("error-injector.yaml", "error-injectr.yaml", "error-injector.yaml"),
    "duplicate-expectation": ("expect: books-recovers", "expect: books-never-fails", "books-never-fails"),
    "yaml-syntax": ("  steps:\n", "  steps: [\n", ""),
    "unknown-sender": (
        "send: {from: webapp, request: GET http://authors",
        "send: {from: webap, request: GET http://authors",
        "webapp",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_scenario_mistake(case: tuple[str, str, str], project: Path) -> None:
    old, new, hint = case
    path = project / SCENARIO
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = run("run", SCENARIO, cwd=project)
    assert done.returncode == Exit.INPUT, done.stdout + done.stderr
    assert f"{SCENARIO}:" in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_empty_then(project: Path) -> None:
    path = project / SCENARIO
    head = path.read_text(encoding="utf-8").partition("      then:\n")[0]
    path.write_text(head + "      then: []\n", encoding="utf-8")
    done = run("run", SCENARIO, cwd=project)
    assert done.returncode == Exit.INPUT
    assert f"{SCENARIO}:{line_of(path, 'then: []')}:" in done.stderr


def test_a_manifest_that_admission_refuses(project: Path) -> None:
    route = project / "manifests/booksapp/error-split-httproute.yaml"
    text = route.read_text(encoding="utf-8")
    assert "  rules:\n    - " in text
    broken = text.replace("  rules:\n    - ", "  rules:\n    - matches: [{path: {value: books.json}}]\n      ", 1)
    route.write_text(broken, encoding="utf-8")
    done = run("run", SCENARIO, cwd=project)
    assert done.returncode == Exit.INPUT, done.stdout + done.stderr
    assert "error-split-httproute.yaml:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_namespace_that_does_not_exist(project: Path) -> None:
    route = project / "manifests/booksapp/error-split-httproute.yaml"
    route.write_text(route.read_text().replace("namespace: booksapp", "namespace: bookshop", 1), encoding="utf-8")
    done = run("run", SCENARIO, cwd=project)
    assert done.returncode == Exit.INPUT, done.stdout + done.stderr
    assert "bookshop" in done.stderr
    assert "booksapp" in done.stderr


def test_all_findings_come_at_once(project: Path) -> None:
    path = project / SCENARIO
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("5pp", "5%").replace("apps: [booksapp]", "apps: [bookapp]"), encoding="utf-8")
    done = run("run", SCENARIO, cwd=project)
    assert done.returncode == Exit.INPUT
    assert "5pp" in done.stderr
    assert "booksapp" in done.stderr


def test_the_program_as_it_is_started_says_the_same() -> None:
    command = [sys.executable, "-m", "harness.cli", "run", "no-such-file.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    here = run("run", "no-such-file.yaml")
    assert (done.returncode, done.stderr) == (Exit.INPUT, here.stderr)
    assert "no-such-file.yaml" in done.stderr


def test_an_unknown_profile_names_the_nearest() -> None:
    done = run("run", SCENARIO, "--cluster", "embeded")
    assert done.returncode == Exit.INPUT
    assert "did you mean 'embedded'?" in done.stderr


BY_THE_TEXT = """
  theirs:
    provider: existing
    dialect: gateway-api
    provides: [linkerd]
"""


@pytest.mark.parametrize("command", [("run", "scenarios/smoke.yaml"), ("up",), ("preflight",)], ids=lambda c: c[0])
def test_nothing_runs_by_rules_that_no_mesh_keeps(project: Path, command: tuple[str, ...]) -> None:
    clusters = project / "fixtures/clusters.yaml"
    clusters.write_text(clusters.read_text(encoding="utf-8").replace("\nmeshes:", BY_THE_TEXT + "\nmeshes:"))
    (project / "scenarios/smoke.yaml").write_text(SMOKE, encoding="utf-8")
    done = run(*command, "--cluster", "theirs", "--context", "any", "--kubeconfig", "/nowhere", cwd=project)
    assert done.returncode == Exit.INPUT, done.stdout + done.stderr
    assert "nothing runs by dialect gateway-api" in done.stderr


SMOKE = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: smoke}
spec:
  description: Nothing that depends on a mesh.
  steps:
    - name: only
      then:
        - expect: it-is-ready
          resource: {pods: booksapp/app=authors, condition: Ready, within: 1s}
"""


def test_an_unknown_option_and_command() -> None:
    assert run("run", SCENARIO, "--clutser", "x").returncode == Exit.INPUT
    assert run("rum").returncode == Exit.INPUT


def test_a_folder_without_scenarios(tmp_path: Path) -> None:
    done = run("run", str(tmp_path))
    assert done.returncode == Exit.INPUT
    assert "no scenario" in done.stderr


def test_schema_is_printed() -> None:
    done = run("schema")
    assert done.returncode == Exit.HELD
    assert done.stdout == (ROOT / "harness/schema/scenario-v1alpha1.json").read_text(encoding="utf-8")
