"""How plain tests end: what their claims and their own failures are in reports, and whether what they did stays.

The session is a real one, on a cluster that nobody asks for anything.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from harness.cluster.provider import Cluster
from harness.errors import Exit
from harness.kube.apply import Applier, Ledger
from harness.plain.asking import Sender
from harness.record import read_record
from harness.report.story import Story, tell
from harness.run import events as ev
from harness.run.keep import Keep
from harness.run.session import Session
from harness.scenario.clusters import Profile

ROOT = Path(__file__).parents[3]
BROKEN = """\
import pytest
from harness import Mesh
from harness.plain.claims import Broken
from harness.tests.report.made import result
from harness.verdict.judgement import Verdict

def claim(mesh: Mesh) -> None:
    mesh._run.add(one := result(Verdict.BROKEN))
    raise Broken(one)
"""


class Undone:
    """Takes the place of what is undone: what is said of it, and how often it was asked for.

    turn  what scenarios take turns on
    """

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.times = 0
        self.turn = ""

    def undo(self, ledger: Ledger) -> list[str]:
        self.times += 1
        return self.sentences


@pytest.fixture
def undone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Undone:
    """A project with the plugin, and what happens to what its tests do."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    shutil.copytree(ROOT / "fixtures", pytester.path / "fixtures")
    pytester.makeconftest('pytest_plugins = ["harness.pytest_plugin"]')
    pytester.makeini("[pytest]\naddopts = -p no:looptime_plugin")
    undone = Undone()
    monkeypatch.setattr(Applier, "undo", lambda self, ledger: undone.undo(ledger))

    @contextmanager
    def open_session(profile: Profile, emit: ev.Emit, *, alpha: float, keep: Keep) -> Iterator[Session]:
        cluster = Cluster("made-up", Path("/nowhere"), profile.rules, turn=undone.turn)
        nobody: Any = None
        yield Session(profile, cluster, nobody, "ab12", emit, lambda: None, alpha=alpha, keep=keep)

    monkeypatch.setattr("harness.pytest_worker.open_session", open_session)
    return undone


def ran(pytester: pytest.Pytester, *options: str) -> tuple[pytest.RunResult, Story]:
    """How the tests went, and what the record tells."""
    outcome = pytester.runpytest_inprocess("--signalbox-report=out", *options, no_reraise_ctrlc=True)
    return outcome, tell(read_record(pytester.path / "out" / "run.ndjson.gz"))


@pytest.mark.parametrize(
    ("fails", "told"),
    [("claim(mesh)", ()), ("raise ValueError('not mine')", ("its setup failed: ValueError: not mine",))],
)
def test_what_breaks_in_a_fixture_is_how_the_test_ends(
    pytester: pytest.Pytester, undone: Undone, fails: str, told: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        BROKEN + f"\n@pytest.fixture\ndef proved(mesh):\n    {fails}\n\ndef test_it(proved):\n    pass\n"
    )
    outcome, story = ran(pytester, "--signalbox-keep=on-failure")
    outcome.assert_outcomes(errors=1)
    outcome.stdout.fnmatch_lines(["*signalbox*", "*test_it*"])
    assert story.exit_code is Exit.BROKEN
    assert [one.failures for one in story.scenarios] == [told]
    assert undone.times == 0, "what broke is left to be looked at"


