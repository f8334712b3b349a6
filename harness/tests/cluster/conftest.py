"""A project with one short scenario, a cluster that somebody else has started, and a machine full of doubles."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harness.errors import Exit
from harness.kube.client import Kube
from harness.scenario.project import Project
from harness.tests.cluster.doubles.programs import install
from harness.tests.lifecycle.running import ROOT, Running, signalbox

STORY = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: short}
spec:
  description: Half of the calls to one podinfo go to another.
  cluster: linkerd
  apps: [podinfo-a, podinfo-b]
  senders:
    frontend: {namespace: test, serviceAccount: default}
  steps:
    - name: half and half
      when:
        - apply: manifests/podinfo/canary-50-50-httproute.yaml
      settle: {within: 60s}
      then:
        - expect: half-get-the-new-version
          send: {from: frontend, request: GET http://backend-a-podinfo.test:9898/api/info, rate: 200/s}
          share: {of: {body-has: B backend}, is: 50%, resolution: 20pp}
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own: our fixtures and manifests, and the scenario `short.yaml`."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("fixtures", "manifests"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "short.yaml").write_text(STORY, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Theirs:
    """Somebody else's cluster, with what has to be given to find it.

    scratch  the temporary directory of the command that started it
    """

    context: str
    kubeconfig: Path
    scratch: Path
    ingress: str

    def options(self) -> tuple[str, ...]:
        """How a user names it."""
        return ("--cluster", "existing", "--context", self.context, "--kubeconfig", str(self.kubeconfig))

    def namespaces(self) -> dict[str, str]:
        """Its namespaces with the version of each, to see whether anything changed."""
        with Kube(self.kubeconfig) as kube:
            found = kube.objects("v1", "Namespace")
        return {n["metadata"]["name"]: n["metadata"]["resourceVersion"] for n in found}


@pytest.fixture(scope="package")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    """A cluster that `signalbox up` started, known by the kubeconfig it printed and by nothing else."""
    with signalbox("up", "--name", "theirs") as up:
        assert up.wait(60) == Exit.HELD, "".join(up.lines)
        (said,) = [line for line in up.lines if line.startswith("export KUBECONFIG=")]
        (ingress,) = [line.split()[3].rstrip(";").removeprefix("http://") for line in up.lines if "# ingress" in line]
        copy = tmp_path_factory.mktemp("theirs") / "config"
        shutil.copy(said.partition("=")[2].strip(), copy)
        try:
            yield Theirs("signalbox", copy, up.scratch, ingress)
        finally:
            with signalbox("down", "theirs", environment={"TMPDIR": str(up.scratch)}) as down:
                assert down.wait(30) == Exit.HELD, "".join(down.lines)


@dataclass(frozen=True)
class Bench:
    """A machine with k3d, kind, docker, helm and linkerd, all of them doubles, and a project that asks for them.

    home  the doubles' state
    """

    home: Path
    project: Path
    path: str

    def environment(self, **more: str) -> dict[str, str]:
        """What a command needs to find the doubles, and keeps its records and home apart."""
        state = str(self.home / "state")
        return {"DOUBLES": str(self.home), "PATH": self.path, "XDG_STATE_HOME": state, "HOME": state, **more}

    @contextmanager
    def run(self, profile: str, *arguments: str, **more: str) -> Iterator[Running]:
        """`signalbox run short.yaml --cluster PROFILE` under way."""
        story = str(self.project / "short.yaml")
        with signalbox("run", story, "--cluster", profile, *arguments, environment=self.environment(**more)) as running:
            yield running

    @property
    def ingress_port(self) -> int:
        """Where the clusters of its project listen."""
        port = Project(self.project).profile("k3d")[1].ingress_port
        assert port is not None
        return port

    def told_to(self, *words: str) -> None:
        """Make the doubles fail so, and in no other way, from now on."""
        shutil.rmtree(self.home / "fail", ignore_errors=True)
        (self.home / "fail").mkdir()
        for word in words:
            (self.home / "fail" / word).touch()

    def calls(self) -> list[str]:
        """Every command line of a double so far."""
        path = self.home / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def assert_nothing_left(self) -> None:
        """No cluster of the doubles, no record, lock or file of ours, no kubeconfig in the home folder."""
        left = [str(path) for path in (self.home / "clusters").glob("*")]
        left += [str(path) for path in (self.home / "state").rglob("*") if path.is_file() and "turn-" not in path.name]
        assert left == []


@pytest.fixture
def bench(tmp_path: Path, project: Path) -> Iterator[Bench]:
    """A fresh machine."""
    # Sockets of the clusters lie in it, and the path of a socket may have 107 bytes: pytest's own folders are too long.
    with TemporaryDirectory(prefix="sbd-") as name:
        home = Path(name)
        (home / "state").mkdir()
        path = f"{install(home / 'bin')}:{os.defpath}"
        yield Bench(home, _with_free_port(project, tmp_path / "project"), path)


def _with_free_port(project: Path, target: Path) -> Path:
    """The project with an ingress port that nobody has, so that the test can share its machine."""
    shutil.copytree(project, target)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = target / "fixtures/clusters.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    node-image:", f"    ingress-port: {port}\n    node-image:"), encoding="utf-8")
    return target
