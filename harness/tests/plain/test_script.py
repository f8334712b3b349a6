"""What a plain test says is checked by the rules of the scenario language, and named by the test's own line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.dialect import DIALECTS
from harness.errors import InputError
from harness.plain.script import Script
from harness.scenario.model import PodSender
from harness.scenario.project import Project
from harness.verdict.budget import alpha_of_next

ROOT = Path(__file__).parents[3]
WEBAPP = {"namespace": "booksapp", "serviceAccount": "webapp"}
BOOKS = {"from": "webapp", "request": "GET http://books:7002/books.json"}


@pytest.fixture
def script() -> Script:
    """With booksapp, a sender and a step."""
    script = told_by(__file__)
    script.app("booksapp")
    script.sender(PodSender, "webapp", WEBAPP)
    script.step("the test")
    return script


def told_by(path: str) -> Script:
    """By a test in this file that begins in line 7."""
    return Script.begin("a test[x-1]", "What it shows.", path, Project(ROOT), DIALECTS["linkerd-2.14"], test_line=7)


def test_it_becomes_a_scenario_whose_lines_are_the_tests(script: Script) -> None:
    script.expectation({"expect": "works", "send": BOOKS, "every": {"status": 200}})
    here = sys._getframe().f_lineno - 1
    loaded = script.loaded()
    assert loaded.scenario.name == "a-test-x-1"
    assert [e.expect for _, e in loaded.scenario.expectations()] == ["works"]
    assert loaded.expectation_line("works") == here
    assert loaded.scenario.promises() == 1


def test_later_steps_keep_their_lines_apart(script: Script) -> None:
    script.step("another")
    script.expectation({"expect": "works", "send": BOOKS, "every": {"status": 200}})
    assert script.loaded().expectation_line("works") == sys._getframe().f_lineno - 1


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"expect": "x", "send": BOOKS, "every": {"statsu": 200}}, "did you mean 'status'?"),
        ({"expect": "x", "send": BOOKS, "share": {"of": {"status": 500}, "is": "10%"}}, "needs 'resolution'"),
        ({"expect": "x", "send": {**BOOKS, "from": "nobody"}, "every": {"status": 200}}, "nobody"),
        ({"expect": "x", "about": "y", "every": {"status": 200}}, "'y'"),
    ],
)
def test_what_cannot_be_meant_is_found_and_taken_back(
    script: Script, written: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        script.expectation(written)
    assert all(finding.file == __file__ and finding.line for finding in caught.value.findings)
    script.expectation({"expect": "x", "send": BOOKS, "every": {"status": 200}})
    assert script.scenario.promises() == 1


def test_manifests_are_looked_at_before_they_are_applied(script: Script) -> None:
    with pytest.raises(InputError, match="no-such-file"):
        script.action({"apply": ["manifests/booksapp/no-such-file.yaml"]})
    action, _ = script.action({"apply": ["manifests/booksapp/error-injector.yaml"]})
    assert action.verb == "apply"


def test_a_sender_is_there_once(script: Script) -> None:
    with pytest.raises(InputError, match="there already"):
        script.sender(PodSender, "webapp", WEBAPP)


def test_names_are_made_unique(script: Script) -> None:
    assert script.free_name("works") == "works"
    script.expectation({"expect": "works", "send": BOOKS, "every": {"status": 200}})
    assert script.free_name("works") == "works-2"


def test_the_line_is_that_of_the_tests_own_file(script: Script) -> None:
    elsewhere: dict[str, Any] = {}
    exec(compile("\n\n\ndef ask(script): return script.line_now()", "elsewhere.py", "exec"), elsewhere)
    assert elsewhere["ask"](script) == sys._getframe().f_lineno
    assert told_by("test_other.py").line_now() == 7, "where the test begins"


def test_the_line_is_known_also_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    script = told_by(Path(__file__).name)
    monkeypatch.chdir(tmp_path)
    assert script.line_now() == sys._getframe().f_lineno


SHARED = {"split": {"answered-by": {"books": "90%", "authors": "10%"}, "resolution": "5pp"}}
ALL_THE_TIME = {"expect": "always", "send": BOOKS, "every": {"status": 200}}


def test_requests_all_the_time_are_counted_with_others_only_while_they_are_sent(script: Script) -> None:
    script.expectation({"expect": "before", "send": BOOKS, **SHARED})
    with script.watched(script.watch(ALL_THE_TIME)):
        script.action({"apply": ["manifests/booksapp/error-injector.yaml"]})
        with pytest.raises(InputError, match="counts the requests of 'always' as well"):
            script.expectation({"expect": "meanwhile", "send": BOOKS, **SHARED})
    script.expectation({"expect": "meanwhile", "send": BOOKS, **SHARED})


def test_claims_without_end_stay_within_the_budget() -> None:
    alphas = [alpha_of_next(made, 1e-4) for made in range(20_000)]
    assert sum(alphas) < 1e-4
    assert alphas[0] == 1e-6, "no claim is bolder than the usual one"
    assert sum(alpha_of_next(made, 1e-7) for made in range(20_000)) == pytest.approx(1e-7, rel=1e-3)


def test_everything_a_test_may_import_is_there() -> None:
    for name in harness.__all__:
        assert getattr(harness, name).__name__ == name
    with pytest.raises(AttributeError, match="Mush"):
        harness.Mush  # noqa: B018
