"""A cluster that somebody else started, reached by a kubeconfig and the name of a context, and left as it was."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from harness.cli import cli
from harness.cluster import existing
from harness.cluster.existing import CONTEXT, KUBECONFIG
from harness.cluster.orphans import is_orphan
from harness.cluster.provider import Cluster, Request
from harness.dialect import LINKERD_2_14
from harness.errors import ClusterLost, EnvironmentFailed, Exit, InputError, SignalboxError
from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef
from harness.tests.cluster.conftest import Theirs
from harness.tests.cluster.limited import limited_user
from harness.tests.lifecycle.running import signalbox

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120), pytest.mark.xdist_group("existing")]


def run(project: Path, *arguments: str, state: Path, code: int) -> str:
    """What `signalbox run short.yaml ARGUMENTS` prints; nothing of it may be left."""
    environment = {"XDG_STATE_HOME": str(state), "HOME": str(state)}
    with signalbox("run", str(project / "short.yaml"), *arguments, environment=environment) as running:
        assert running.wait(90) == code, "".join(running.lines)
        running.assert_nothing_left()
        text = "".join(running.lines)
        assert "Traceback" not in text, text
        return text


def test_a_scenario_holds_and_the_cluster_is_as_it_was(theirs: Theirs, project: Path, tmp_path: Path) -> None:
    before = theirs.namespaces()
    text = run(project, *theirs.options(), state=tmp_path, code=Exit.HELD)
    assert "every expectation holds" in text
    assert theirs.namespaces() == before


def test_after_ctrl_c_the_cluster_is_as_it_was(theirs: Theirs, project: Path, tmp_path: Path) -> None:
    before = theirs.namespaces()
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    scenario = str(project / "short.yaml")
    with signalbox("run", scenario, *theirs.options(), environment=environment) as running:
        running.await_line("apply manifests/podinfo/canary")
        running.process.send_signal(signal.SIGINT)
        assert running.wait(60) == Exit.INTERRUPTED, "".join(running.lines)
        running.assert_nothing_left()
    assert theirs.namespaces() == before


def test_what_a_killed_run_left_goes_with_the_next_one(theirs: Theirs, project: Path, tmp_path: Path) -> None:
    before = theirs.namespaces()
    environment = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    scenario = str(project / "short.yaml")
    with signalbox("run", scenario, *theirs.options(), environment=environment) as killed:
        killed.await_line("apply manifests/podinfo/canary")
        killed.process.kill()
        killed.process.wait()
        assert theirs.namespaces().keys() - before.keys() == {"test"}
        (left,) = killed.scratch.glob("sb-existing-*")
        assert (left / "kubeconfig").exists()
        same_machine = {**environment, "TMPDIR": str(killed.scratch)}
        with signalbox("run", scenario, *theirs.options(), environment=same_machine) as running:
            assert running.wait(90) == Exit.HELD, "".join(running.lines)
        text = "".join(running.lines)
        assert f"removed what a killed run left: namespace test of {theirs.context}\n" in text
        assert f"removed what a killed run left: {left}\n" in text
        killed.assert_nothing_left()
    assert theirs.namespaces() == before


def orphan(monkeypatch: pytest.MonkeyPatch, theirs: Theirs, folder: Path, namespace: str) -> Cluster:
    """Their cluster as a killed process leaves it: nobody holds its folder or its turn."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    cluster = mine(monkeypatch, theirs, folder, namespace)
    cluster.handle.owner.end()
    cluster.handle.turn.end()
    return cluster


def opened() -> tuple[Cluster, list[str]]:
    """Their cluster as the next run gets it, and what that says."""
    said: list[str] = []
    return existing.create(Request("mine", LINKERD_2_14), progress=said.append, furnish=print), said


