"""What runs pods, and what mesh and policies make of those pods (§3.2, §3.6, §4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.dialect import Dialect
from harness.oracle.outcome import Key
from harness.resources.document import Node, ResourceInvalid
from harness.resources.pods import PodFacts, parse_pod
from harness.resources.port_lists import annotated_ports

WORKLOAD_KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod")

_INJECT: Final = "linkerd.io/inject"
_SKIP_INBOUND: Final = "config.linkerd.io/skip-inbound-ports"
_CONFIGURES_PROXY: Final = ("config.linkerd.io/", "config.alpha.linkerd.io/")
_PROXY: Final = {
    "name": "linkerd-proxy",
    "ports": [{"name": "linkerd-proxy", "containerPort": 4143}, {"name": "linkerd-admin", "containerPort": 4191}],
}
_SIDECARS: Final = ("linkerd-proxy", "linkerd-init")
_UNTOUCHED: Final = frozenset({4190, 4191, 4567, 4568})
"""§4.8: ports that bypass the inbound proxy."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods that are alike.

    pod         what policies see of one
    replicas    0 for none at all
    declared    TCP container ports, named or not
    readiness   port and path of the httpGet readiness probes (§3.13)
    """

    kind: str
    pod: PodFacts
    replicas: int = 1
    meshed: bool = True
    skip_inbound: frozenset[int] = frozenset()
    declared: frozenset[int] = frozenset()
    readiness: tuple[tuple[int, str], ...] = ()

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return (self.pod.namespace, self.pod.name)

    def is_guarded(self, port: int) -> bool:
        """True if connections to that port pass its proxy."""
        return self.meshed and port not in self.skip_inbound | _UNTOUCHED


@dataclass(frozen=True, slots=True)
class _Template:
    """A pod to be: its metadata and spec as written, its namespace and the workload's name filled in."""

    metadata: Mapping[str, Any]
    spec: Node
    replicas: int = 1
    annotations: Mapping[str, str] = field(default_factory=dict)


def is_owned(obj: Any) -> bool:
    """True for pods and ReplicaSets that a workload has made: that one stands for them."""
    owners = Node(obj).child("metadata").items("ownerReferences")
    return any(owner.value.get("controller") is True for owner in owners)


def parse_workload(obj: Any, namespace: str, inherited: Mapping[str, str], dialect: Dialect) -> Workload:
    """Read a workload as pods would come out of it now.

    inherited   annotations of its namespace
    raises      ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    template = _template(node, inherited)
    meshed = _joins(template.spec, template.annotations, inherited)
    containers = template.spec.items("containers")
    name = node.child("metadata").text("name", required=True)
    pod = {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "labels": template.metadata.get("labels"),
            "annotations": template.annotations,
        },
        "spec": {
            **template.spec.value,
            "containers": [*(item.value for item in containers), *([_PROXY] if meshed else [])],
        },
    }
    facts = parse_pod(pod, dialect)
    if node.problems:
        raise ResourceInvalid(node.problems)
    return Workload(
        kind=node.text("kind"),
        pod=facts,
        replicas=template.replicas,
        meshed=meshed,
        skip_inbound=annotated_ports(template.annotations, _SKIP_INBOUND) or frozenset(),
        declared=frozenset(_declared(containers)),
        readiness=tuple(_readiness(containers)),
    )


def joins_mesh(obj: Any, inherited: Mapping[str, str]) -> bool:
    """Whether pods that come out of a workload now get a proxy (§4.7).

    inherited  annotations of its namespace
    """
    template = _template(Node(obj), inherited)
    return _joins(template.spec, template.annotations, inherited)


def _template(node: Node, inherited: Mapping[str, str]) -> _Template:
    spec = node.child("spec")
    is_pod = node.text("kind") == "Pod"
    pod = node if is_pod else spec.child("template")
    metadata = pod.child("metadata")
    configured = {key: value for key, value in inherited.items() if key.startswith(_CONFIGURES_PROXY)}
    replicas = spec.integer("replicas", low=0, high=2**31 - 1)
    return _Template(
        metadata=metadata.value,
        spec=pod.child("spec"),
        replicas=1 if is_pod or replicas is None else replicas,
        annotations={**configured, **metadata.child("annotations").text_map()},  # §3.2: the pod's own win
    )


def _joins(spec: Node, own: Mapping[str, str], inherited: Mapping[str, str]) -> bool:
    """§4.7, in its order: the pod's word, then its namespace's."""
    if any(item.text("name") in _SIDECARS for item in (*spec.items("containers"), *spec.items("initContainers"))):
        return True  # injected already, by the webhook or by hand
    if spec.value.get("hostNetwork") is True or spec.value.get("automountServiceAccountToken") is False:
        return False
    words = (own.get(_INJECT, ""), inherited.get(_INJECT, ""))
    if any(word not in ("", "enabled", "ingress", "disabled") for word in words):
        return False
    return (words[0] or words[1]) in ("enabled", "ingress")


def _declared(containers: list[Node]) -> list[int]:
    ports = [item for container in containers for item in container.items("ports")]
    numbers = [
        item.integer("containerPort", low=1, high=65535) for item in ports if item.text("protocol", "TCP") == "TCP"
    ]
    return [number for number in numbers if number]


def _readiness(containers: list[Node]) -> list[tuple[int, str]]:
    found = []
    for container in containers:
        probe = container.child("readinessProbe")
        if not probe.has("httpGet"):
            continue
        get = probe.child("httpGet")
        port = get.text_or_integer("port")
        if isinstance(port, str):
            named = (item for item in container.items("ports") if item.text("name") == port)
            port = next((item.integer("containerPort", low=1, high=65535) for item in named), None)
        if port:
            found.append((port, get.text("path") or "/"))
    return found
