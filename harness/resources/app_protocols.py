"""How clients' proxies read the connections to a Service port (1G)."""

from __future__ import annotations

from typing import Final

from harness.dialect import Dialect
from harness.resources.pods import DEFAULT_OPAQUE_PORTS, OPAQUE_PORTS
from harness.resources.port_lists import annotated_ports
from harness.resources.services import Service, ServicePort

HTTP: Final = "http"
H2C: Final = "kubernetes.io/h2c"
"""The only values of `appProtocol` under which requests are looked into (§1.59)."""


def is_opaque(service: Service, port: ServicePort, dialect: Dialect) -> bool:
    """True if connections to that port are passed on as they are, so that no route holds for them.

    `appProtocol` decides where the dialect knows it and it is written (§1.59), else the Service's list of opaque
    ports, else the ports of well-known protocols that are not HTTP (§1.61).
    """
    if port.app_protocol and dialect.app_protocols:
        return port.app_protocol not in (HTTP, H2C)
    annotated = annotated_ports(service.annotations, OPAQUE_PORTS)
    return port.port in (DEFAULT_OPAQUE_PORTS if annotated is None else annotated)