def test_what_was_to_stay_is_not_what_a_killed_run_left(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the process is killed between leaving word that it stays and removing its folder."""
    before = theirs.namespaces()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        existing.keep(orphan(monkeypatch, theirs, tmp_path, "one"))
    cluster, said = opened()
    existing.release(cluster)
    assert [line for line in said if "namespace" in line] == []
    assert list(tmp_path.glob("sb-existing-*")) == []
    assert theirs.namespaces().keys() - before.keys() == {"one"}
    existing.delete(existing.kept()[0])


def test_of_what_was_left_on_another_cluster_the_credentials_go_and_the_note_stays(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = orphan(monkeypatch, theirs, tmp_path, "one")
    note = left.handle.folder / "guest.json"
    known = note.read_text(encoding="utf-8")
    note.write_text('{"server": "https://127.0.0.1:9", "guest": "abc"}', encoding="utf-8")
    cluster, said = opened()
    existing.release(cluster)
    assert (said, left.kubeconfig.exists(), note.exists()) == ([], False, True)
    note.write_text(known, encoding="utf-8")
    cluster, said = opened()
    existing.release(cluster)
    assert said[0] == f"removed what a killed run left: namespace one of {theirs.context}"
    assert not left.handle.folder.exists()


def test_what_others_still_use_is_no_orphan(theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first = mine(monkeypatch, theirs, tmp_path, "one")
    first.handle.turn.end()
    cluster, said = opened()
    existing.release(cluster)
    assert said == []
    assert first.kubeconfig.exists()
    existing.delete(first)


def up(theirs: Theirs, state: Path, *arguments: str, code: int) -> str:
    """What `signalbox up --cluster existing ARGUMENTS` prints; nothing lies in its temporary folder."""
    environment = {"XDG_STATE_HOME": str(state), "HOME": str(state)}
    with signalbox("up", *theirs.options(), *arguments, environment=environment) as running:
        assert running.wait(90) == code, "".join(running.lines)
        running.assert_nothing_left()
        return "".join(running.lines)


def remembered(state: Path) -> list[Path]:
    return [path for path in state.rglob("*") if path.is_file() and "turn-" not in path.name]


def test_what_up_puts_there_stays_until_down(theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = theirs.namespaces()
    text = up(theirs, tmp_path, "--app", "podinfo-a", "--dashboard", code=Exit.HELD)
    (kubeconfig,) = [line.partition("=")[2] for line in text.splitlines() if line.startswith("export KUBECONFIG=")]
    assert f"one here: python -m harness.dashboard --kubeconfig {kubeconfig}" in text
    assert "# it stays until: signalbox down existing/signalbox" in text
    assert Path(kubeconfig).is_relative_to(tmp_path)
    assert Path(kubeconfig).stat().st_mode & 0o077 == 0
    assert theirs.namespaces().keys() - before.keys() == {"test"}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert "existing/signalbox  linkerd-2.14" in CliRunner().invoke(cli, ["clusters"]).output
    refused = CliRunner().invoke(cli, ["apply", "linkerd-control-plane", "--name", "existing/signalbox"])
    assert isinstance(refused.exception, InputError)
    assert CliRunner().invoke(cli, ["down", "existing/signalbox"]).output == "existing/signalbox is as it was\n"
    assert theirs.namespaces() == before
    assert remembered(tmp_path) == []


def test_up_that_fails_takes_away_what_it_has_put_there(theirs: Theirs, tmp_path: Path) -> None:
    before = theirs.namespaces()
    text = up(theirs, tmp_path, "--app", "podinfo-a", "--app", "dashboard", code=Exit.ENVIRONMENT)
    assert "ClusterRole/signalbox-dashboard belongs to the whole cluster" in text
    assert "remedy: leave it out" in text
    assert "takes away what was installed" in text
    assert theirs.namespaces() == before
    assert remembered(tmp_path) == []


def test_down_waits_for_nobody_and_says_what_to_do_about_a_cluster_that_is_no_more(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("XDG_STATE_HOME", tmp_path), (CONTEXT, theirs.context), (KUBECONFIG, theirs.kubeconfig)):
        monkeypatch.setenv(name, str(value))
    opened = existing.create(Request("mine", LINKERD_2_14), progress=print, furnish=print)
    kept = existing.keep(opened)
    with pytest.raises(EnvironmentFailed, match="existing/signalbox is in use by another process"):
        existing.delete(existing.kept()[0])
    existing.release(kept)
    document = yaml.safe_load(kept.kubeconfig.read_text(encoding="utf-8"))
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    kept.kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
    (found,) = existing.kept()
    with pytest.raises(EnvironmentFailed, match=f"forget it: rm -r {found.kubeconfig.parent}"):
        existing.delete(found)
    assert existing.kept() == [found]


def mine(monkeypatch: pytest.MonkeyPatch, theirs: Theirs, state: Path, namespace: str) -> Cluster:
    """Their cluster as a provider gives it, with one namespace of ours on it."""
    for name, value in (("XDG_STATE_HOME", state), (CONTEXT, theirs.context), (KUBECONFIG, theirs.kubeconfig)):
        monkeypatch.setenv(name, str(value))
    cluster = existing.create(Request("mine", LINKERD_2_14), progress=print, furnish=print)
    with Kube(cluster.kubeconfig) as kube:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        Applier(kube, cluster.guest, guarded=True).apply(manifest, Ledger())
    return cluster


@pytest.mark.parametrize("is_kept", [False, True])
def test_whoever_has_the_turn_takes_away_what_was_put_there(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """As when `signalbox up` is interrupted before or after it is told that the cluster stays."""
    before = theirs.namespaces()
    cluster = mine(monkeypatch, theirs, tmp_path, "one")
    existing.delete(existing.keep(cluster) if is_kept else cluster)
    assert theirs.namespaces() == before
    assert remembered(tmp_path) == []
    assert not cluster.kubeconfig.exists()
    existing.release(existing.create(Request("mine", LINKERD_2_14), progress=print, furnish=print))  # nobody is on it


def test_what_stayed_there_before_stays_when_more_is_taken_back(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = theirs.namespaces()
    existing.release(existing.keep(mine(monkeypatch, theirs, tmp_path, "one")))
    existing.delete(existing.keep(mine(monkeypatch, theirs, tmp_path, "two")))
    assert theirs.namespaces().keys() - before.keys() == {"one"}
    (still,) = existing.kept()
    existing.delete(still)
    assert theirs.namespaces() == before
    assert remembered(tmp_path) == []


def test_what_cannot_be_remembered_leaves_no_credentials(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = mine(monkeypatch, theirs, tmp_path, "one")
    with monkeypatch.context() as patch:
        patch.setattr(existing, "_remember", interrupted)
        with pytest.raises(KeyboardInterrupt):
            existing.keep(cluster)
    existing.delete(cluster)
    assert remembered(tmp_path) == []


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_cannot_be_taken_back_is_named(theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = mine(monkeypatch, theirs, tmp_path, "one")
    wanted = f"kubectl delete ns -l signalbox.dev/run={cluster.guest}"
    with monkeypatch.context() as patch:
        patch.setattr(Kube, "delete", lost)
        with pytest.raises(EnvironmentFailed, match=wanted):
            existing.delete(cluster)
    assert not cluster.kubeconfig.exists()
    with Kube(theirs.kubeconfig) as kube:
        kube.delete(ObjectRef("v1", "Namespace", None, "one"))


def lost(*_: object) -> None:
    raise ClusterLost("the API server went away")


def test_a_folder_that_goes_while_it_is_looked_at_is_nobodys_orphan(tmp_path: Path) -> None:
    """As when two `signalbox down` meet, or the supervisor removes its folder between two looks."""
    assert is_orphan(tmp_path / "gone") is False


def test_a_namespace_that_is_not_ours_is_not_touched(theirs: Theirs, project: Path, tmp_path: Path) -> None:
    ref = ObjectRef("v1", "Namespace", None, "test")
    with Kube(theirs.kubeconfig) as kube:
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}})
        before = theirs.namespaces()
        try:
            text = run(project, *theirs.options(), state=tmp_path, code=Exit.ENVIRONMENT)
            assert "Namespace/test exists already and does not carry our label" in text
            assert theirs.namespaces() == before
            assert kube.objects("apps/v1", "Deployment", "test") == []
        finally:
            kube.delete(ref)


def test_what_belongs_to_the_whole_cluster_is_not_made(theirs: Theirs) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "mine"}}
    elsewhere = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "default"}}
    with Kube(theirs.kubeconfig) as kube:
        applier = Applier(kube, "test", guarded=True)
        with pytest.raises(EnvironmentFailed, match="Node/mine belongs to the whole cluster"):
            applier.apply(node, Ledger())
        with pytest.raises(EnvironmentFailed, match="Namespace/default exists already and does not carry our label"):
            applier.apply(elsewhere, Ledger())
        assert kube.get(ObjectRef.of(node)) is None
        assert kube.get(ObjectRef.of(elsewhere)) is None


def preflight(monkeypatch: pytest.MonkeyPatch, *arguments: str, code: int) -> str:
    """What `signalbox preflight ARGUMENTS` prints, with nothing named by a variable."""
    for variable in (CONTEXT, KUBECONFIG, "KUBECONFIG"):
        monkeypatch.setenv(variable, "")
    result = CliRunner().invoke(cli, ["preflight", *arguments])
    error = result.exception
    text = result.output + (str(error) if isinstance(error, SignalboxError) else "")
    assert (error.exit_code if isinstance(error, SignalboxError) else result.exit_code) == code, text
    return text


def test_a_user_with_too_few_rights_is_told_all_that_are_missing(theirs: Theirs, tmp_path: Path, project: Path) -> None:
    denied = {("create", "pods"), ("patch", "deployments"), ("delete", "deployments"), ("create", "pods/proxy")}
    with limited_user(theirs.kubeconfig, denied, tmp_path / "limited") as kubeconfig:
        options = ("--cluster", "existing", "--context", "limited", "--kubeconfig", str(kubeconfig))
        text = run(project, *options, state=tmp_path, code=Exit.ENVIRONMENT)
    assert "create pods; create pods/proxy; patch,delete deployments.apps" in text
    assert "ClusterRole" in text


def test_a_mesh_with_other_rules_is_refused(theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    text = preflight(monkeypatch, "--cluster", "existing-edge", *theirs.options()[2:], code=Exit.ENVIRONMENT)
    assert "✗ Linkerd keeps the rules of linkerd-edge: stable-2.14.10" in text


def test_a_server_that_is_gone(theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = yaml.safe_load(theirs.kubeconfig.read_text(encoding="utf-8"))
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "gone").write_text(yaml.safe_dump(document), encoding="utf-8")
    options = (*theirs.options()[:4], "--kubeconfig", str(tmp_path / "gone"))
    said = preflight(monkeypatch, *options, code=Exit.ENVIRONMENT)
    assert "✗ the API server at https://127.0.0.1:9 answers" in said
    assert "remedy: kubectl --context signalbox version" in said


def test_a_context_that_nobody_named_is_refused_though_it_is_the_current_one(
    theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--cluster", "existing", "--kubeconfig", str(theirs.kubeconfig))
    assert "name the context to run on" in preflight(monkeypatch, *options, code=Exit.INPUT)


def test_the_kubeconfig_of_the_home_folder_is_never_assumed(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(theirs.kubeconfig.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    text = preflight(monkeypatch, "--cluster", "existing", "--context", theirs.context, code=Exit.INPUT)
    assert "name the kubeconfig" in text


def test_an_unknown_context_names_the_nearest(theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--cluster", "existing", "--context", "signalbx", "--kubeconfig", str(theirs.kubeconfig))
    assert "did you mean 'signalbox'?" in preflight(monkeypatch, *options, code=Exit.INPUT)


def test_the_profile_may_be_named_by_a_variable(theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_CLUSTER", "existing")
    text = preflight(monkeypatch, *theirs.options()[2:], code=Exit.HELD)
    assert all(line.startswith("✓") for line in text.splitlines()), text
    assert "stable-2.14.10" in text