def test_a_fixture_that_skips_is_no_failure(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile(
        "import pytest\n@pytest.fixture\ndef absent(mesh):\n    pytest.skip('no')\n\ndef test_it(absent): pass\n"
    )
    outcome, story = ran(pytester, "--signalbox-keep=on-failure")
    outcome.assert_outcomes(skipped=1)
    assert story.exit_code is Exit.HELD
    assert undone.times == 1


def test_what_cannot_be_undone_is_an_error_beside_the_tests_own_failure(
    pytester: pytest.Pytester, undone: Undone
) -> None:
    pytester.makepyfile("def test_it(mesh):\n    assert False, 'mine'\n")
    undone.sentences = ["the test failed: AssertionError: mine"]  # whatever it says, it is no failure of the test
    outcome, story = ran(pytester)
    outcome.assert_outcomes(failed=1, errors=1)
    assert len(story.scenarios[0].failures) == 2
    undone.sentences = []
    outcome, story = ran(pytester)
    outcome.assert_outcomes(failed=1)
    assert story.scenarios[0].failures[0].startswith("the test failed: AssertionError: mine")


def test_ctrl_c_in_a_test_is_told_and_what_it_did_is_undone(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile("def test_it(mesh):\n    raise KeyboardInterrupt\n")
    outcome, story = ran(pytester, "--signalbox-keep=on-failure")
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert story.aborted == ev.RunAborted(Exit.INTERRUPTED, "interrupted")
    assert [one.failures for one in story.scenarios] == [("the test was interrupted",)]
    assert undone.times == 1


def test_whoever_ends_pytest_by_a_call_has_interrupted_the_run(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile(
        "import pytest\ndef test_it(mesh): pass\n\ndef test_end(): pytest.exit('enough', returncode=7)\n"
    )
    outcome, story = ran(pytester)
    assert outcome.ret == 7
    assert story.exit_code is Exit.INTERRUPTED


def test_a_process_that_is_terminated_writes_its_reports(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile("import os, signal\ndef test_it(mesh):\n    os.kill(os.getpid(), signal.SIGTERM)\n")
    outcome, story = ran(pytester)
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert story.exit_code is Exit.INTERRUPTED
    assert undone.times == 1
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("option", ["-x", "--stepwise"])
def test_a_run_that_stops_at_its_first_failure_is_broken_and_not_interrupted(
    pytester: pytest.Pytester, undone: Undone, option: str
) -> None:
    pytester.makepyfile(BROKEN + "\ndef test_it(mesh):\n    claim(mesh)\n\ndef test_that(mesh): pass\n")
    _, story = ran(pytester, option)
    assert (story.aborted, story.exit_code) == (None, Exit.BROKEN)
    assert len(story.scenarios) == 1


def test_of_all_that_ends_a_run_the_worst_is_told(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile(
        "from harness.errors import *\n"
        "def test_it(mesh): raise InputError([Finding('x', 1, 'no such app')])\n"
        "def test_that(mesh): raise EnvironmentFailed('no disk')\n"
        "def test_there(mesh): raise InputError([Finding('y', 2, 'no such host')])\n"
    )
    _, story = ran(pytester)
    assert story.aborted == ev.RunAborted(Exit.INPUT, "bad input", "x:1: no such app\ny:2: no such host")


def test_nothing_follows_on_a_cluster_that_another_worker_has_left(
    pytester: pytest.Pytester, undone: Undone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path))
    undone.turn = "scenario on made-up"
    pytester.makepyfile(BROKEN + "\ndef test_it(mesh):\n    claim(mesh)\n")
    outcome, _ = ran(pytester)
    outcome.assert_outcomes(failed=1)
    ran(pytester)[0].assert_outcomes(failed=1)
    ran(pytester, "--signalbox-keep=on-failure")[0].assert_outcomes(failed=1)
    outcome, story = ran(pytester)
    outcome.assert_outcomes(skipped=1)
    assert (story.exit_code, story.scenarios) == (Exit.HELD, [])


TWINS = """
import pytest

@pytest.mark.parametrize("sign", ["+", "-"])
class TestA:
    def test_it(self, mesh, sign):
        claim(mesh)

class TestB:
    def test_it(self, mesh):
        claim(mesh)

def test_B_test_it(mesh):
    claim(mesh)
"""


def test_tests_that_are_called_alike_are_told_apart(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile(test_twins=BROKEN + TWINS)
    _, story = ran(pytester)
    names = [one.name for one in story.scenarios]
    assert names[:2] == ["test-twins-TestA-test-it", "test-twins-TestA-test-it-2"]
    assert len(set(names)) == len(names) == 4


def test_what_to_do_next_names_the_test_and_the_cluster(
    pytester: pytest.Pytester, undone: Undone, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def played(*_: object, hint: str, **more: object) -> AbstractContextManager[None]:
        told.append(hint)
        return nullcontext()

    monkeypatch.setattr("harness.pytest_plugin.played", played)
    pytester.mkdir("below").joinpath("test_twins.py").write_text(TWINS)
    monkeypatch.chdir(pytester.path / "below")
    pytester.runpytest_inprocess("--signalbox-cluster=embedded-edge", "--rootdir", pytester.path)
    assert told == [
        f"pytest {node} --signalbox-cluster embedded-edge --signalbox-keep on-failure   (leaves the cluster up)"
        for node in (
            "'test_twins.py::TestA::test_it[+]'",
            "'test_twins.py::TestA::test_it[-]'",
            "test_twins.py::TestB::test_it",
            "test_twins.py::test_B_test_it",
        )
    ]


def test_a_failure_shows_the_tests_lines_and_none_of_ours(pytester: pytest.Pytester, undone: Undone) -> None:
    pytester.makepyfile("""
        from harness.plain.asking import Sender

        def test_it(mesh):
            web = Sender("web", None, mesh._requests, None)
            web.requests("GET", "http://books/", rate="200")
        """)
    outcome, _ = ran(pytester)
    outcome.stdout.fnmatch_lines(["mesh = <mesh on made-up>", "*InputError: *: rate: '200' is not a rate*"])
    outcome.stdout.no_fnmatch_line("*harness/plain*")


def test_what_tests_are_given_is_shown_in_few_words() -> None:
    nobody: Any = None
    assert repr(Sender("web", nobody, nobody, nobody)) == "<sender web>"


WORKERS = """
import os, signal
from contextlib import contextmanager
from pathlib import Path
import harness.pytest_worker
from harness.cluster.provider import Cluster
from harness.kube.apply import Applier
from harness.run.session import Session

pytest_plugins = ["harness.pytest_plugin"]

@contextmanager
def open_session(profile, emit, *, alpha, keep):
    cluster = Cluster("made-up", Path("/nowhere"), profile.rules)
    yield Session(profile, cluster, None, "ab12", emit, lambda: None, alpha=alpha, keep=keep)

harness.pytest_worker.open_session = open_session
Applier.undo = lambda self, ledger: []

def pytest_runtest_logreport(report):
    if report.when == "call" and "PYTEST_XDIST_WORKER" not in os.environ:
        {end}
"""


@pytest.mark.cluster
@pytest.mark.parametrize(
    "end", ["raise KeyboardInterrupt", "os.kill(os.getpid(), signal.SIGTERM)"], ids=["INT", "TERM"]
)
def test_who_ends_a_run_of_workers_has_interrupted_all_of_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    for variable in ("GITHUB_STEP_SUMMARY", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(variable, raising=False)
    shutil.copytree(ROOT / "fixtures", pytester.path / "fixtures")
    pytester.makeini("[pytest]\naddopts = -p no:looptime_plugin")
    pytester.makeconftest(WORKERS.replace("{end}", end))
    pytester.makepyfile("def test_it(mesh): pass\ndef test_that(mesh): pass\n")
    outcome = pytester.runpytest_subprocess("-n1", "--signalbox-report=out", timeout=180)
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    story = tell(read_record(pytester.path / "out" / "run.ndjson.gz"))
    assert story.aborted is not None
    assert story.aborted.word == "interrupted"
    assert (pytester.path / "out" / "summary.md").read_text(encoding="utf-8").startswith("## Signalbox: interrupted")
    assert not (pytester.path / "out" / ".workers").exists()
