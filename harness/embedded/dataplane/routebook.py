"""Which routes are in force: readable, expressible, and accepted by the parents they name (§1.5, §1.15, §1.24)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.dialect import Dialect
from harness.embedded.dataplane.compile.refusal import refusal
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey
from harness.embedded.dataplane.unheeded import REASON, unheeded
from harness.resources.conditions import ACCEPTED, ParentStatus, parse_parent_statuses
from harness.resources.document import ResourceInvalid
from harness.resources.grpc_routes import parse_route
from harness.resources.parents import CORE_GROUP, is_service_backend, is_service_parent
from harness.resources.routes import HTTPRoute, ParentRef

Obj = dict[str, Any]
Report = Callable[[Obj, str, str], None]
"""Tells people about an object: the object, a reason in CamelCase, a message."""

_Place = tuple[str, str, str, str]

_log = logging.getLogger(__name__)


def only_log(involved: Obj, reason: str, message: str) -> None:
    """The report of a data plane that records no events."""
    metadata = involved.get("metadata", {})
    _log.warning(
        "%s %s/%s: %s: %s", involved.get("kind"), metadata.get("namespace"), metadata.get("name"), reason, message
    )


def tell_unheeded(obj: Obj, told: str, report: Report, dialect: Dialect) -> str:
    """Report annotations without effect, unless that is what was told before; answers what is told now."""
    notice = unheeded(obj, dialect)
    if notice and notice != told:
        report(obj, REASON, notice)
    return notice


@dataclass(slots=True)
class _Page:
    """One route as it was last read.

    route    the last version that can be used, None if there never was one
    problem  why the newest version cannot be used; "" if it can
    notice   what people were told about its annotations
    """

    route: HTTPRoute | None = None
    statuses: tuple[ParentStatus, ...] = ()
    missing: frozenset[ServiceKey] | None = None
    problem: str = ""
    notice: str = ""


class RouteBook:
    """All routes of the cluster, both groups and all kinds in one list (§1.14)."""

    def __init__(self, dialect: Dialect, service_exists: Callable[[ServiceKey], bool], report: Report) -> None:
        self._dialect = dialect
        self._service_exists = service_exists
        self._report = report
        self._pages: dict[_Place, _Page] = {}

    def put(self, obj: Obj) -> None:
        """Read a route that was added or changed, in its spec or its status.

        A version that cannot be used leaves the previous one in force and is reported once (§1.15).
        """
        page = self._pages.setdefault(_place(obj), _Page())
        route, problem = _read(obj)
        if route is not None:
            page.route = route
            if not self._dialect.missing_backend_heals_live:
                page.missing = frozenset(self._missing(route))
        elif problem != page.problem:
            kept = "; its previous version stays in force" if page.route else ""
            self._report(obj, "RouteNotUsable", f"{problem}{kept}")
        page.problem = problem
        page.notice = tell_unheeded(obj, page.notice, self._report, self._dialect)
        status = obj.get("status") or {}
        page.statuses = parse_parent_statuses(status)
        if page.route is not None:
            page.route = replace(page.route, status=status)

    def remove(self, obj: Obj) -> None:
        """Forget a route."""
        self._pages.pop(_place(obj), None)

    def in_force(self) -> tuple[RouteInForce, ...]:
        """The routes that at least one Service has accepted."""
        found = (
            RouteInForce(page.route, _accepted(page.route, page.statuses), page.missing)
            for _, page in sorted(self._pages.items())
            if page.route is not None
        )
        return tuple(in_force for in_force in found if in_force.parents)

    def usable(self) -> tuple[HTTPRoute, ...]:
        """All routes in the version that can be used, with their newest status, for Servers to look at (§3.12)."""
        return tuple(page.route for _, page in sorted(self._pages.items()) if page.route is not None)

    def _missing(self, route: HTTPRoute) -> Iterator[ServiceKey]:
        for parent in filter(is_service_parent, route.parent_refs):
            for ref in (ref for rule in route.rules for ref in rule.backend_refs if is_service_backend(ref)):
                service = (ref.namespace or parent.namespace, ref.name)  # §1.12
                if not self._service_exists(service):
                    yield service


def _place(obj: Obj) -> _Place:
    metadata = obj["metadata"]
    return (obj["apiVersion"].partition("/")[0], obj["kind"], metadata["namespace"], metadata["name"])


def _read(obj: Obj) -> tuple[HTTPRoute | None, str]:
    try:
        route = parse_route(obj)
    except ResourceInvalid as invalid:
        return None, str(invalid)
    problem = refusal(route)
    return (route, "") if problem is None else (None, problem)


def _accepted(route: HTTPRoute, statuses: tuple[ParentStatus, ...]) -> tuple[ParentRef, ...]:
    return tuple(
        parent
        for parent in route.parent_refs
        if is_service_parent(parent)
        and any(status.is_true(ACCEPTED) and _is_about(status, parent, route) for status in statuses)
    )


def _is_about(status: ParentStatus, parent: ParentRef, route: HTTPRoute) -> bool:
    return (
        status.name == parent.name
        and (status.namespace or route.namespace) == parent.namespace
        and status.port == parent.port
        and (status.group or CORE_GROUP).lower() == CORE_GROUP
        and status.kind.lower() == "service"
    )
