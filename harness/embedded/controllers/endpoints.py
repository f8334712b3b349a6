"""Endpoints and EndpointSlices: where the pods of a Service can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.embedded.apiserver.admission import NODE_NAME
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.metadata import random_suffix
from harness.embedded.apiserver.objects import (
    Obj,
    clone,
    dig,
    is_deleting,
    name_of,
    namespace_of,
    owner_reference,
    uid_of,
)
from harness.embedded.apiserver.selectors import matches_labels
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.loop import Controller, Place
from harness.embedded.controllers.podstate import is_ready

ENDPOINTS = "endpoints"
SLICES = "endpointslices.discovery.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MANAGER = "endpointslice-controller.k8s.io"
_BY_US = "endpoints.kubernetes.io/managed-by"
_ENDPOINTS_MANAGER = "endpoint-controller"

Ports = tuple[tuple[str, int, str, str], ...]
"""name, number, protocol, appProtocol"""


@dataclass(frozen=True, slots=True)
class _Backend:
    """A pod behind a Service with the Service's ports as this pod numbers them."""

    pod: Obj
    ports: Ports
    serving: bool
    ready: bool


class EndpointsController(Controller):
    """Keeps Endpoints and EndpointSlices of Services with a selector."""

    keys = ("services", "pods", ENDPOINTS, SLICES)

    def __init__(self, api: Api) -> None:
        self._api = api

    def targets(self, event: Event) -> Iterable[Place]:
        """The Service itself or by name; of a pod every Service that selected or selects it."""
        if event.kind.key == "pods":
            return self._services_of(event)
        if event.kind.key == SLICES:
            service = dig(event.obj, "metadata", "labels", SERVICE_NAME)
            return [(namespace_of(event.obj), service)] if service else []
        return super().targets(event)

    def reconcile(self, namespace: str, name: str) -> None:
        """Write what is behind one Service now."""
        service = self._api.store.get("services", namespace, name)
        if service is None:
            self._remove(namespace, name)
        elif service["spec"].get("selector"):
            backends = self._backends(service)
            self._write_endpoints(service, backends)
            self._write_slices(service, backends)

    def _services_of(self, event: Event) -> Iterable[Place]:
        if event.old is not None and event.type == "MODIFIED" and _essence(event.old) == _essence(event.obj):
            return
        labels = [obj["metadata"].get("labels") or {} for obj in (event.obj, event.old) if obj is not None]
        for service in self._api.store.list("services", namespace_of(event.obj)):
            selector = service["spec"].get("selector")
            if selector and any(matches_labels(selector, entry) for entry in labels):
                yield namespace_of(service), name_of(service)

    def _backends(self, service: Obj) -> Sequence[_Backend]:
        spec = service["spec"]
        found = []
        for pod in self._api.store.list("pods", namespace_of(service)):
            reachable = dig(pod, "status", "podIP") and dig(pod, "status", "phase") not in ("Succeeded", "Failed")
            if not reachable or not matches_labels(spec["selector"], pod["metadata"].get("labels") or {}):
                continue
            serving = is_ready(pod) or bool(spec.get("publishNotReadyAddresses"))
            ready = serving and (not is_deleting(pod) or bool(spec.get("publishNotReadyAddresses")))
            found.append(_Backend(pod, _ports(service, pod), serving, ready))
        return found

    def _write_endpoints(self, service: Obj, backends: Sequence[_Backend]) -> None:
        namespace, name = namespace_of(service), name_of(service)
        lasting = [entry for entry in backends if entry.ready or not is_deleting(entry.pod)]
        subsets = [_subset(ports, group) for ports, group in _by_ports(lasting).items()]
        known = self._api.store.get(ENDPOINTS, namespace, name)
        new: Obj = clone(known) if known else {"metadata": {"name": name}}
        labels = service["metadata"].get("labels") or {}
        new["metadata"]["labels"] = {**labels, _BY_US: _ENDPOINTS_MANAGER}
        new.pop("subsets", None)
        if subsets:
            new["subsets"] = subsets
        if known is None:
            self._api.create(ENDPOINTS, new, namespace=namespace)
        else:
            self._api.update(ENDPOINTS, new)

    def _write_slices(self, service: Obj, backends: Sequence[_Backend]) -> None:
        """One slice for each set of port numbers; pods may number a named port differently."""
        unused = self._slices(namespace_of(service), name_of(service))
        groups = _by_ports(backends) or {_ports(service, None): []}
        for ports, group in groups.items():
            wanted = [_slice_port(port) for port in ports]
            known = next((entry for entry in unused if entry.get("ports") == wanted), None) or next(iter(unused), None)
            unused = [entry for entry in unused if entry is not known]
            self._write_slice(service, known, wanted, [_slice_endpoint(entry) for entry in group])
        for entry in unused:
            self._api.delete(SLICES, namespace_of(entry), name_of(entry))

    def _write_slice(self, service: Obj, known: Obj | None, ports: list[Obj], endpoints: list[Obj]) -> None:
        new: Obj = clone(known) if known else {"metadata": {"name": f"{name_of(service)}-{random_suffix()}"}}
        new["metadata"]["labels"] = {
            **(service["metadata"].get("labels") or {}),
            SERVICE_NAME: name_of(service),
            MANAGED_BY: _MANAGER,
        }
        new["metadata"]["ownerReferences"] = [owner_reference(service)]
        new |= {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        if known is None:
            self._api.create(SLICES, new, namespace=namespace_of(service))
        else:
            self._api.update(SLICES, new)

    def _slices(self, namespace: str, service: str) -> list[Obj]:
        wanted = {SERVICE_NAME: service, MANAGED_BY: _MANAGER}
        slices = self._api.store.list(SLICES, namespace)
        return [entry for entry in slices if matches_labels(wanted, entry["metadata"].get("labels") or {})]

    def _remove(self, namespace: str, name: str) -> None:
        endpoints = self._api.store.get(ENDPOINTS, namespace, name)
        if endpoints is not None and dig(endpoints, "metadata", "labels", _BY_US) == _ENDPOINTS_MANAGER:
            self._api.delete(ENDPOINTS, namespace, name)
        for entry in self._slices(namespace, name):
            self._api.delete(SLICES, namespace, name_of(entry))


def _essence(pod: Obj) -> tuple[Any, ...]:
    """All of a pod that Endpoints show; the rest of its status may change as often as it likes."""
    status = pod.get("status") or {}
    return (
        pod["metadata"].get("labels"),
        is_deleting(pod),
        status.get("podIP"),
        status.get("phase") in ("Succeeded", "Failed"),
        is_ready(pod),
    )


def _by_ports(backends: Sequence[_Backend]) -> Mapping[Ports, list[_Backend]]:
    groups: dict[Ports, list[_Backend]] = {}
    for entry in backends:
        groups.setdefault(entry.ports, []).append(entry)
    return groups


def _ports(service: Obj, pod: Obj | None) -> Ports:
    """The Service's ports with the numbers they have in `pod`; ports the pod does not name are left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port["targetPort"], pod)
        if number is not None:
            found.append((port.get("name", ""), number, port["protocol"], port.get("appProtocol", "")))
    return tuple(found)


def _number(target: int | str, pod: Obj | None) -> int | None:
    if isinstance(target, int):
        return target
    containers = pod["spec"]["containers"] if pod else ()
    ports = (port for container in containers for port in container.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports if port.get("name") == target), None)


def _subset(ports: Ports, backends: Sequence[_Backend]) -> Obj:
    ready = [_address(entry.pod) for entry in backends if entry.ready]
    waiting = [_address(entry.pod) for entry in backends if not entry.ready]
    shown = {"addresses": ready, "notReadyAddresses": waiting, "ports": [_endpoint_port(port) for port in ports]}
    return {name: value for name, value in shown.items() if value}


def _endpoint_port(port: tuple[str, int, str, str]) -> Obj:
    return {name: value for name, value in _slice_port(port).items() if value != ""}


def _slice_port(port: tuple[str, int, str, str]) -> Obj:
    name, number, protocol, app_protocol = port
    shown = {"name": name, "port": number, "protocol": protocol}
    return {**shown, "appProtocol": app_protocol} if app_protocol else shown


def _address(pod: Obj) -> Obj:
    return {"ip": pod["status"]["podIP"], "nodeName": NODE_NAME, "targetRef": _reference(pod)}


def _reference(pod: Obj) -> Obj:
    return {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}


def _slice_endpoint(entry: _Backend) -> Obj:
    return {
        "addresses": [entry.pod["status"]["podIP"]],
        "conditions": {"ready": entry.ready, "serving": entry.serving, "terminating": is_deleting(entry.pod)},
        "nodeName": NODE_NAME,
        "targetRef": _reference(entry.pod),
    }
