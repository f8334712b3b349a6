"""`explain` and `lint` about a running cluster: the same as about the manifests that were applied to it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.dialect import Dialect
from harness.embedded.crds import definitions
from harness.forecast.checks import check_objects
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef
from harness.mesh.objects import mesh_objects
from harness.tests.apiserver.support import running_box
from harness.tests.lint.test_codes import BASE, CASES
from harness.tests.oracle.cluster import Obj, manifests, namespace

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


STORED_OTHERWISE = {"field-dropped-by-version", "timeouts-not-read", "version-not-shipped"}
"""What a manifest says of versions is gone once it is stored: these can be told of files alone, in some cases."""
FOREIGN = (("EgressNetwork", "policy.linkerd.io", "v1alpha1"), ("ServiceProfile", "linkerd.io", "v1alpha2"))
"""Kinds that the cluster lacks, and real ones have."""


def definition(kind: str, group: str, version: str) -> Obj:
    plural = f"{kind.lower()}s"
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    served = {"name": version, "served": True, "storage": True, "schema": anything}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [served]},
    }


def test_every_trap_is_found_on_a_cluster_as_in_files(tmp_path: Path) -> None:
    """All that can be stored, each once: also where two versions of a route are served."""
    with running_box(tmp_path) as box:
        with Kube(box.kubeconfig) as kube:
            for obj in (*definitions(), *(definition(*kind) for kind in FOREIGN), namespace("guests")):
                kube.create(obj)
        with Kube(box.kubeconfig) as kube:
            wrong = [f"{number}: {told}" for number, case in enumerate(CASES) if (told := live_misses(kube, *case[:3]))]
    assert wrong == []


def live_misses(kube: Kube, code: str, dialect: Dialect, objects: list[Obj]) -> str:
    """What lint misses, or tells twice, of a case on a cluster; "" if nothing."""
    if not all("metadata" in obj for obj in objects):
        return ""  # no API server stores that
    by_name = {(obj["kind"], obj["metadata"]["name"]): obj for obj in [*BASE, namespace("tools"), *objects]}
    for obj in by_name.values():
        kube.create(obj)
    found = list(check_objects(mesh_objects(kube), dialect))
    for obj in reversed(by_name.values()):
        kube.delete(ObjectRef.of(obj), grace_seconds=0)
    _wait_gone(kube, by_name.values())
    if code not in STORED_OTHERWISE and code not in {one.code for one in found}:
        return f"{code} is not told"
    twice = [str(one) for one in found if found.count(one) > 1]
    return f"twice: {twice[0]}" if twice else ""


def _wait_gone(kube: Kube, objects: Iterable[Obj]) -> None:
    deadline = time.monotonic() + 30
    for obj in objects:
        while kube.get(ObjectRef.of(obj)) is not None:
            assert time.monotonic() < deadline, f"{obj['kind']} {obj['metadata']['name']} does not go"
            time.sleep(0.01)


def test_lint_names_the_objects(kubeconfig: Path) -> None:
    result = CliRunner().invoke(cli, ["lint", "--kubeconfig", str(kubeconfig)])
    place = "HTTPRoute booksapp/timeout-authors spec.rules[0].matches[0].path.value"
    assert f"{place}: regex-matches-nothing: " in result.output
    assert result.exit_code == 2
