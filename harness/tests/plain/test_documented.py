"""The examples of docs/python.md run as they are printed; a broken one beside them is told as such everywhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.record import read_record
from harness.report.story import tell
from harness.verdict.judgement import Verdict

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "python.md"
WRONG = """\
from harness import Mesh


def test_nothing_is_404(mesh: Mesh) -> None:
    mesh.install("podinfo-a")
    frontend = mesh.sender("frontend", namespace="test")
    mesh.expect(frontend.requests("GET", "http://backend-a-podinfo.test:9898/version")).every(status=404)


def test_own_assertions_count(mesh: Mesh) -> None:
    assert mesh.ingress_address is None


def test_what_cannot_be_meant(mesh: Mesh) -> None:
    mesh.install("podinfo-a")
    frontend = mesh.sender("frontend", namespace="test")
    requests = frontend.requests("GET", "http://backend-a-podinfo.test:9898/version")
    mesh.expect(requests).every(statsu=404)
"""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def test_the_examples_run_as_printed_and_a_broken_one_is_told(pytester: pytest.Pytester) -> None:
    for folder in ("fixtures", "manifests"):
        shutil.copytree(ROOT / folder, pytester.path / folder)
    pytester.makeconftest('pytest_plugins = ["harness.pytest_plugin"]')
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 3
    for number, example in enumerate(examples):
        (pytester.path / f"test_example_{number}.py").write_text(example, encoding="utf-8")
    (pytester.path / "test_wrong.py").write_text(WRONG, encoding="utf-8")

    outcome = pytester.runpytest_subprocess("-p", "no:looptime_plugin", "--signalbox-report=out", timeout=280)

    outcome.assert_outcomes(passed=len(examples), failed=3)
    outcome.stdout.fnmatch_lines(
        [
            "E*Broken: test_wrong.py:7 *expectation 'every-status-404'*",
            "E*saw 0 of * (200 x *)*",
            "E* from frontend: no responses with status 404*",
            "E*did you mean 'status'?*",
            "*the chance that this run is red by bad luck is at most*",
        ]
    )
    story = tell(read_record(pytester.path / "out" / "run.ndjson.gz"))
    assert story.exit_code == 2, "bad input ended one of the tests: the run says so"
    assert [s.name for s in story.scenarios][:1] == ["test-example-0-test-the-header-decides"]
    assert {result.name for result in story.results if result.verdict is not Verdict.HOLDS} == {"every-status-404"}
    failed = {scenario.name: scenario.failures for scenario in story.scenarios if scenario.failures}
    assert set(failed) == {"test-wrong-test-own-assertions-count", "test-wrong-test-what-cannot-be-meant"}
    assert failed["test-wrong-test-own-assertions-count"][0].startswith("the test failed: AssertionError: ")
    assert sum(result.verdict is Verdict.HOLDS for result in story.results) >= 7


PART = """\
from harness import Mesh


def test_part_{number}(mesh: Mesh) -> None:
    mesh.install("podinfo-a")
    frontend = mesh.sender("frontend", namespace="test")
    visits = frontend.requests("GET", "http://backend-a-podinfo.test:9898/version", rate="200/s")
    mesh.expect(visits).share(status=200, at_least="100%", resolution="5pp")
"""


def test_workers_make_one_report(pytester: pytest.Pytester) -> None:
    for folder in ("fixtures", "manifests"):
        shutil.copytree(ROOT / folder, pytester.path / folder)
    pytester.makeconftest('pytest_plugins = ["harness.pytest_plugin"]')
    for number in range(2):
        (pytester.path / f"test_part_{number}.py").write_text(PART.format(number=number), encoding="utf-8")
    options = ("-p", "no:looptime_plugin", "-n", "2", "--dist", "loadfile", "--signalbox-report=out")
    outcome = pytester.runpytest_subprocess(*options, timeout=200)
    outcome.assert_outcomes(passed=2)
    outcome.stdout.fnmatch_lines(["*the chance that this run is red by bad luck is at most*(2 statistical claims)*"])
    story = tell(read_record(pytester.path / "out" / "run.ndjson.gz"))
    assert sorted(scenario.name for scenario in story.scenarios) == [
        "test-part-0-test-part-0",
        "test-part-1-test-part-1",
    ]
    assert story.finished is not None
    assert "2 statistical claims" in story.finished.false_alarm
    assert {path.name for path in (pytester.path / "out").iterdir()} == {
        "run.ndjson.gz",
        "report.html",
        "summary.md",
        "junit.xml",
    }
