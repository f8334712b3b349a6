"""What the compiler reads: one moment of the cluster, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.dialect import Dialect
from harness.embedded.dataplane.ingresses import Ingress
from harness.embedded.pods import PodEndpoint
from harness.resources.identities import service_account_identity
from harness.resources.pods import PodFacts
from harness.resources.policy_objects import PolicyObject
from harness.resources.routes import HTTPRoute, ParentRef
from harness.resources.services import Service

ServiceKey = tuple[str, str]
"""(namespace, name)."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has listeners.

    facts  what inbound policies ask of it, as it is now
    """

    endpoint: PodEndpoint
    facts: PodFacts

    @property
    def identity(self) -> str:
        """The name in its certificate, shared by all meshed pods of its ServiceAccount (§3.22)."""
        return service_account_identity(self.endpoint.namespace, self.endpoint.service_account)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a Service leads.

    ready  False for one that gets no traffic now; it still tells which kind of traffic will come
    """

    ip: str
    ready: bool = True


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A Service and where it leads.

    targets    by Service port number: the port on the pods and their addresses; several if pods name ports differently
    """

    service: Service
    targets: Mapping[int, tuple[tuple[int, tuple[Address, ...]], ...]] = field(default_factory=dict)

    @property
    def key(self) -> ServiceKey:
        return (self.service.namespace, self.service.name)

    def endpoints(self, port: int) -> tuple[tuple[Address, int], ...]:
        """Every address with its port behind a Service port.

        A number that the Service does not declare is taken for the port on each of its pods (§1.26).
        """
        if port in self.targets or self.service.port(port) is not None:
            return tuple((address, number) for number, group in self.targets.get(port, ()) for address in group)
        addresses = {address for groups in self.targets.values() for _, group in groups for address in group}
        return tuple((address, port) for address in sorted(addresses))

    def is_available(self, port: int) -> bool:
        """True if a request for this port would find a ready endpoint (§1.31)."""
        return any(address.ready for address, _ in self.endpoints(port))


@dataclass(frozen=True, slots=True)
class RouteInForce:
    """A route that the compiler can express, with the Service parents that have accepted it (§1.5).

    missing  Services that did not exist when the route was last read, where the dialect freezes that (§1.24);
             None if existence is looked up when it matters
    """

    route: HTTPRoute
    parents: tuple[ParentRef, ...]
    missing: frozenset[ServiceKey] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the cluster.

    policies   objects that take part in inbound policy, routes among them
    ingress    None if there is no way in from outside
    """

    dialect: Dialect
    pods: tuple[Pod, ...] = ()
    services: Mapping[ServiceKey, ServiceState] = field(default_factory=dict)
    routes: tuple[RouteInForce, ...] = ()
    policies: tuple[PolicyObject, ...] = ()
    ingress: Ingress | None = None
