"""The tutorial line by line, by the steps that its recipes run, on the embedded cluster."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from harness.cli import cli
from harness.cluster.provider import Cluster
from harness.dialect import LINKERD_2_14
from harness.errors import EnvironmentFailed, InputError
from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef
from harness.kube.waits import wait_gone
from harness.run import by_hand
from harness.scenario.project import Project
from harness.tests.cluster.conftest import Theirs
from harness.tests.cluster.doubles.programs import install
from harness.tests.lifecycle.running import ROOT

ROUTE = "manifests/podinfo/backend-router-httproute.yaml"


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_the_articles_two_requests_by_charts_and_by_manifests(
    theirs: Theirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster("tutorial", theirs.kubeconfig, LINKERD_2_14, ingress=theirs.ingress)
    said: list[str] = []
    monkeypatch.setenv("DOUBLES", str(tmp_path))
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin')}:{os.defpath}")
    for part in ("linkerd-crds", "linkerd-control-plane", "backend-a"):
        by_hand.apply(cluster, part, tmp_path, progress=said.append)
    assert said[0] == "linkerd-crds: the mesh of this cluster is built in, nothing to install"
    assert "podinfo-a: helm release backend-a of chart podinfo 6.9.3" in said
    (tmp_path / "fail").mkdir()
    (tmp_path / "fail/no-charts").touch()
    for part in ("backend-a", "backend-b"):
        by_hand.apply(cluster, part, tmp_path, progress=said.append)
    assert any(line.startswith("podinfo-a: its helm release stays as it is: Error: looks like") for line in said)
    assert any(line.startswith("podinfo-b: by its manifests, not its chart: Error: looks like") for line in said)
    (tmp_path / "bin/helm").unlink()
    by_hand.apply(cluster, "frontend", tmp_path, progress=said.append)
    assert "podinfo-frontend: by its manifests, not its chart: helm is not installed" in said
    assert by_hand.expect_backend(cluster, "backend-a") == "PODINFO_UI_MESSAGE=A backend"
    with pytest.raises(EnvironmentFailed, match=r"«PODINFO_UI_MESSAGE=B backend»; got HTTP 2.*A backend"):
        by_hand.expect_backend(cluster, "backend-b")
    with Kube(theirs.kubeconfig) as kube:
        applier = Applier(kube, "test")
        for one in Project(ROOT).manifests(ROUTE):
            applier.apply(dict(one.obj), Ledger())
        assert by_hand.expect_backend(cluster, "backend-b") == "PODINFO_UI_MESSAGE=B backend"
        home = ObjectRef("v1", "Namespace", None, "test")
        kube.delete(home)
        wait_gone(kube, home, within=60)


@pytest.mark.cluster
def test_what_is_not_part_of_the_tutorial(theirs: Theirs, tmp_path: Path) -> None:
    cluster = Cluster("tutorial", theirs.kubeconfig, LINKERD_2_14)
    with pytest.raises(InputError, match="did you mean 'backend-a'"):
        by_hand.apply(cluster, "backend-aa", tmp_path, progress=print)
    with pytest.raises(EnvironmentFailed, match="has no ingress"):
        by_hand.expect_backend(cluster, "backend-a")


def test_ca_and_issuer_write_the_tutorials_files(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    for command in ("ca", "issuer"):
        result = CliRunner().invoke(cli, [command, str(folder)])
        assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == ["ca.crt", "ca.key", "issuer.crt", "issuer.key"]
    anchor, issuer = (x509.load_pem_x509_certificate((folder / f"{n}.crt").read_bytes()) for n in ("ca", "issuer"))
    issuer.verify_directly_issued_by(anchor)
    assert anchor.subject.rfc4514_string() == "CN=root.linkerd.cluster.local"
    assert issuer.subject.rfc4514_string() == "CN=identity.linkerd.cluster.local"
    assert issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert stat.S_IMODE((folder / "issuer.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(("first", "command"), [("ca", "ca"), ("", "issuer")], ids=["there-already", "no-anchor"])
def test_certificates_are_neither_overwritten_nor_made_without_an_anchor(
    tmp_path: Path, first: str, command: str
) -> None:
    if first:
        CliRunner().invoke(cli, [first, str(tmp_path)])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = CliRunner().invoke(cli, [command, str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
