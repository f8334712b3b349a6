"""From nothing to a verdict and back on k3d and kind: create, Linkerd, apps, scenario, delete, all by their commands.

The commands are doubles, the clusters behind them embedded ones; see `doubles.py`. Most failures are met below the
command line, which only prints them and ends with their exit code.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.cluster.provider import Cluster
from harness.cluster.providers import provider
from harness.errors import ClusterLost, EnvironmentFailed, Exit
from harness.kube.client import Kube
from harness.mesh.linkerd import install_part
from harness.run.bring_up import bring_up, release_of
from harness.scenario.project import Project
from harness.tests.cluster.conftest import Bench

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
PATIENCE = 300.0
BRIEF = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {{name: {name}}}
spec:
  description: podinfo answers.
  cluster: linkerd
  apps: [podinfo-a]
  senders:
    frontend: {{namespace: test, serviceAccount: default}}
  steps:
    - name: asked
      then:
        - expect: it-answers
          send: {{from: frontend, request: GET http://backend-a-podinfo.test:9898/api/info}}
          every: {{status: 200, by: app, times: 20}}
"""


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


def test_a_scenario_holds_and_nothing_is_left(bench: Bench) -> None:
    with bench.run("kind-edge", DOUBLES_DIALECT="linkerd-edge") as running:
        assert running.wait(PATIENCE) == Exit.HELD, "".join(running.lines)
        running.assert_nothing_left()
        assert any("every expectation holds" in line for line in running.lines)
    bench.assert_nothing_left()
    calls = bench.calls()
    charts = [call.split()[4] for call in calls if call.startswith("helm upgrade --install")]
    assert charts == ["linkerd-crds", "linkerd-control-plane"]
    assert any(call.startswith("docker save") and "--platform linux/" in call for call in calls)


def test_two_workers_of_pytest_share_one_cluster_and_the_last_one_takes_it_away(bench: Bench) -> None:
    (bench.project / "scenarios").mkdir()
    for name in ("one", "two"):
        (bench.project / "scenarios" / f"{name}.yaml").write_text(BRIEF.format(name=name))
    (bench.project / "conftest.py").write_text('pytest_plugins = ["harness.pytest_plugin"]\n')
    options = ("-n", "2", "--signalbox-cluster", "k3d", "-q", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "scenarios", *options],
        cwd=bench.project,
        env={**os.environ, **bench.environment()},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    verbs = [call.split()[2] for call in bench.calls() if call.startswith("k3d cluster")]
    assert (verbs.count("create"), verbs.count("delete")) == (1, 1)
    bench.assert_nothing_left()


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


@pytest.mark.parametrize("profile", ["k3d", "kind"])
def test_a_tool_that_says_ready_too_early_is_found_out(
    here: Bench, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    monkeypatch.setattr(f"harness.cluster.{profile}.API_SECONDS", 1.0)
    here.told_to("wait-lies")
    with pytest.raises(EnvironmentFailed, match="API was not ready within 1 s"):
        made(here, profile)
    here.assert_nothing_left()


def test_a_linkerd_command_of_another_version_is_refused(here: Bench) -> None:
    (here.home / "bin" / "helm").unlink()
    here.told_to("other-linkerd")
    with pytest.raises(EnvironmentFailed) as caught:
        made(here, "k3d")
    text = str(caught.value)
    assert "✗ helm or linkerd: no helm, and linkerd is edge-25.1.1" in text
    assert "or linkerd stable-2.14.10" in text
    assert not any(call.startswith("k3d cluster create") for call in here.calls())
    here.assert_nothing_left()
    release, kube = release_of(Project(here.project).profile("k3d")[1]), SimpleNamespace(kubeconfig=here.home)
    with pytest.raises(EnvironmentFailed, match=r"is edge-25\.1\.1, and this profile wants stable-2\.14\.10"):
        install_part(cast(Kube, kube), release, "linkerd-crds", here.home, progress=print)


def test_everything_that_is_missing_is_said_at_once_and_nothing_is_begun(here: Bench) -> None:
    for program in ("k3d", "helm", "linkerd"):
        (here.home / "bin" / program).unlink()
    here.told_to("daemon-down")
    with socket.create_server(("127.0.0.1", here.ingress_port)), pytest.raises(EnvironmentFailed) as caught:
        made(here, "k3d")
    text = str(caught.value)
    assert text.startswith("a k3d cluster cannot be had: 4 of ")
    for words in (
        "✗ Docker answers: Cannot connect",
        "✗ k3d 5.6.0 or newer: not installed",
        "✗ helm or linkerd: neither is installed",
        f"✗ port {here.ingress_port} is free: Address already in use",
    ):
        assert words in text
    assert text.count("remedy:") == 4
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
