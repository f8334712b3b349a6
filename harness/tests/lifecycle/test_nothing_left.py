"""After a run, however it ends, no process, port or file of it remains."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from harness.errors import Exit
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef
from harness.tests.lifecycle.running import Running, signalbox

SCENARIO = "scenarios/tutorial/fault-injection.yaml"
IN_THE_MIDDLE = "one-call-in-ten-gets-500"
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def stop_by(number: signal.Signals) -> Running:
    with signalbox("run", SCENARIO) as running:
        running.await_line("books-never-fails")
        running.look()
        assert running.family, "a cluster must have been running, or the test shows nothing"
        running.process.send_signal(number)
        running.wait(30)
        running.assert_nothing_left()
        return running


def test_after_success() -> None:
    with signalbox("run", SCENARIO) as running:
        assert running.wait() == Exit.HELD, "".join(running.lines)
        assert running.family
        running.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_after_an_interrupt(number: signal.Signals) -> None:
    running = stop_by(number)
    assert running.process.returncode == Exit.INTERRUPTED
    assert not any("Traceback" in line for line in running.lines), "".join(running.lines)


def test_after_kill_9_of_the_command() -> None:
    assert stop_by(signal.SIGKILL).process.returncode == -signal.SIGKILL


def test_after_kill_9_of_the_supervisor() -> None:
    with signalbox("run", SCENARIO) as running:
        running.await_line("books-never-fails")
        running.find("harness.embedded").kill()
        assert running.wait(30) == Exit.ENVIRONMENT
        running.assert_nothing_left()


def test_interrupted_while_the_cluster_starts() -> None:
    with signalbox("run", SCENARIO) as running:
        running.await_line("scenario(s) on profile")
        running.process.send_signal(signal.SIGINT)
        assert running.wait(30) == Exit.INTERRUPTED
        running.assert_nothing_left()


def test_envoy_dying_in_the_middle_is_the_environments_failure_and_no_verdict() -> None:
    with signalbox("run", SCENARIO) as running:
        running.await_line("settled")
        running.find("envoy/_bin/envoy").kill()
        assert running.wait(60) == Exit.ENVIRONMENT, "".join(running.lines)
        text = "".join(running.lines)
        assert "envoy" in text.lower()
        assert "BROKEN" not in text
        assert "Traceback" not in text
        running.assert_nothing_left()


def test_envoy_missing_is_the_environments_failure() -> None:
    with signalbox("run", SCENARIO, environment={"ENVOY_BIN": "/nonexistent/envoy"}) as running:
        assert running.wait(30) == Exit.ENVIRONMENT
        text = "".join(running.lines)
        assert "/nonexistent/envoy" in text
        assert "Traceback" not in text
        running.assert_nothing_left()


def test_two_runs_at_once_both_hold() -> None:
    with signalbox("run", SCENARIO) as one, signalbox("run", SCENARIO) as two:
        assert one.wait() == Exit.HELD, "".join(one.lines)
        assert two.wait() == Exit.HELD, "".join(two.lines)
        one.assert_nothing_left()
        two.assert_nothing_left()


def test_a_kept_cluster_outlives_its_command_and_goes_when_told() -> None:
    with signalbox("up", "--name", "kept-by-a-test") as up:
        assert up.wait(30) == Exit.HELD, "".join(up.lines)
        environment = {"TMPDIR": str(up.scratch)}
        try:
            with signalbox("clusters", environment=environment) as listed:
                assert listed.wait(20) == Exit.HELD
                assert any(line.startswith("kept-by-a-test ") for line in listed.lines)
        finally:
            with signalbox("down", "kept-by-a-test", environment=environment) as down:
                assert down.wait(30) == Exit.HELD, "".join(down.lines)
        up.assert_nothing_left()


def test_apps_come_with_a_kept_cluster_or_later_and_say_where_they_are() -> None:
    with signalbox("up", "--name", "town", "--app", "podinfo-a") as up:
        assert up.wait(90) == Exit.HELD, "".join(up.lines)
        assert "# podinfo-a is ready\n" in up.lines
        environment = {"TMPDIR": str(up.scratch)}
        try:
            with signalbox("up", "--name", "town", "--app", "podinfo-frontend", environment=environment) as again:
                assert again.wait(60) == Exit.HELD, "".join(again.lines)
                assert "# town runs already\n" in again.lines
                assert any(line.startswith("#   http://podinfo.local:") for line in again.lines)
        finally:
            with signalbox("down", environment=environment) as down:
                assert down.wait(30) == Exit.HELD, "".join(down.lines)
                assert down.lines == ["town is gone\n"]
        up.assert_nothing_left()


def test_up_that_is_interrupted_while_apps_start_leaves_nothing() -> None:
    with signalbox("up", "--name", "half", "--app", "podinfo-a", "--app", "booksapp") as up:
        up.await_line("podinfo-a is ready")
        up.process.send_signal(signal.SIGINT)
        assert up.wait(30) == Exit.INTERRUPTED, "".join(up.lines)
        up.assert_nothing_left()


def test_apps_that_do_not_exist_are_told_before_anything_starts() -> None:
    with signalbox("up", "--app", "dashbord", "--app", "no-such-thing") as up:
        assert up.wait(20) == Exit.INPUT
        text = "".join(up.lines)
        assert "no app is called 'dashbord'; did you mean 'dashboard'?" in text
        assert "no app is called 'no-such-thing'" in text
        up.assert_nothing_left()


def test_taking_down_what_is_not_there_is_bad_input() -> None:
    with signalbox("down", "no-such-cluster") as down:
        assert down.wait(20) == Exit.INPUT


BROKEN = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: broken}
spec:
  description: No visit is 404.
  apps: [podinfo-a]
  senders: {frontend: {namespace: test}}
  steps:
    - name: visits
      given: [{scale: {deployment: test/backend-a-podinfo, replicas: 2}}]
      then:
        - expect: all-are-404
          send: {from: frontend, request: GET http://backend-a-podinfo.test:9898/version}
          every: {status: %s, times: %d}
"""


