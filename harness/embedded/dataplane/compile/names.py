"""Names of the proxy's resources, and what can be read back from them.

    listeners    out/<client>                        in/<namespace>/<pod>/<port>    ingress
    routes       out/<client>                        in/<namespace>/<pod>/<port>    ingress
    clusters     <client>|svc/<namespace>/<service>/<port>    <client>|pods    in/<namespace>/<pod>/<port>|<version>
                 <client>|svc/<namespace>/<service>/<port>/through/<namespace>/<service>/<port>
    assignments  svc/<namespace>/<service>/<port>    pods

`<client>` is `<namespace>/<pod>`: every pod dials from its own address, so that others know who calls (§3.20). The
ingress is a client too, named `ingress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from harness.embedded.dataplane.snapshot import Pod, ServiceKey
from harness.resources.identities import service_account_identity
from harness.resources.inbound import PolicyRef

Config: TypeAlias = dict[str, Any]
"""A resource of the proxy, or a part of one, in the JSON form of its protobuf message."""

ALL_PODS: Final = "pods"
"""The assignment behind addresses of pods that are dialled directly (§1.7)."""
HTTP_1: Final = "HTTP/1.1"
HTTP_2: Final = "HTTP/2"
OPAQUE: Final = "opaque"
"""The label of a route to a port whose connections are not looked into: nothing of HTTP is counted for it."""
INGRESS: Final = "ingress"
"""The listener of the way in, its route table, and the client that it is."""
METADATA: Final = "signalbox"
"""Where routes carry their label for the counters."""


REMEMBERED: Final = 20_000
"""Configs of one kind that are kept from one moment to the next, as most of them stay the same; some kB each."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything the proxy is told, by name within each type."""

    clusters: Mapping[str, Config]
    assignments: Mapping[str, Config]
    routes: Mapping[str, Config]
    listeners: Mapping[str, Config]


@dataclass(frozen=True, slots=True, order=True)
class Client:
    """Somebody who calls: a pod, or the ingress.

    name             what its clusters begin with
    address          where its connections come from
    service_account  "" outside the mesh
    """

    namespace: str
    name: str
    address: str
    service_account: str = ""

    @classmethod
    def of(cls, pod: Pod) -> Client:
        endpoint = pod.endpoint
        account = endpoint.service_account if endpoint.meshed else ""
        return cls(endpoint.namespace, f"{endpoint.namespace}/{endpoint.name}", endpoint.pod_ip, account)

    @property
    def meshed(self) -> bool:
        return bool(self.service_account)

    @property
    def identity(self) -> str:
        return service_account_identity(self.namespace, self.service_account)

    @property
    def table(self) -> str:
        """The name of its route table."""
        return f"out/{self.name}"

    def cluster(self, assignment: str) -> str:
        """The name of its cluster over an assignment."""
        return f"{self.name}|{assignment}"


def typed(message: str, **fields: Any) -> Config:
    """A message inside an `Any`; `message` is its full name without the leading `envoy.`."""
    return {"@type": f"type.googleapis.com/envoy.{message}", **fields}


def socket_address(ip: str, port: int) -> Config:
    """An address to bind or to dial."""
    return {"socket_address": {"address": ip, "port_value": port}}


def outbound_listener(pod: Pod) -> str:
    return Client.of(pod).table


def inbound_name(pod: Pod, port: int) -> str:
    """The name of the inbound listener of a port and of its routes."""
    return f"{inbound_names(pod)}{port}"


def application_name(inbound: str, version: str) -> str:
    """The cluster of the application behind an inbound listener that speaks this HTTP version.

    version  as the proxy's variable PROTOCOL writes it
    """
    return f"{inbound}|{version}"


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


@dataclass(frozen=True, slots=True)
class InboundLabel:
    """What was in force for a request that reached a pod; carried and read back like a RouteLabel (§5.6).

    route      None if none matched
    limit      the rate limit of the server, if there is one
    redirects  the proxy answers by itself
    """

    server: PolicyRef
    route: PolicyRef | None = None
    limit: PolicyRef | None = None
    redirects: bool = False

    def __str__(self) -> str:
        parts = [part for ref in (self.server, self.route, self.limit) for part in _parts(ref)]
        return "/".join([*parts, "redirect" if self.redirects else ""])

    @classmethod
    def parse(cls, text: str) -> InboundLabel:
        """The label; raises ValueError if the text is none."""
        parts = text.split("/")
        if len(parts) != 10:
            raise ValueError(f"'{text}' is no label of an inbound route")
        server, route, limit = (PolicyRef(*parts[start : start + 3]) for start in (0, 3, 6))
        return cls(server, route if route.name else None, limit if limit.name else None, parts[9] == "redirect")


def _parts(ref: PolicyRef | None) -> tuple[str, str, str]:
    return ("", "", "") if ref is None else (ref.group, ref.kind, ref.name)


def labelled(label: object) -> Config:
    """The `metadata` of a route."""
    return {"filter_metadata": {METADATA: {"route": str(label)}}}
