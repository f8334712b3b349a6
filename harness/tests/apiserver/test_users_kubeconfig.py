"""A kubeconfig of the user's own is read, and nothing is ever written beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.dashboard import program
from harness.embedded.apiserver.certs import ADMIN, ADMIN_GROUP, write_kubeconfig
from harness.kube.client import Kube, NoKubeconfig
from harness.kube.objects import ObjectRef
from harness.tests.apiserver.support import Box

DEFAULT = ObjectRef("v1", "Namespace", None, "default")


@pytest.fixture
def kubeconfig(box: Box, tmp_path: Path) -> Path:
    """One of the user's, with a key that no other test has made the client write down."""
    path = tmp_path / "kube" / "mine"
    path.parent.mkdir()
    write_kubeconfig(path, box.url, box.authority.certificate, box.authority.client(ADMIN, ADMIN_GROUP))
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("lint",),
        ("stat", "ns", "-t", "100ms"),
        ("explain", "--from", "a/b", "GET", "http://c.d:1/", "--dialect", "linkerd-2.14"),
    ],
    ids=lambda words: words[0],
)
def test_no_command_leaves_a_file_beside_it(kubeconfig: Path, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "--kubeconfig", str(kubeconfig)])
    assert result.exit_code == 0, result.output  # it has asked the cluster
    assert os.listdir(kubeconfig.parent) == ["mine"]


def test_nor_does_the_dashboard_while_it_runs(kubeconfig: Path) -> None:
    with program._connected(kubeconfig, {}) as kube:
        assert kube.get(DEFAULT) is not None
        assert os.listdir(kubeconfig.parent) == ["mine"]


def test_keys_lie_in_the_scratch_directory(kubeconfig: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Kube(kubeconfig, scratch=scratch) as kube:
        assert kube.get(DEFAULT) is not None
        assert any("PRIVATE KEY" in file.read_text() for file in scratch.iterdir())
        assert {file.stat().st_mode & 0o777 for file in scratch.iterdir()} == {0o600}


def test_without_one_beside_the_kubeconfig_and_no_discovery_either(kubeconfig: Path) -> None:
    with Kube(kubeconfig) as kube:
        assert kube.get(DEFAULT) is not None
        others = [file for file in kubeconfig.parent.iterdir() if file != kubeconfig]
        assert others
        assert all(file.read_text().startswith("-----BEGIN ") for file in others)


def test_a_scratch_that_cannot_be_written_is_said(kubeconfig: Path) -> None:
    with pytest.raises(NoKubeconfig, match="File exists"):
        Kube(kubeconfig, scratch=kubeconfig)
