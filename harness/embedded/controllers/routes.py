"""Route status as Linkerd's policy controller writes it (section 1H)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from harness.dialect import Dialect
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import name_of, namespace_of, timestamp
from harness.embedded.apiserver.store import Event, Store
from harness.embedded.controllers.loop import Controller, Place
from harness.resources.conditions import ACCEPTED, LINKERD_CONTROLLER, RESOLVED_REFS
from harness.resources.document import ResourceInvalid
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.grpc_routes import parse_grpc_route, parse_route
from harness.resources.parents import (
    is_egress_network_backend,
    is_egress_network_parent,
    is_server_parent,
    is_service_backend,
    is_service_parent,
    status_parent_ref,
)
from harness.resources.routes import BackendRef, HTTPRoute, ParentRef
from harness.resources.services import Service, parse_service

Obj = dict[str, Any]

_HTTP_ROUTES: Final = ("httproutes.policy.linkerd.io", "httproutes.gateway.networking.k8s.io")
_GRPC_ROUTES: Final = "grpcroutes.gateway.networking.k8s.io"
_SERVERS: Final = "servers.policy.linkerd.io"
_EGRESS_NETWORKS: Final = "egressnetworks.policy.linkerd.io"

_log = logging.getLogger(__name__)


class Referents(Protocol):
    """What routes may refer to, as it is in the cluster now."""

    def service(self, namespace: str, name: str) -> Service | None:
        """The Service, or None."""

    def has_server(self, namespace: str, name: str) -> bool:
        """True if there is such a Server."""

    def has_egress_network(self, namespace: str, name: str) -> bool:
        """True if there is such an EgressNetwork."""

    def has_grpc_route(self, parent: ParentRef) -> bool:
        """True if a GRPCRoute names just this parent, accepted or not (§1.64)."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """A condition without what the route adds to it."""

    type: str
    status: str
    reason: str
    message: str = ""


_IS_ACCEPTED: Final = _Finding(ACCEPTED, "True", "Accepted")
_CONFLICTED: Final = _Finding(ACCEPTED, "False", "RouteReasonConflicted")
_NO_PARENT: Final = _Finding(ACCEPTED, "False", "NoMatchingParent")
_RESOLVED: Final = _Finding(RESOLVED_REFS, "True", "ResolvedRefs")
_NOT_FOUND: Final = _Finding(RESOLVED_REFS, "False", "BackendNotFound")
_INVALID_KIND: Final = _Finding(RESOLVED_REFS, "False", "InvalidKind")
_MISPLACED_EGRESS: Final = _Finding(
    RESOLVED_REFS, "False", "InvalidKind", "EgressNetwork backends go with an EgressNetwork parent"
)


def route_parents(route: HTTPRoute, referents: Referents, dialect: Dialect, *, now: str) -> list[Obj]:
    """`status.parents` for a route: other controllers' entries as they are, then ours in the order of parentRefs.

    now     RFC 3339 time for conditions whose status changes; the others keep their lastTransitionTime, so that a
            route about which nothing is new gets back what it has
    """
    before = [entry for entry in route.status.get("parents") or () if isinstance(entry, dict)]
    ours = [entry for entry in before if entry.get("controllerName") == LINKERD_CONTROLLER]
    entries = [entry for entry in before if entry not in ours]  # §1.62
    for parent in route.parent_refs:
        findings = _findings(route, parent, referents, dialect)
        if findings:
            echo = status_parent_ref(parent)
            known = [entry for entry in ours if entry.get("parentRef") == echo]
            times = {} if not known else _transition_times(known[0])
            observed = {"observedGeneration": route.generation} if dialect.status_observes_generation else {}
            conditions = [_condition(finding, times, now) | observed for finding in findings]
            entries.append({"parentRef": echo, "controllerName": LINKERD_CONTROLLER, "conditions": conditions})
    return entries


def _findings(route: HTTPRoute, parent: ParentRef, referents: Referents, dialect: Dialect) -> tuple[_Finding, ...]:
    """What is true of one parent, in the order of the conditions (§1.63); nothing for kinds that are not Linkerd's."""
    where = (parent.namespace, parent.name)
    if is_server_parent(parent):
        accepted = _IS_ACCEPTED if referents.has_server(*where) else _NO_PARENT
        return (_unless_hidden(accepted, route, parent, referents),)
    if is_service_parent(parent):
        accepted = _service_finding(referents.service(*where), dialect)
    elif is_egress_network_parent(parent) and dialect.egress_networks:
        accepted = _IS_ACCEPTED if referents.has_egress_network(*where) else _NO_PARENT
    else:
        return ()
    accepted = _unless_hidden(accepted, route, parent, referents)
    if dialect.all_backends_must_resolve:
        return accepted, _resolution(route, parent, referents, dialect)
    return accepted, _lenient_resolution(route, referents)


def _unless_hidden(found: _Finding, route: HTTPRoute, parent: ParentRef, referents: Referents) -> _Finding:
    """§1.64: a GRPCRoute for the same parent comes first."""
    if found is _IS_ACCEPTED and route.kind != GRPC_ROUTE and referents.has_grpc_route(parent):
        return _CONFLICTED
    return found


def _service_finding(service: Service | None, dialect: Dialect) -> _Finding:
    """§1.64; the port of the parentRef plays no part (§1.4)."""
    if service is None:
        return _NO_PARENT
    if not service.can_be_parent:
        return _Finding(ACCEPTED, "False", "NoMatchingParent", dialect.headless_parent_message)
    return _IS_ACCEPTED


