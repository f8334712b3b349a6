"""What the data plane knows of the cluster: store events in, snapshots out. No I/O."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from harness.dialect import Dialect
from harness.embedded.dataplane.routebook import Report, RouteBook, tell_unheeded
from harness.embedded.dataplane.snapshot import Address, Pod, ServiceKey, ServiceState, Snapshot
from harness.resources.document import ResourceInvalid
from harness.resources.services import Service, ServicePort, parse_service

Obj = dict[str, Any]

SERVICES: Final = "services"
SLICES: Final = "endpointslices.discovery.k8s.io"
ROUTES: Final = ("httproutes.policy.linkerd.io", "httproutes.gateway.networking.k8s.io")
KEYS: Final = (SERVICES, SLICES, *ROUTES)
"""The kinds of objects that change what the proxy does."""
_SERVICE_LABEL: Final = "kubernetes.io/service-name"

_log = logging.getLogger(__name__)


class World:
    """Services, endpoints, routes and pods as they are now."""

    def __init__(self, dialect: Dialect, report: Report) -> None:
        self._dialect = dialect
        self._report = report
        self._told: dict[ServiceKey, str] = {}
        self._services: dict[ServiceKey, Service] = {}
        self._slices: defaultdict[ServiceKey, dict[str, Obj]] = defaultdict(dict)
        self._states: dict[ServiceKey, ServiceState] = {}
        self._pods: dict[tuple[str, str], Pod] = {}
        self._routes = RouteBook(dialect, lambda key: key in self._services, report)

    def put(self, key: str, obj: Obj) -> None:
        """Take an object that was added or changed; `key` is one of KEYS."""
        if key == SERVICES:
            self._put_service(obj)
        elif key == SLICES:
            self._slices[_service_of(obj)][obj["metadata"]["name"]] = obj
            self._refresh(_service_of(obj))
        else:
            self._routes.put(obj)

    def remove(self, key: str, obj: Obj) -> None:
        """Forget an object."""
        if key == SERVICES:
            self._services.pop(_name(obj), None)
            self._refresh(_name(obj))
        elif key == SLICES:
            self._slices[_service_of(obj)].pop(obj["metadata"]["name"], None)
            self._refresh(_service_of(obj))
        else:
            self._routes.remove(obj)

    def add_pod(self, pod: Pod) -> None:
        self._pods[pod.endpoint.namespace, pod.endpoint.name] = pod

    def remove_pod(self, namespace: str, name: str) -> None:
        self._pods.pop((namespace, name), None)

    def snapshot(self) -> Snapshot:
        """This moment, in an order that does not depend on how it came about."""
        return Snapshot(
            dialect=self._dialect,
            pods=tuple(pod for _, pod in sorted(self._pods.items(), key=lambda item: item[0])),
            services=dict(sorted(self._states.items())),
            routes=self._routes.in_force(),
        )

    def _put_service(self, obj: Obj) -> None:
        try:
            self._services[_name(obj)] = parse_service(obj)
        except ResourceInvalid as invalid:  # the API server admits none, so this is worth a look
            _log.warning("Service %s/%s is not used: %s", *_name(obj), invalid)
            self._services.pop(_name(obj), None)
        self._told[_name(obj)] = tell_unheeded(obj, self._told.get(_name(obj), ""), self._report)
        self._refresh(_name(obj))

    def _refresh(self, key: ServiceKey) -> None:
        service = self._services.get(key)
        if service is None:
            self._states.pop(key, None)
        else:
            self._states[key] = ServiceState(service, _targets(service, self._slices[key].values()))


def probe_paths(pod: Obj) -> dict[int, tuple[str, ...]]:
    """Paths that httpGet probes of a pod ask for, by port, init containers included (§3.3)."""
    found: defaultdict[int, dict[str, None]] = defaultdict(dict)
    spec = pod.get("spec") or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for port, path in _probes(container):
            found[port][path] = None
    return {port: tuple(paths) for port, paths in found.items()}


def _probes(container: Obj) -> Iterator[tuple[int, str]]:
    named = {port.get("name"): port.get("containerPort") for port in container.get("ports") or ()}
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        get = (container.get(kind) or {}).get("httpGet") or {}
        port = named.get(get.get("port"), get.get("port"))  # a name counts within its container only
        if isinstance(port, int):
            path = (get.get("path") or "/").partition("?")[0]
            yield port, path if path.startswith("/") else f"/{path}"


def _targets(service: Service, slices: Iterable[Obj]) -> dict[int, tuple[tuple[int, tuple[Address, ...]], ...]]:
    known = list(slices)
    return {port.port: _target(port, known) for port in service.ports if port.protocol == "TCP"}


def _target(port: ServicePort, slices: Iterable[Obj]) -> tuple[tuple[int, tuple[Address, ...]], ...]:
    """The addresses behind a Service port, by the number that its name has in each slice."""
    ready: defaultdict[int, dict[str, bool]] = defaultdict(dict)
    for piece in slices:
        for entry in piece.get("ports") or ():
            if (entry.get("name") or "") == port.name and (entry.get("protocol") or "TCP") == "TCP" and "port" in entry:
                for ip, is_ready in _addresses(piece):
                    ready[entry["port"]][ip] = is_ready or ready[entry["port"]].get(ip, False)
    return tuple(
        (number, tuple(Address(ip, is_ready) for ip, is_ready in sorted(found.items())))
        for number, found in sorted(ready.items())
    )


def _addresses(piece: Obj) -> Iterator[tuple[str, bool]]:
    for endpoint in piece.get("endpoints") or ():
        if endpoint.get("addresses"):
            # Kubernetes documents that readiness left unsaid counts as ready.
            yield endpoint["addresses"][0], (endpoint.get("conditions") or {}).get("ready") is not False


def _name(obj: Obj) -> ServiceKey:
    return (obj["metadata"]["namespace"], obj["metadata"]["name"])


def _service_of(piece: Obj) -> ServiceKey:
    metadata = piece["metadata"]
    return (metadata["namespace"], (metadata.get("labels") or {}).get(_SERVICE_LABEL, ""))