def test_a_cluster_kept_on_failure_is_as_the_failure_left_it(tmp_path: Path) -> None:
    scenario = tmp_path / "broken.yaml"
    scenario.write_text(BROKEN % (404, 20), encoding="utf-8")
    with signalbox("run", str(scenario), "--keep", "on-failure", "--quiet") as running:
        assert running.wait(90) == Exit.BROKEN, "".join(running.lines)
        (kubeconfig,) = (line.partition("KUBECONFIG=")[2].strip() for line in running.lines if "KUBECONFIG=" in line)
        (name,) = (line.partition("until: signalbox down ")[2].strip() for line in running.lines if "until: " in line)
        try:
            with Kube(Path(kubeconfig)) as kube:
                assert any(pod["metadata"]["name"].startswith("sender-") for pod in kube.objects("v1", "Pod", "test"))
                backend = kube.get(ObjectRef("apps/v1", "Deployment", "test", "backend-a-podinfo"))
            assert backend is not None
            assert backend["spec"]["replicas"] == 2
        finally:
            with signalbox("down", name, environment={"TMPDIR": str(running.scratch)}) as down:
                assert down.wait(30) == Exit.HELD, "".join(down.lines)
        running.assert_nothing_left()


@pytest.mark.parametrize(("keep", "stays"), [("on-failure", False), ("always", True)])
def test_an_interruption_is_no_failure(tmp_path: Path, keep: str, stays: bool) -> None:
    """Ctrl-C shows nothing that somebody wants to look at, unless the cluster is to stay in any case."""
    scenario = tmp_path / "long.yaml"
    scenario.write_text(BROKEN % (200, 100_000), encoding="utf-8")
    with signalbox("run", str(scenario), "--keep", keep, "--report", str(tmp_path / "out")) as running:
        running.await_line("scale test/backend-a-podinfo")
        running.process.send_signal(signal.SIGINT)
        assert running.wait(60) == Exit.INTERRUPTED, "".join(running.lines)
        told = "".join(running.lines)
        assert ("signalbox down" in told) is stays
        assert "interrupted" in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
        if stays:
            with signalbox("down", environment={"TMPDIR": str(running.scratch)}) as down:
                assert down.wait(30) == Exit.HELD, "".join(down.lines)
        running.assert_nothing_left()


def test_a_cluster_that_is_to_stay_goes_with_a_command_that_is_killed(tmp_path: Path) -> None:
    """Nobody would know that it is there: the words that say so were not printed."""
    scenario = tmp_path / "long.yaml"
    scenario.write_text(BROKEN % (200, 100_000), encoding="utf-8")
    with signalbox("run", str(scenario), "--keep", "always") as running:
        running.await_line("scale test/backend-a-podinfo")
        running.process.kill()
        running.wait(30)
        running.assert_nothing_left()
