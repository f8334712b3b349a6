"""From nothing to a verdict and back on k3d and kind: create, Linkerd, apps, scenario, delete, all by their commands.

The commands are doubles, the clusters behind them embedded ones; see `doubles.py`. Most failures are met below the
command line, which only prints them and ends with their exit code.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from harness.cluster.provider import Cluster
from harness.cluster.providers import provider
from harness.errors import ClusterLost, EnvironmentFailed, Exit
from harness.run.bring_up import bring_up
from harness.scenario.project import Project
from harness.tests.cluster.conftest import Bench

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
PATIENCE = 300.0


@pytest.fixture
def here(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The machine full of doubles is this process's own."""
    for name, value in bench.environment().items():
        monkeypatch.setenv(name, value)
    return bench


def made(bench: Bench, profile: str, said: list[str] | None = None, *, keep: bool = False) -> Cluster:
    """A cluster of the profile."""
    _, wanted = Project(bench.project).profile(profile)
    progress = (said if said is not None else []).append
    return bring_up(wanted, "mine", progress=progress, keep=keep)


def await_file(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} does not come"
        time.sleep(0.05)


@pytest.mark.parametrize(("profile", "dialect"), [("k3d", "linkerd-2.14"), ("kind-edge", "linkerd-edge")])
def test_a_scenario_holds_and_nothing_is_left(bench: Bench, profile: str, dialect: str) -> None:
    with bench.run(profile, DOUBLES_DIALECT=dialect) as running:
        assert running.wait(PATIENCE) == Exit.HELD, "".join(running.lines)
        running.assert_nothing_left()
        assert any("every expectation holds" in line for line in running.lines)
    bench.assert_nothing_left()
    calls = bench.calls()
    charts = [call.split()[4] for call in calls if call.startswith("helm upgrade --install")]
    assert charts == ["linkerd-crds", "linkerd-control-plane"]
    assert any(call.startswith("docker save") and "--platform linux/" in call for call in calls)


def test_a_kept_cluster_is_used_again_looked_after_and_taken_away(here: Bench) -> None:
    (here.home / "bin" / "helm").unlink()
    said: list[str] = []
    kept = made(here, "k3d", said, keep=True)
    assert any("by the linkerd command" in line for line in said)
    assert "built image signalbox/dashboard:dev" in said
    saved = next(call for call in here.calls() if call.startswith("docker save"))
    assert "signalbox/dashboard:dev" in saved
    k3d = provider("k3d")
    k3d.check(kept)
    assert any("k3d-mine-server-0 (running)" in line for line in k3d.diagnostics(kept))
    k3d.release(kept)
    assert [(one.name, one.shared) for one in k3d.kept()] == [("mine", True)]

    again = made(here, "k3d", said)
    assert said[-1] == "uses mine, which is there already"
    assert again.shared
    with pytest.raises(EnvironmentFailed, match="in use by another process"):
        k3d.delete(k3d.kept()[0])
    k3d.release(again)

    here.told_to("node-dies")
    with pytest.raises(ClusterLost, match="k3d-mine-server-0 is exited"):
        k3d.check(kept)
    here.told_to()
    k3d.delete(k3d.kept()[0])
    here.assert_nothing_left()


FAILURES = {
    "half-made": ("k3d", "create-half", "did not come up", "k3d cluster create says why above"),
    "port-taken-meanwhile": ("kind", "port-taken", "port is already allocated", "kind says why above"),
    "a-load-that-says-nothing": ("k3d", "load-breaks", "images did not reach the nodes", "is the disk of the nodes"),
    "a-load-that-fails": ("kind", "load-breaks", "content digest", "docker images"),
    "linkerd": ("k3d", "helm-fails", "INSTALLATION FAILED", "linkerd check"),
    "injector": ("kind", "injector-trusts-nobody", "no pod would get a proxy", "linkerd check"),
}


@pytest.mark.parametrize("case", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_says_what_to_do_and_leaves_nothing(here: Bench, case: tuple[str, str, str, str]) -> None:
    profile, word, words, remedy = case
    here.told_to(word, "old-engine")
    said: list[str] = []
    with pytest.raises(EnvironmentFailed) as caught:
        made(here, profile, said)
    assert words in caught.value.message
    if word != "port-taken":  # then no container has come to be
        assert any("(running): " in line for line in said), said
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == Exit.ENVIRONMENT
    here.assert_nothing_left()
    assert not any("--platform" in call for call in here.calls() if call.startswith("docker save"))


def test_a_tool_that_says_ready_too_early_is_found_out(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cluster.kind.API_SECONDS", 1.0)
    here.told_to("wait-lies")
    with pytest.raises(EnvironmentFailed, match="API was not ready within 1 s"):
        made(here, "kind")
    here.assert_nothing_left()


def test_a_linkerd_command_of_another_version_is_refused(here: Bench) -> None:
    (here.home / "bin" / "helm").unlink()
    here.told_to("other-linkerd")
    with pytest.raises(EnvironmentFailed, match=r"is edge-25\.1\.1, and this profile wants stable-2\.14\.10"):
        made(here, "k3d")
    here.assert_nothing_left()


def test_everything_that_is_missing_is_said_at_once_and_nothing_is_begun(here: Bench) -> None:
    for program in ("k3d", "helm", "linkerd"):
        (here.home / "bin" / program).unlink()
    here.told_to("daemon-down")
    with pytest.raises(EnvironmentFailed) as caught:
        made(here, "k3d")
    text = str(caught.value)
    assert text.startswith("a k3d cluster cannot be had: 3 of ")
    for words in ("✗ Docker answers: Cannot connect", "✗ k3d 5.6.0 or newer: not installed", "✗ helm or linkerd"):
        assert words in text
    assert text.count("remedy:") == 3
    here.assert_nothing_left()


def test_a_cluster_of_somebody_else_is_not_touched(here: Bench) -> None:
    folder = here.home / "clusters" / "mine"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"provider": "k3d", "port": 1, "images": []}', encoding="utf-8")
    with pytest.raises(EnvironmentFailed, match="there is a k3d cluster called mine that is not ours"):
        made(here, "k3d")
    assert (folder / "state.json").exists()
    assert not any(call.startswith("k3d cluster delete") for call in here.calls())


@pytest.mark.parametrize("word", ["create-hangs", "helm-hangs"])
def test_ctrl_c_while_the_cluster_is_made(bench: Bench, word: str) -> None:
    bench.told_to(word)
    with bench.run("k3d") as running:
        await_file(bench.home / f"{word}-reached")
        running.look()
        running.process.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == Exit.INTERRUPTED, "".join(running.lines)
        running.assert_nothing_left()
    bench.assert_nothing_left()


def test_ctrl_c_while_the_scenario_runs(bench: Bench) -> None:
    with bench.run("k3d") as running:
        running.await_line("apply manifests/podinfo/canary", seconds=PATIENCE)
        running.process.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == Exit.INTERRUPTED, "".join(running.lines)
        running.assert_nothing_left()
    bench.assert_nothing_left()


def test_what_a_killed_run_left_goes_with_the_next(here: Bench) -> None:
    here.told_to("create-hangs")
    with here.run("k3d") as running:
        await_file(here.home / "create-hangs-reached")
        running.process.kill()
        running.wait(PATIENCE)
    left = list((here.home / "clusters").glob("signalbox-*"))
    assert left, "a cluster must be left, or the test shows nothing"
    here.told_to("create-half")
    said: list[str] = []
    with pytest.raises(EnvironmentFailed):
        made(here, "k3d", said)
    assert said[0] == f"removed what a killed run left: {left[0].name}"
    here.assert_nothing_left()
