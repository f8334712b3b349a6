"""Services as frozen data: what a route can attach to or send to (§1.3 to §1.8, §1.59, §1.64)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.resources.document import Node, ResourceInvalid


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service.

    port            the Service's own number, the one that routes and clients name (§1.4)
    target_port     number or container-port name; the port itself if none is written
    app_protocol    "" if none is written (§1.59)
    """

    port: int
    name: str = ""
    target_port: int | str = 0
    protocol: str = "TCP"
    app_protocol: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One Service.

    cluster_ip  "" for headless, ExternalName, and for a Service that was never stored
    """

    namespace: str
    name: str
    type: str = "ClusterIP"
    cluster_ip: str = ""
    headless: bool = False
    ports: tuple[ServicePort, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def can_be_parent(self) -> bool:
        """False if headless or ExternalName: no client can dial its ClusterIP (§1.7, §1.64)."""
        return not self.headless and self.type != "ExternalName"

    def port(self, number: int) -> ServicePort | None:
        """The TCP port of that number, or None (§1.8)."""
        return next((port for port in self.ports if port.port == number and port.protocol == "TCP"), None)

    def port_named(self, name: str) -> ServicePort | None:
        """The port of that name, or None."""
        return next((port for port in self.ports if port.name == name), None)


def parse_service(obj: object) -> Service:
    """Read a Service, stored or straight from a manifest.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    metadata = node.child("metadata")
    spec = node.child("spec")
    cluster_ip = spec.text("clusterIP")
    headless = cluster_ip.lower() == "none"
    service = Service(
        namespace=metadata.text("namespace"),
        name=metadata.text("name", required=True),
        type=spec.text("type", "ClusterIP"),
        cluster_ip="" if headless else cluster_ip,
        headless=headless,
        ports=tuple(_parse_port(item) for item in spec.items("ports")),
        selector=spec.child("selector").text_map(),
        annotations=metadata.child("annotations").text_map(),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return service


def _parse_port(node: Node) -> ServicePort:
    port = node.integer("port", low=1, high=65535, required=True) or 0
    return ServicePort(
        port=port,
        name=node.text("name"),
        target_port=node.text_or_integer("targetPort") or port,
        protocol=node.text("protocol", "TCP"),
        app_protocol=node.text("appProtocol"),
    )
