"""`signalbox stat` and `authz` as commands: what they refuse, which cluster they ask, where their words go."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from harness import viz_commands
from harness.cli import cli
from harness.cluster.kubeconfig import server_of
from harness.cluster.provider import Cluster
from harness.dialect import LINKERD_2_14
from harness.errors import InputError
from harness.kube.client import Kube
from harness.mesh.counting import only_pods
from harness.mesh.targets import Target
from harness.mesh.watch import Wanted, Watched
from harness.mesh.workloads import Workload, WorkloadKey
from harness.tests.mesh.snapshots import BOOKS, WEBAPP, after_ten_seconds, empty, responses

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {}}]
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, standalone_mode=False)


def kept(monkeypatch: pytest.MonkeyPatch, *kubeconfigs: Path) -> None:
    clusters = [Cluster(path.parent.name, path, LINKERD_2_14) for path in kubeconfigs]
    monkeypatch.setattr(viz_commands, "kept_clusters", lambda: clusters)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    kept(monkeypatch)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The kubeconfigs of the clusters that were asked; each has the Deployments webapp and books."""
    paths: list[Path] = []

    def watch(kube: Kube, wanted: Wanted, seconds: float) -> Watched:
        paths.append(kube.kubeconfig)
        counted = after_ten_seconds({BOOKS: (responses("inbound", "success", 20),), WEBAPP: ()})
        return Watched(empty(BOOKS, WEBAPP), only_pods(counted, wanted), ("b/x is left out: it is mute",))

    def read_workloads(kube: Kube, target: Target) -> dict[WorkloadKey, Workload]:
        every = {("booksapp", name): Workload("booksapp", name, 1, 1) for name in ("books", "webapp")}
        return {key: one for key, one in every.items() if target.namespace in ("", key[0])}

    monkeypatch.setattr(viz_commands, "watch", watch)
    monkeypatch.setattr(viz_commands, "read_workloads", read_workloads)
    return paths


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "kubeconfig"
    path.parent.mkdir()
    path.write_text(KUBECONFIG)
    return path


def test_the_table_goes_to_stdout_and_the_rest_to_stderr(asked: list[Path], kubeconfig: Path) -> None:
    result = run("stat", "deploy", "-n", "booksapp", "-t", "1m30s", "--kubeconfig", str(kubeconfig))
    assert result.exception is None
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["NAME", "MESHED", "SUCCESS"],
        ["books", "1/1", "100.00%"],
        ["webapp", "1/1", "-"],
    ]
    assert result.stderr == "counting for 1m30s from now on\nb/x is left out: it is mute\n"


def test_nothing_found_is_said_on_stderr_and_is_no_error(asked: list[Path], kubeconfig: Path) -> None:
    result = run("stat", "deploy", "-n", "empty", "--kubeconfig", str(kubeconfig))
    assert (result.exception, result.stdout) == (None, "")
    assert "No traffic found.\n" in result.stderr
    assert run("stat", "deploy", "-n", "empty", "-o", "json", "--kubeconfig", str(kubeconfig)).stdout == "[]\n"


def test_authz_prints_its_table(asked: list[Path], kubeconfig: Path) -> None:
    result = run("authz", "deploy/books", "-n", "booksapp", "--kubeconfig", str(kubeconfig))
    assert result.stdout.splitlines()[0].startswith("ROUTE  SERVER")
    assert result.stdout.splitlines()[1].split() == ["0.0rps", "100.00%", "2.0rps", "0ms", "0ms", "0ms"]


def test_the_environment_names_the_cluster_and_the_option_another(
    asked: list[Path], kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(other))
    run("stat", "ns")
    run("stat", "ns", "--kubeconfig", str(kubeconfig))
    assert asked == [other, kubeconfig]


def test_the_only_kept_cluster_is_asked(asked: list[Path], kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(monkeypatch, kubeconfig)
    run("stat", "ns")
    assert asked == [kubeconfig]


@pytest.mark.parametrize("words", [("--context", "d"), ("--cluster", "existing", "--context", "d")])
def test_a_context_is_asked_though_another_one_is_current(
    monkeypatch: pytest.MonkeyPatch, kubeconfig: Path, words: tuple[str, ...]
) -> None:
    document = yaml.safe_load(KUBECONFIG)
    document["clusters"].append({"name": "d", "cluster": {"server": "http://127.0.0.1:10"}})
    document["contexts"].append({"name": "d", "context": {"cluster": "d", "user": "u"}})
    kubeconfig.write_text(yaml.safe_dump(document))
    servers = []

    def stat(kube: Kube, queries: object, seconds: float) -> tuple[()]:
        servers.append(server_of(kube.kubeconfig.read_text()))
        return ()

    monkeypatch.setattr(viz_commands, "_stat", stat)
    assert run("stat", "ns", *words, "--kubeconfig", str(kubeconfig)).exception is None
    assert servers == ["http://127.0.0.1:10"]


def test_an_existing_cluster_is_never_that_of_the_current_context(asked: list[Path], kubeconfig: Path) -> None:
    result = run("stat", "ns", "--cluster", "existing", "--kubeconfig", str(kubeconfig))
    assert "name the context to run on" in str(result.exception)
    result = run("authz", "ns", "--context", "e", "--kubeconfig", str(kubeconfig))
    assert "'e'" in str(result.exception)
    assert asked == []


def test_a_profile_means_a_kept_cluster_of_it(
    asked: list[Path], kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cluster.embedded.kept", lambda: [Cluster("mine", kubeconfig, LINKERD_2_14)])
    assert run("stat", "ns", "--cluster", "embedded").exception is None
    assert asked == [kubeconfig]
    assert "no embedded cluster of linkerd-edge is kept" in str(
        run("stat", "ns", "--cluster", "embedded-edge").exception
    )


def test_the_kubeconfig_of_home_is_never_taken(asked: list[Path], tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(KUBECONFIG)
    result = run("stat", "ns")
    assert isinstance(result.exception, InputError)
    assert "no cluster is kept" in str(result.exception)
    assert asked == []


def test_several_kept_clusters_are_told_apart_by_the_caller(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(monkeypatch, kubeconfig, Path("/run/other/kubeconfig"))
    assert "(mine, other)" in str(run("stat", "ns").exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("stat deplo", "did you mean 'deploy'"),
        ("stat deploy -n a -A", "exclude each other"),
        ("stat deploy --from deploy/a --to deploy/b", "exclude each other"),
        ("stat deploy --from svc/a", "a Service sends nothing"),
        ("stat deploy a -A", "leave out --all-namespaces"),
        ("stat deploy -t 5", "'5' is not a duration"),
        ("authz svc/a", "authorization happens in pods"),
        ("authz deploy a b", "takes one"),
        ("stat ns --kubeconfig /no/such/file", "there is no such kubeconfig"),
    ],
)
def test_mistakes_are_named(words: str, sentence: str) -> None:
    result = run(*words.split())
    assert isinstance(result.exception, InputError | click.UsageError)
    assert sentence in str(result.exception)


@pytest.mark.parametrize("text", ["hello: 1\n", "", "{", "words", "[1]", "contexts: 3\ncurrent-context: a\n"])
def test_a_file_that_is_no_kubeconfig_is_bad_input(tmp_path: Path, text: str) -> None:
    path = tmp_path / "k"
    path.write_text(text)
    result = run("stat", "ns", "--kubeconfig", str(path))
    assert isinstance(result.exception, InputError)
    assert f"{path}: this is no kubeconfig" in str(result.exception)
