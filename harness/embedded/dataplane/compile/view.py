"""A snapshot with what several parts of the compiler look up in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.embedded.dataplane.compile.names import Client
from harness.embedded.dataplane.snapshot import Address, Pod, RouteInForce, ServiceKey, ServiceState, Snapshot
from harness.embedded.pods import ADMIN_PORT, OUTBOUND_PORT
from harness.resources.inbound import InboundPolicy
from harness.resources.networks import whole_networks
from harness.resources.parents import is_service_backend
from harness.resources.policy_set import CLUSTER_NETWORKS, InstallSettings, PolicySet
from harness.resources.routes import BackendRef

_PROXY_PORTS: Final = frozenset({OUTBOUND_PORT, 4143, 4190, ADMIN_PORT})
"""§4.8: never an application's behind an inbound listener; what the pod's own proxy serves is behind ADMIN_PORT."""

SETTINGS: Final = InstallSettings(cluster_networks=(*CLUSTER_NETWORKS, *whole_networks(("127.0.0.0/8",))))
"""An install whose cluster networks are those in which the pods of an embedded cluster live (§3.1)."""


@dataclass(frozen=True, slots=True)
class View:
    """Look-ups over one snapshot.

    pods           by address
    inbound        ports of the inbound listeners by address
    service_ports  everything that a route table can lead to, in a fixed order
    clients        who has a route table, in a fixed order
    policies       what holds inbound, by address and port of the inbound listeners
    """

    snapshot: Snapshot
    pods: Mapping[str, Pod]
    inbound: Mapping[str, frozenset[int]]
    service_ports: tuple[tuple[ServiceKey, int], ...]
    clients: tuple[Client, ...]
    policies: Mapping[tuple[str, int], InboundPolicy]

    @classmethod
    def of(cls, snapshot: Snapshot) -> View:
        pods = {pod.endpoint.pod_ip: pod for pod in snapshot.pods}
        inbound = _inbound(snapshot, pods)
        known = PolicySet.of(snapshot.policies, snapshot.dialect, SETTINGS)
        return cls(
            snapshot=snapshot,
            pods=pods,
            inbound=inbound,
            policies={
                (ip, port): known.inbound_policy(pods[ip].facts, port)
                for ip, ports in inbound.items()
                for port in ports
            },
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

    def has_plain_text(self, service: ServiceKey, port: int) -> bool:
        """True if an endpoint speaks no mutual TLS.

        An address that is neither ready nor a pod's yet (or any more) says nothing: a pod is in the endpoints before
        it is in the mesh, and its clients' clusters must not change twice for that.
        """
        return any(
            not self.is_meshed(address.ip, number) and (address.ready or address.ip in self.pods)
            for address, number in self.endpoints(service, port)
        )

    def policy(self, pod: Pod, port: int) -> InboundPolicy:
        """What holds for an inbound listener."""
        return self.policies[pod.endpoint.pod_ip, port]

    def dialled(self, pod: Pod, port: int) -> tuple[int, ...]:
        """The ports of Services that lead to this port of a pod, as its clients write them."""
        here = (pod.endpoint.pod_ip, port)
        return tuple(
            sorted(
                {
                    asked
                    for key, asked in self.service_ports
                    if any((a.ip, n) == here for a, n in self.endpoints(key, asked))
                }
            )
        )

    def takes_http2(self, service: ServiceKey, port: int) -> bool:
        """True if every endpoint speaks HTTP/2 to meshed clients: those that are not looked into may not."""
        return not self.has_plain_text(service, port) and all(
            self.policies[address.ip, number].is_http
            for address, number in self.endpoints(service, port)
            if (address.ip, number) in self.policies
        )

    def ports_of(self, pod: Pod) -> tuple[int, ...]:
        """The ports on which a pod can be dialled."""
        declared = {port.number for port in pod.endpoint.ports if port.protocol == "TCP"}
        return tuple(sorted(declared | self.inbound.get(pod.endpoint.pod_ip, frozenset())))


def backend_namespace(ref: BackendRef, parent: ServiceKey) -> str:
    """Where a backend is looked for: in the parent's namespace if the route names none (§1.12)."""
    return ref.namespace or parent[0]


def _inbound(snapshot: Snapshot, pods: Mapping[str, Pod]) -> Mapping[str, frozenset[int]]:
    """Declared ports, those that a Service or route leads to (a pod need not declare them), the proxy's own (§4.8)."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for ip, port in (*_declared(snapshot), *_targeted(snapshot)):
        pod = pods.get(ip)
        if pod is not None and pod.endpoint.meshed and port not in pod.endpoint.skip_inbound | _PROXY_PORTS:
            found[ip].add(port)
    for ip, pod in pods.items():
        if pod.endpoint.meshed:
            found[ip].add(ADMIN_PORT)
    return {ip: frozenset(ports) for ip, ports in found.items()}


def _declared(snapshot: Snapshot) -> Iterator[tuple[str, int]]:
    for pod in snapshot.pods:
        for port in pod.endpoint.ports:
            if port.protocol == "TCP":
                yield pod.endpoint.pod_ip, port.number


def _targeted(snapshot: Snapshot) -> Iterator[tuple[str, int]]:
    """Also where a backend's port leads that no Service declares: the pod's proxy is reached, its app is not (§2.8)."""
    for key, port in _service_ports(snapshot):
        state = snapshot.services.get(key)
        for address, number in state.endpoints(port) if state is not None else ():
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
