"""`signalbox prove` as a person runs it: a hole is named and ends in 1, a scenario that notices ends in 0."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import Exit
from harness.tests.prove.tales import ROOT

SCENARIO = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: routed}
spec:
  description: The header decides, and nobody asks without it.
  cluster: linkerd
  apps: [podinfo-a, podinfo-b]
  senders:
    frontend: {namespace: test, serviceAccount: default}
  steps:
    - name: with the route
      when:
        - apply: manifests/podinfo/backend-router-httproute.yaml
      settle: {within: 60s}
      then:
        - expect: the-header-decides
          each:
            request: GET http://backend-a-podinfo.test:9898/env
            from: frontend
            rows:
              - {headers: {x-request-id: alternative}, body-has: B backend}
"""
ROUTE = "manifests/podinfo/backend-router-httproute.yaml"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("fixtures", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "routed.yaml").write_text(SCENARIO)
    return tmp_path


def prove(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.cli", "prove", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=200, check=False)


def test_holes_are_named_and_files_are_left_alone(project: Path) -> None:
    before = (project / ROUTE).read_bytes()
    done = prove(project, "routed.yaml", "--match", "header x-request-id")
    assert done.returncode == Exit.BROKEN, done.stdout + done.stderr
    assert "2 noticed, 1 survived" in done.stdout
    assert f"header x-request-id in rule 1 is gone  {ROUTE}:17" in done.stdout
    assert "no expectation asks without x-request-id: alternative and sees another answer" in done.stdout
    assert "broke the-header-decides" in done.stdout
    assert (project / ROUTE).read_bytes() == before


def test_one_that_notices_everything_ends_in_0(project: Path) -> None:
    asks = "              - {headers: {x-request-id: other}, body-has: A backend}\n"
    (project / "routed.yaml").write_text(SCENARIO + asks)
    done = prove(project, "routed.yaml", "--match", "header x-request-id")
    assert done.returncode == Exit.HELD, done.stdout + done.stderr
    assert "3 noticed" in done.stdout
    assert "holds unbroken" in done.stdout
    assert re.search(r"routed: 3 in \d+ s, \d+\.\d s each, \d+\.\d\d of the unbroken \d+\.\d s", done.stdout)


def test_a_scenario_that_does_not_hold_proves_nothing(project: Path) -> None:
    (project / "routed.yaml").write_text(SCENARIO.replace("B backend", "C backend"))
    done = prove(project, "routed.yaml", "--match", "header x-request-id")
    assert done.returncode == Exit.BROKEN, done.stdout + done.stderr
    assert "does not hold itself (the-header-decides)" in done.stdout
    assert "1 unfit" in done.stdout


def test_nothing_to_try_is_no_proof(project: Path) -> None:
    done = prove(project, "routed.yaml", "--match", "weight")
    assert done.returncode == Exit.INPUT
    assert "nothing that could be made wrong is asked for" in done.stderr


def test_bad_input_is_said_before_anything_starts(project: Path) -> None:
    done = prove(project, "rooted.yaml")
    assert done.returncode == Exit.INPUT
    assert "rooted.yaml" in done.stderr
    assert "Traceback" not in done.stderr
