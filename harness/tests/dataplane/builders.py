"""Hand-made snapshots: pods, Services and routes with as few words as a test needs."""

from __future__ import annotations

from typing import Any

from harness.dialect import LINKERD_2_14, Dialect
from harness.embedded.dataplane.snapshot import Address, Pod, RouteInForce, ServiceKey, ServiceState, Snapshot
from harness.embedded.pods import ContainerPort, PodEndpoint
from harness.resources.pods import PodFacts, PodPort
from harness.resources.routes import POLICY_GROUP, BackendRef, HTTPRoute, ParentRef, Rule
from harness.resources.services import Service, ServicePort

NAMESPACE = "booksapp"


def pod(
    name: str,
    ip: str,
    *,
    app_ip: str = "",
    account: str = "",
    namespace: str = NAMESPACE,
    meshed: bool = True,
    ports: tuple[int, ...] = (7000,),
    probes: dict[int, tuple[str, ...]] | None = None,
    skip: frozenset[int] = frozenset(),
) -> Pod:
    """A pod of a Deployment of the same name, which is also its ServiceAccount unless another is given."""
    endpoint = PodEndpoint(
        namespace=namespace,
        name=f"{name}-1",
        uid=f"uid-{name}",
        service_account=account or name,
        pod_ip=ip,
        app_ip=app_ip or (ip if not meshed else f"{ip}0"),
        meshed=meshed,
        ports=tuple(ContainerPort("service", port) for port in ports),
        skip_inbound=skip,
        labels={"app": name},
        annotations={},
        deployment=name,
        replicaset=f"{name}-abc",
    )
    declared = tuple(PodPort("service", port) for port in ports)
    return Pod(
        endpoint, PodFacts(namespace, endpoint.name, endpoint.service_account, endpoint.labels, declared, probes or {})
    )


def service(
    name: str, *ips: str, port: int = 7000, namespace: str = NAMESPACE, target: int = 0, **changes: Any
) -> ServiceState:
    """A Service with one port and these ready addresses behind it; `unready` lists more that are not."""
    unready = changes.pop("unready", ())
    settings = {"cluster_ip": f"127.77.1.{sum(map(ord, namespace + name)) % 250 + 1}", **changes}
    addresses = tuple(sorted([*(Address(ip) for ip in ips), *(Address(ip, ready=False) for ip in unready)]))
    return ServiceState(
        Service(namespace, name, ports=(ServicePort(port, target_port=target or port),), **settings),
        {port: ((target or port, addresses),) if addresses else ()},
    )


def route(
    name: str,
    *rules: Rule,
    parent: str = "books",
    port: int | None = None,
    namespace: str = NAMESPACE,
    parent_namespace: str = NAMESPACE,
    created: str = "2026-01-01T00:00:00Z",
    hostnames: tuple[str, ...] = (),
    group: str = POLICY_GROUP,
    kind: str = "HTTPRoute",
) -> RouteInForce:
    """A route that its one parent, a Service, has accepted."""
    parent_ref = ParentRef("core", "Service", parent_namespace, parent, port=port)
    made = HTTPRoute(
        group=group,
        namespace=namespace,
        name=name,
        parent_refs=(parent_ref,),
        hostnames=hostnames,
        rules=rules,
        creation_timestamp=created,
        kind=kind,
    )
    return RouteInForce(made, (parent_ref,))


def to(name: str, weight: int = 1, port: int | None = 7000, **changes: Any) -> BackendRef:
    return BackendRef(name, port=port, weight=weight, **changes)


def snapshot(*parts: Pod | ServiceState | RouteInForce, dialect: Dialect = LINKERD_2_14) -> Snapshot:
    """All of these at one moment."""
    services: dict[ServiceKey, ServiceState] = {part.key: part for part in parts if isinstance(part, ServiceState)}
    return Snapshot(
        dialect=dialect,
        pods=tuple(part for part in parts if isinstance(part, Pod)),
        services=dict(sorted(services.items())),
        routes=tuple(part for part in parts if isinstance(part, RouteInForce)),
    )
