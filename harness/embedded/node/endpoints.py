"""What the node reads from a pod for the data plane; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.embedded.node.addresses import PodAddresses
from harness.embedded.node.probes import HttpGet, TcpSocket, parse_probes
from harness.embedded.pods import ADMIN_PORT, PROXY_CONTAINER, ContainerPort, PodEndpoint

Obj = dict[str, Any]
SKIP_INBOUND_ANNOTATION = "config.linkerd.io/skip-inbound-ports"
_ALWAYS_SKIPPED = frozenset({4567, 4568})  # §4.8
_LAST_PORT = 65535


def is_meshed(pod: Obj) -> bool:
    """True if the proxy was injected when the pod was created (§4.7)."""
    return any(container["name"] == PROXY_CONTAINER for container in pod["spec"]["containers"])


def real_containers(pod: Obj) -> list[Obj]:
    """The containers that have a process."""
    return [container for container in pod["spec"]["containers"] if container["name"] != PROXY_CONTAINER]


def skip_inbound_text(pod: Obj) -> str:
    """Ports and ranges without an inbound listener, as the annotation lists them and with the usual ones."""
    listed = [part.strip() for part in _annotations(pod).get(SKIP_INBOUND_ANNOTATION, "").split(",")]
    return ",".join([*filter(None, listed), *map(str, sorted(_ALWAYS_SKIPPED))])


def parse_ports(text: str) -> frozenset[int]:
    """`"25,4190-4192"` as a set; parts that are no port are left out, as the proxy's init container does."""
    ports: set[int] = set()
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if first.isdecimal() and (last.isdecimal() or not dash):
            ports.update(range(int(first), min(int(last or first), _LAST_PORT) + 1))
    return frozenset(ports)


def pod_endpoint(pod: Obj, addresses: PodAddresses, *, replicaset: Obj | None) -> PodEndpoint:
    """The pod for the data plane.

    replicaset  the ReplicaSet that owns the pod, if it still exists: it knows the Deployment
    """
    metadata = pod["metadata"]
    owner = _controller(pod)
    return PodEndpoint(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        service_account=pod["spec"].get("serviceAccountName") or "default",
        pod_ip=addresses.pod_ip,
        app_ip=addresses.app_ip,
        meshed=is_meshed(pod),
        ports=pod_ports(pod),
        skip_inbound=parse_ports(skip_inbound_text(pod)),
        labels=dict(metadata.get("labels") or {}),
        annotations=dict(_annotations(pod)),
        deployment=_name_of_owner(_controller(replicaset), "Deployment") if replicaset else None,
        replicaset=_name_of_owner(owner, "ReplicaSet"),
    )


def pod_ports(pod: Obj) -> tuple[ContainerPort, ...]:
    """Declared ports of the real containers, then those that only a probe names, each number and protocol once."""
    found: dict[tuple[int, str], ContainerPort] = {}
    containers = real_containers(pod)
    declared = (
        ContainerPort(port.get("name") or "", port["containerPort"], port.get("protocol") or "TCP")
        for container in containers
        for port in container.get("ports") or ()
    )
    for port in (*declared, *_probed(containers)):
        found.setdefault((port.number, port.protocol), port)
    return tuple(port for port in found.values() if port.number != ADMIN_PORT)


def _probed(containers: Iterable[Obj]) -> Iterable[ContainerPort]:
    for container in containers:
        for probe in parse_probes(container, "").values():
            # a probe of another host is none of this pod's ports; port 0 stands for a name that nobody declares
            if isinstance(probe.action, HttpGet | TcpSocket) and not probe.action.host and probe.action.port:
                yield ContainerPort("", probe.action.port)


def _annotations(pod: Obj) -> Mapping[str, str]:
    return pod["metadata"].get("annotations") or {}


def _controller(obj: Obj | None) -> Obj | None:
    references: Iterable[Obj] = (obj or {}).get("metadata", {}).get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def _name_of_owner(owner: Obj | None, kind: str) -> str | None:
    return str(owner["name"]) if owner and owner["kind"] == kind else None