def _resolution(route: HTTPRoute, parent: ParentRef, referents: Referents, dialect: Dialect) -> _Finding:
    """§1.65: the first bad backend of any rule decides; ports are not looked at (§1.26)."""
    for backend in _backends(route):
        where = _backend_place(route, backend)
        if is_service_backend(backend):
            if referents.service(*where) is None:
                return _NOT_FOUND
        elif is_egress_network_backend(backend) and dialect.egress_networks:
            if not referents.has_egress_network(*where):
                return _NOT_FOUND
            if not is_egress_network_parent(parent) or where != (parent.namespace, parent.name):
                return _MISPLACED_EGRESS
        else:
            return _INVALID_KIND
    return _RESOLVED


def _lenient_resolution(route: HTTPRoute, referents: Referents) -> _Finding:
    """§1.65 as 2.14 has it: a backend of an unknown kind spoils all; else one that is found is enough."""
    backends = list(_backends(route))
    if not all(is_service_backend(backend) for backend in backends):
        return _INVALID_KIND
    found = any(referents.service(*_backend_place(route, backend)) for backend in backends)
    return _RESOLVED if found else _NOT_FOUND


def _backends(route: HTTPRoute) -> Iterator[BackendRef]:
    for rule in route.rules:
        yield from rule.backend_refs


def _backend_place(route: HTTPRoute, backend: BackendRef) -> tuple[str, str]:
    return backend.namespace or route.namespace, backend.name  # §1.12: unlike the data plane


def _transition_times(entry: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    conditions = [item for item in entry.get("conditions") or () if isinstance(item, dict)]
    return {(item.get("type", ""), item.get("status", "")): item.get("lastTransitionTime", "") for item in conditions}


def _condition(finding: _Finding, times: Mapping[tuple[str, str], str], now: str) -> Obj:
    return {
        "type": finding.type,
        "status": finding.status,
        "reason": finding.reason,
        "message": finding.message,
        "lastTransitionTime": times.get((finding.type, finding.status)) or now,
    }


class StoredReferents:
    """What routes may refer to, as it is in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def service(self, namespace: str, name: str) -> Service | None:
        """The Service, or None."""
        obj = self._store.get("services", namespace, name)
        return None if obj is None else parse_service(obj)

    def has_server(self, namespace: str, name: str) -> bool:
        """True if there is such a Server."""
        return self._store.get(_SERVERS, namespace, name) is not None

    def has_egress_network(self, namespace: str, name: str) -> bool:
        """True if there is such an EgressNetwork."""
        return self._store.get(_EGRESS_NETWORKS, namespace, name) is not None

    def has_grpc_route(self, parent: ParentRef) -> bool:
        """True if a GRPCRoute names just this parent, accepted or not (§1.64)."""
        wanted = status_parent_ref(parent)
        return any(
            status_parent_ref(other) == wanted
            for obj in self._store.list(_GRPC_ROUTES)
            for other in _readable_parents(obj)
        )


def _readable_parents(obj: Obj) -> tuple[ParentRef, ...]:
    try:
        return parse_grpc_route(obj).parent_refs
    except ResourceInvalid:
        return ()


class RouteStatusController(Controller):
    """Writes the status of one kind of route, and writes it again when what routes refer to comes or goes (§1.66).

    route_key   the kind's
    """

    def __init__(
        self,
        api: Api,
        dialect: Dialect,
        route_key: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._dialect = dialect
        self._route_key = route_key
        self._now = now
        self._referents = StoredReferents(api.store)
        self.keys = (route_key, "services", _SERVERS, _EGRESS_NETWORKS, *_rivals(route_key))

    def targets(self, event: Event) -> Iterable[Place]:
        """The route itself; every route after a change of what routes may refer to."""
        if event.kind.key == self._route_key:
            return super().targets(event)
        if event.type == "MODIFIED" and not _changes_parenthood(event):
            return ()
        return [(namespace_of(route), name_of(route)) for route in self._api.store.list(self._route_key)]

    def reconcile(self, namespace: str, name: str) -> None:
        """Write the route's status if it says anything new.

        A route that cannot be read keeps the status it has, as the real controller never sees it either.
        """
        stored = self._api.store.get(self._route_key, namespace, name)
        if stored is None:
            return
        try:
            route = parse_route(stored)
        except ResourceInvalid as invalid:
            _log.warning("%s %s/%s cannot be read: %s", self._route_key, namespace, name, invalid)
            return
        parents = route_parents(route, self._referents, self._dialect, now=timestamp(self._now()))
        if parents != (route.status.get("parents") or []):
            self._api.update_status(self._route_key, {**stored, "status": {"parents": parents}})


def route_status_controllers(api: Api, dialect: Dialect) -> list[RouteStatusController]:
    """One controller for each kind of route."""
    keys = (*_HTTP_ROUTES, _GRPC_ROUTES) if dialect.grpc_routes else _HTTP_ROUTES
    return [RouteStatusController(api, dialect, key) for key in keys]


def _rivals(route_key: str) -> tuple[str, ...]:
    """Routes that can take the parents of this kind away (§1.64)."""
    return (_GRPC_ROUTES,) if route_key in _HTTP_ROUTES else ()


def _changes_parenthood(event: Event) -> bool:
    if event.kind.key == _GRPC_ROUTES:
        return event.old is None or event.old.get("spec") != event.obj.get("spec")
    if event.kind.key != "services" or event.old is None:
        return False
    return parse_service(event.old).can_be_parent != parse_service(event.obj).can_be_parent
