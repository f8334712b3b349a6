"""Names of the proxy's resources, and what can be read back from them.

    listeners    out/<namespace>/<pod>               in/<namespace>/<pod>/<port>
    routes       out/<client>                        in/<namespace>/<pod>/<port>
    clusters     <client>|svc/<namespace>/<service>/<port>    <client>|pods    in/<namespace>/<pod>/<port>
    assignments  svc/<namespace>/<service>/<port>    pods

`<client>` is `<service account>.<namespace>` of meshed pods, whose certificate a connection shows. Pods outside the
mesh show none: theirs is `plain.<namespace>` for routes and `plain` for clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from harness.embedded.dataplane.snapshot import Pod, ServiceKey
from harness.resources.identities import service_account_identity

Config: TypeAlias = dict[str, Any]
"""A resource of the proxy, or a part of one, in the JSON form of its protobuf message."""

ALL_PODS: Final = "pods"
"""The assignment behind addresses of pods that are dialled directly (§1.7)."""
METADATA: Final = "signalbox"
"""Where routes carry their label for the counters."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything the proxy is told, by name within each type."""

    clusters: Mapping[str, Config]
    assignments: Mapping[str, Config]
    routes: Mapping[str, Config]
    listeners: Mapping[str, Config]


@dataclass(frozen=True, slots=True, order=True)
class Client:
    """Pods that are told the same: those of one ServiceAccount, or the unmeshed ones of one namespace.

    service_account  "" outside the mesh
    """

    namespace: str
    service_account: str = ""

    @classmethod
    def of(cls, pod: Pod) -> Client:
        endpoint = pod.endpoint
        return cls(endpoint.namespace, endpoint.service_account if endpoint.meshed else "")

    @property
    def meshed(self) -> bool:
        return bool(self.service_account)

    @property
    def identity(self) -> str:
        return service_account_identity(self.namespace, self.service_account)

    @property
    def table(self) -> str:
        """The name of its route table."""
        return f"out/{self.service_account or 'plain'}.{self.namespace}"

    def cluster(self, assignment: str) -> str:
        """The name of its cluster over an assignment."""
        prefix = f"{self.service_account}.{self.namespace}" if self.meshed else "plain"
        return f"{prefix}|{assignment}"


def typed(message: str, **fields: Any) -> Config:
    """A message inside an `Any`; `message` is its full name without the leading `envoy.`."""
    return {"@type": f"type.googleapis.com/envoy.{message}", **fields}


def socket_address(ip: str, port: int) -> Config:
    """An address to bind or to dial."""
    return {"socket_address": {"address": ip, "port_value": port}}


def outbound_listener(pod: Pod) -> str:
    return f"out/{pod.endpoint.namespace}/{pod.endpoint.name}"


def inbound_name(pod: Pod, port: int) -> str:
    """The name of the inbound listener of a port, of its routes and of the cluster behind it."""
    return f"{inbound_names(pod)}{port}"


def inbound_names(pod: Pod) -> str:
    """What all inbound names of a pod begin with."""
    return f"in/{pod.endpoint.namespace}/{pod.endpoint.name}/"


def service_assignment(service: ServiceKey, port: int) -> str:
    namespace, name = service
    return f"svc/{namespace}/{name}/{port}"


def parse_service_cluster(cluster: str) -> tuple[str, str, int] | None:
    """(namespace, service, port) of a client's cluster, None if it leads to no Service."""
    parts = cluster.partition("|")[2].split("/")
    return (parts[1], parts[2], int(parts[3])) if parts[0] == "svc" else None


def stat_key(pod_ip: str) -> str:
    """A pod in names of counters: its address is never given to another pod, and dots would split the name."""
    return pod_ip.replace(".", "-")


@dataclass(frozen=True, slots=True)
class RouteLabel:
    """Which route of which parent answered; carried by routes as text, read back from the counters (§5.9).

    name             "" for a request that no rule matched
    default_backend  the parent itself answers, because the rule names no backend (§1.20)
    """

    parent: ServiceKey
    port: int
    group: str = ""
    kind: str = "default"
    namespace: str = ""
    name: str = "http"
    default_backend: bool = True

    def __str__(self) -> str:
        route = (self.group, self.kind, self.namespace, self.name, "default" if self.default_backend else "")
        return "/".join((*self.parent, str(self.port), *route))

    @classmethod
    def parse(cls, text: str) -> RouteLabel | None:
        """The label, None if the text is none: what goes to no Service has no parent."""
        parts = text.split("/")
        if len(parts) != 8:
            return None
        group, kind, namespace, name, backend = parts[3:]
        return cls((parts[0], parts[1]), int(parts[2]), group, kind, namespace, name, backend == "default")


def labelled(label: object) -> Config:
    """The `metadata` of a route."""
    return {"filter_metadata": {METADATA: {"route": str(label)}}}
