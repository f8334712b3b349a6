"""`explain` and `lint` about a running cluster: the same as about the manifests that were applied to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.embedded.crds import definitions
from harness.kube.client import Kube
from harness.tests.apiserver.support import running_box
from harness.tests.oracle.cluster import manifests

pytestmark = pytest.mark.cluster

APPLIED = (
    "booksapp/namespace",
    "booksapp/booksapp",
    "booksapp/authors-server",
    "booksapp/timeouts-httproute-as-printed",
)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running_box(tmp_path_factory.mktemp("box")) as box:
        for objects in (definitions(), manifests(*APPLIED)):
            with Kube(box.kubeconfig) as kube:  # a connection asks once which kinds there are
                for obj in objects:
                    kube.create(obj)
        yield box.kubeconfig


def test_explain_names_what_decides_there(kubeconfig: Path) -> None:
    words = ["--from", "booksapp/webapp", "GET", "http://authors:7001/authors/1.json"]
    output = CliRunner().invoke(cli, ["explain", *words, "--kubeconfig", str(kubeconfig)]).output
    assert "404 by the client's own proxy" in output
    assert "timeout-authors does not match" in output
    stranger = ["--from", "x/y", "--not-meshed", "GET", "http://authors.booksapp:7001/authors/1.json"]
    output = CliRunner().invoke(cli, ["explain", *stranger, "--kubeconfig", str(kubeconfig)]).output
    assert "403 by the proxy of booksapp/authors" in output


def test_lint_names_the_objects(kubeconfig: Path) -> None:
    result = CliRunner().invoke(cli, ["lint", "--kubeconfig", str(kubeconfig)])
    place = "HTTPRoute booksapp/timeout-authors spec.rules[0].matches[0].path.value"
    assert f"{place}: regex-matches-nothing: " in result.output
    assert result.exit_code == 2
