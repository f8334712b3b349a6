"""Where a request goes before any route is asked: names and addresses of Services and pods (§1.6, §1.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.oracle.asking import Request, Sender
from harness.oracle.objects import Objects
from harness.oracle.workloads import Workload
from harness.resources.services import Service, ServicePort

CLUSTER_DOMAIN: Final = "cluster.local"


@dataclass(frozen=True, slots=True)
class Target:
    """A port of some pods.

    workload    None if the Service selects none that is known
    """

    workload: Workload
    port: int


def dialled_service(objects: Objects, sender: Sender, request: Request) -> Service | None:
    """The Service whose name, or ClusterIP, the client dials from its namespace."""
    host = request.host.lower().removesuffix(".")
    for service in objects.services.values():
        if host in _names(service, sender.namespace):
            return service
    return None


def _names(service: Service, client_namespace: str) -> tuple[str, ...]:
    full = f"{service.name}.{service.namespace}"
    names = (full, f"{full}.svc", f"{full}.svc.{CLUSTER_DOMAIN}")
    short = (service.name,) if service.namespace == client_namespace else ()
    address = (service.cluster_ip,) if service.cluster_ip else ()
    return (*names, *short, *address)


def selected(objects: Objects, service: Service) -> tuple[Workload, ...]:
    """The workloads whose pods a Service's selector fits; none without a selector."""
    return tuple(
        workload
        for workload in objects.workloads
        if service.selector
        and workload.pod.namespace == service.namespace
        and service.selector.items() <= workload.pod.labels.items()
    )


def targets(objects: Objects, service: Service, port: int) -> tuple[Target, ...]:
    """The ports of pods behind a Service port, whether or not those pods are ready.

    A number that the Service does not declare is taken for the port on each of its pods (§1.26).
    """
    declared = service.port(port)
    found = ((workload, _number(workload, declared, port)) for workload in selected(objects, service))
    return tuple(Target(workload, number) for workload, number in found if number is not None)


def _number(workload: Workload, declared: ServicePort | None, port: int) -> int | None:
    if declared is None:
        return port
    if isinstance(declared.target_port, int):
        return declared.target_port
    named = (item.number for item in workload.pod.ports if item.name == declared.target_port)
    return next(named, None)
