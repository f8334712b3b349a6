"""What the data plane knows of the cluster: store events in, snapshots out. No I/O."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from harness.dialect import Dialect
from harness.embedded.dataplane.ingresses import Ingress, ingress_paths
from harness.embedded.dataplane.policybook import PolicyBook
from harness.embedded.dataplane.routebook import Report, RouteBook, tell_unheeded
from harness.embedded.dataplane.snapshot import Address, Pod, ServiceKey, ServiceState, Snapshot
from harness.resources.document import ResourceInvalid
from harness.resources.pods import PodFacts, parse_pod
from harness.resources.services import Service, ServicePort, parse_service

Obj = dict[str, Any]

SERVICES: Final = "services"
SLICES: Final = "endpointslices.discovery.k8s.io"
ROUTES: Final = (
    "httproutes.policy.linkerd.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
)
POLICIES: Final = tuple(
    f"{plural}.policy.linkerd.io"
    for plural in (
        "servers",
        "authorizationpolicies",
        "meshtlsauthentications",
        "networkauthentications",
        "serverauthorizations",
        "httplocalratelimitpolicies",
    )
)
PODS: Final = "pods"
INGRESSES: Final = "ingresses.networking.k8s.io"
KEYS: Final = (SERVICES, SLICES, *ROUTES, *POLICIES, PODS, INGRESSES)
"""The kinds of objects that change what the proxy does."""
_SERVICE_LABEL: Final = "kubernetes.io/service-name"

_log = logging.getLogger(__name__)


class World:
    """Services, endpoints, routes, policies, Ingresses and pods as they are now."""

    def __init__(self, dialect: Dialect, report: Report, ingress: Ingress | None = None) -> None:
        """Nothing is there yet; `ingress` without its paths, None if there is no way in from outside."""
        self._dialect = dialect
        self._report = report
        self._told: dict[ServiceKey, str] = {}
        self._services: dict[ServiceKey, Service] = {}
        self._slices: defaultdict[ServiceKey, dict[str, Obj]] = defaultdict(dict)
        self._states: dict[ServiceKey, ServiceState] = {}
        self._pods: dict[tuple[str, str], Pod] = {}
        self._routes = RouteBook(dialect, lambda key: key in self._services, report)
        self._policies = PolicyBook(report)
        self._ingress = ingress
        self._ingresses: dict[tuple[str, str], Obj] = {}

    def put(self, key: str, obj: Obj) -> bool:
        """Take an object that was added or changed; `key` is one of KEYS. False if it changes nothing here."""
        if key == PODS:
            return self._put_pod(obj)
        if key == SERVICES:
            self._put_service(obj)
        elif key == SLICES:
            self._slices[_service_of(obj)][obj["metadata"]["name"]] = obj
            self._refresh(_service_of(obj))
        elif key == INGRESSES:
            self._ingresses[_name(obj)] = obj
        elif key in POLICIES:
            self._policies.put(obj)
        else:
            self._routes.put(obj)
        return True

    def remove(self, key: str, obj: Obj) -> None:
        """Forget an object; pods go by `remove_pod`, when their listeners may."""
        if key == SERVICES:
            self._services.pop(_name(obj), None)
            self._refresh(_name(obj))
        elif key == SLICES:
            self._slices[_service_of(obj)].pop(obj["metadata"]["name"], None)
            self._refresh(_service_of(obj))
        elif key == INGRESSES:
            self._ingresses.pop(_name(obj), None)
        elif key in POLICIES:
            self._policies.remove(obj)
        elif key in ROUTES:
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
            policies=(*self._policies.in_force(), *self._routes.usable()),
            ingress=self._ingress and replace(self._ingress, paths=ingress_paths(self._ingresses.values())),
        )

    def _put_pod(self, obj: Obj) -> bool:
        """Labels and annotations of a pod may change while it runs."""
        known = self._pods.get(_name(obj))
        if known is None or obj["metadata"].get("uid") != known.endpoint.uid:
            return False
        facts = pod_facts(obj, self._dialect)
        if facts is None or facts == known.facts:
            return False
        self._pods[_name(obj)] = replace(known, facts=facts)
        return True

    def _put_service(self, obj: Obj) -> None:
        try:
            self._services[_name(obj)] = parse_service(obj)
        except ResourceInvalid as invalid:  # the API server admits none, so this is worth a look
            _log.warning("Service %s/%s is not used: %s", *_name(obj), invalid)
            self._services.pop(_name(obj), None)
        told = self._told.get(_name(obj), "")
        self._told[_name(obj)] = tell_unheeded(obj, told, self._report, self._dialect)
        self._refresh(_name(obj))

    def _refresh(self, key: ServiceKey) -> None:
        service = self._services.get(key)
        if service is None:
            self._states.pop(key, None)
        else:
            self._states[key] = ServiceState(service, _targets(service, self._slices[key].values()))


def pod_facts(obj: Obj, dialect: Dialect) -> PodFacts | None:
    """What inbound policies ask of a pod, None if it cannot be read."""
    try:
        return parse_pod(obj, dialect)
    except ResourceInvalid as invalid:  # the API server admits none, so this is worth a look
        _log.warning("pod %s/%s cannot be read: %s", *_name(obj), invalid)
        return None


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
