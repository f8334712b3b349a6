"""A snapshot with what several parts of the compiler look up in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.embedded.dataplane.compile.names import Client
from harness.embedded.dataplane.snapshot import Address, Pod, RouteInForce, ServiceKey, ServiceState, Snapshot
from harness.embedded.pods import ADMIN_PORT, OUTBOUND_PORT
from harness.resources.parents import is_service_backend
from harness.resources.routes import BackendRef

_PROXY_PORTS: Final = frozenset({OUTBOUND_PORT, 4143, 4190, ADMIN_PORT})
"""§4.8: never an application's behind an inbound listener."""


@dataclass(frozen=True, slots=True)
class View:
    """Look-ups over one snapshot.

    pods           by address
    inbound        ports of the inbound listeners by address
    service_ports  everything that a route table can lead to, in a fixed order
    clients        who has a route table, in a fixed order
    """

    snapshot: Snapshot
    pods: Mapping[str, Pod]
    inbound: Mapping[str, frozenset[int]]
    service_ports: tuple[tuple[ServiceKey, int], ...]
    clients: tuple[Client, ...]

    @classmethod
    def of(cls, snapshot: Snapshot) -> View:
        pods = {pod.endpoint.pod_ip: pod for pod in snapshot.pods}
        return cls(
            snapshot=snapshot,
            pods=pods,
            inbound=_inbound(snapshot, pods),
            service_ports=tuple(sorted(set(_service_ports(snapshot)))),
            clients=tuple(sorted({Client.of(pod) for pod in snapshot.pods})),
        )

    def endpoints(self, service: ServiceKey, port: int) -> tuple[tuple[Address, int], ...]:
        """What is behind a Service port; nothing if there is no such Service."""
        state = self.snapshot.services.get(service)
        return () if state is None else state.endpoints(port)

    def is_available(self, service: ServiceKey, port: int) -> bool:
        """True if a request for it would find a ready endpoint (§1.31)."""
        return any(address.ready for address, _ in self.endpoints(service, port))

    def is_meshed(self, ip: str, port: int) -> bool:
        """True if meshed clients speak mutual TLS to this address, because an inbound listener is there."""
        return port in self.inbound.get(ip, ())

    def ports_of(self, pod: Pod) -> tuple[int, ...]:
        """The ports on which a pod can be dialled."""
        declared = {port.number for port in pod.endpoint.ports if port.protocol == "TCP"}
        return tuple(sorted(declared | self.inbound.get(pod.endpoint.pod_ip, frozenset())))


def backend_namespace(ref: BackendRef, parent: ServiceKey) -> str:
    """Where a backend is looked for: in the parent's namespace if the route names none (§1.12)."""
    return ref.namespace or parent[0]


def _inbound(snapshot: Snapshot, pods: Mapping[str, Pod]) -> Mapping[str, frozenset[int]]:
    """Declared ports and those that a Service leads to: a pod need not declare its ports."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for ip, port in (*_declared(snapshot), *_targeted(snapshot)):
        pod = pods.get(ip)
        if pod is not None and pod.endpoint.meshed and port not in pod.endpoint.skip_inbound | _PROXY_PORTS:
            found[ip].add(port)
    return {ip: frozenset(ports) for ip, ports in found.items()}


def _declared(snapshot: Snapshot) -> Iterator[tuple[str, int]]:
    for pod in snapshot.pods:
        for port in pod.endpoint.ports:
            if port.protocol == "TCP":
                yield pod.endpoint.pod_ip, port.number


def _targeted(snapshot: Snapshot) -> Iterator[tuple[str, int]]:
    for state in snapshot.services.values():
        for groups in state.targets.values():
            for number, addresses in groups:
                for address in addresses:
                    yield address.ip, number


def _service_ports(snapshot: Snapshot) -> Iterator[tuple[ServiceKey, int]]:
    for key, state in snapshot.services.items():
        yield from ((key, number) for number in dialled_ports(state))
        yield from ((key, port.port) for port in state.service.ports if port.protocol == "TCP")
    for in_force in snapshot.routes:
        yield from _backends(in_force)


def _backends(in_force: RouteInForce) -> Iterator[tuple[ServiceKey, int]]:
    """Backends by port, whether or not the Service declares it or even exists (§1.24, §1.26)."""
    for parent in in_force.parents:
        for rule in in_force.route.rules:
            for ref in rule.backend_refs:
                if ref.port is not None and is_service_backend(ref):
                    yield (backend_namespace(ref, (parent.namespace, parent.name)), ref.name), ref.port


def dialled_ports(state: ServiceState) -> tuple[int, ...]:
    """The ports that clients write behind the Service's name: a headless one resolves to its pods (§1.7)."""
    if state.service.headless:
        return tuple(sorted({number for groups in state.targets.values() for number, _ in groups}))
    if not state.service.can_be_parent:
        return ()
    return tuple(port.port for port in state.service.ports if port.protocol == "TCP")
