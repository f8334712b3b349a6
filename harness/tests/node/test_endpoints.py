"""What the data plane is told about a pod."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.node.addresses import PodAddresses
from harness.embedded.node.endpoints import parse_ports, pod_endpoint, pod_ports, skip_inbound_text
from harness.embedded.pods import ContainerPort

Obj = dict[str, Any]
ADDRESSES = PodAddresses("127.20.64.1", "127.20.160.1")
PROXY = {"name": "linkerd-proxy", "ports": [{"name": "linkerd-admin", "containerPort": 4191}]}


def pod(*containers: Obj, **metadata: Any) -> Obj:
    return {
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", **metadata},
        "spec": {"containers": [*containers], "serviceAccountName": "web"},
    }


def owned_by(kind: str, name: str) -> list[Obj]:
    return [{"kind": "Node", "name": "x"}, {"kind": kind, "name": name, "controller": True}]


def test_a_meshed_pod_of_a_deployment() -> None:
    web = {"name": "web", "ports": [{"name": "http", "containerPort": 80}]}
    full = pod(web, PROXY, labels={"app": "web"}, ownerReferences=owned_by("ReplicaSet", "web-abc"))
    replicaset = {"metadata": {"ownerReferences": owned_by("Deployment", "web")}}
    endpoint = pod_endpoint(full, ADDRESSES, replicaset=replicaset)
    assert endpoint.meshed
    assert (endpoint.replicaset, endpoint.deployment) == ("web-abc", "web")
    assert (endpoint.namespace, endpoint.name, endpoint.service_account) == ("shop", "web-1", "web")
    assert (endpoint.pod_ip, endpoint.app_ip) == (ADDRESSES.pod_ip, ADDRESSES.app_ip)
    assert endpoint.ports == (ContainerPort("http", 80),)
    assert endpoint.labels == {"app": "web"}
    alone = pod_endpoint(pod(web), ADDRESSES, replicaset=None)
    assert (alone.meshed, alone.replicaset, alone.deployment) == (False, None, None)


def test_ports_are_declared_ones_and_those_of_probes_without_the_proxys() -> None:
    web = {
        "name": "web",
        "ports": [{"name": "http", "containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
        "readinessProbe": {"httpGet": {"port": "http"}},
        "livenessProbe": {"tcpSocket": {"port": 81}},
        "startupProbe": {"httpGet": {"port": 82, "host": "127.0.0.1"}},
    }
    assert pod_ports(pod(web, PROXY)) == (
        ContainerPort("http", 80),
        ContainerPort("", 53, "UDP"),
        ContainerPort("", 81),
    )


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("", set()),
        ("25, 4190-4192", {25, 4190, 4191, 4192}),
        ("x,7-,1-y,-3", set()),
        ("65534-99999", {65534, 65535}),
        ("9-7", set()),
    ],
)
def test_port_lists(text: str, ports: set[int]) -> None:
    assert parse_ports(text) == ports


def test_ports_that_the_proxy_leaves_alone() -> None:
    annotated = pod(annotations={"config.linkerd.io/skip-inbound-ports": "4199, 5000-5002"})
    assert skip_inbound_text(annotated) == "4199,5000-5002,4567,4568"
    assert pod_endpoint(annotated, ADDRESSES, replicaset=None).skip_inbound == {4199, 5000, 5001, 5002, 4567, 4568}
