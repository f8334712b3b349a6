"""A project with one short scenario, and a cluster that somebody else has started."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.errors import Exit
from harness.kube.client import Kube
from harness.tests.lifecycle.running import ROOT, signalbox

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

    def options(self) -> tuple[str, ...]:
        """How a user names it."""
        return ("--cluster", "existing", "--context", self.context, "--kubeconfig", str(self.kubeconfig))

    def namespaces(self) -> dict[str, str]:
        """Its namespaces with the version of each, to see whether anything changed."""
        with Kube(self.kubeconfig) as kube:
            found = kube.objects("v1", "Namespace")
        return {n["metadata"]["name"]: n["metadata"]["resourceVersion"] for n in found}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    """A cluster that `signalbox up` started, known by the kubeconfig it printed and by nothing else."""
    with signalbox("up", "--name", "theirs") as up:
        assert up.wait(60) == Exit.HELD, "".join(up.lines)
        (said,) = [line for line in up.lines if line.startswith("export KUBECONFIG=")]
        copy = tmp_path_factory.mktemp("theirs") / "config"
        shutil.copy(said.partition("=")[2].strip(), copy)
        try:
            yield Theirs("signalbox", copy, up.scratch)
        finally:
            with signalbox("down", "theirs", environment={"TMPDIR": str(up.scratch)}) as down:
                assert down.wait(30) == Exit.HELD, "".join(down.lines)
