"""Scenarios really run under pytest, also with one cluster per pytest-xdist worker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCENARIO = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {{name: {name}}}
spec:
  description: books answers.
  cluster: linkerd
  apps: [booksapp]
  senders:
    webapp: {{namespace: booksapp, serviceAccount: webapp}}
  steps:
    - name: baseline
      then:
        - expect: books-answers
          send: {{from: webapp, request: GET http://books:7002/books.json}}
          every: {{status: {status}, by: app, times: 20}}
"""
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(450)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("fixtures", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.pytest_plugin"]\n')
    return tmp_path


def write(project: Path, name: str, status: int) -> None:
    (project / "scenarios" / f"{name}.yaml").write_text(SCENARIO.format(name=name, status=status))


def run_pytest(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "scenarios", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=400, check=False)


def test_two_workers_have_a_cluster_each(project: Path) -> None:
    write(project, "one", 200)
    write(project, "two", 200)
    done = run_pytest(project, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_broken_scenario_fails_its_item_and_the_next_one_still_runs(project: Path) -> None:
    write(project, "one", 418)
    write(project, "two", 200)
    done = run_pytest(project, "--alluredir", str(project / "allure"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "scenarios/one.yaml:" in done.stdout
    assert "answered by books x" in done.stdout
    assert any((project / "allure").glob("*-result.json"))
