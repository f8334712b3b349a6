"""What the doubles put into clusters is what a strict API server takes: a stricter one is noticed here, and at once."""

from __future__ import annotations

from pathlib import Path

from harness.kube.apply import create_missing
from harness.kube.client import Kube
from harness.tests.apiserver.support import running_box
from harness.tests.cluster.doubles.inside import storing
from harness.tests.cluster.doubles.objects import control_plane, deployment


def test_the_api_server_takes_a_double_s_control_plane(tmp_path: Path) -> None:
    with storing(), running_box(tmp_path) as box, Kube(box.kubeconfig) as kube:
        create_missing(kube, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "linkerd"}}])
        create_missing(kube, [*control_plane("edge-26.8.3"), deployment("linkerd", "web", "web:1", 80)])
