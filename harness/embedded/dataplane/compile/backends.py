"""Where a rule leads: its backends, which of them take part in the draw, and with what weight (§1.20 to §1.34)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.dialect import Dialect
from harness.embedded.dataplane.compile.redirects import can_redirect
from harness.embedded.dataplane.compile.view import View, backend_namespace
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey
from harness.resources.filters import Filter, RequestRedirect, UnsupportedFilter
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.parents import is_egress_network_backend, is_service_backend
from harness.resources.routes import BackendRef, Rule


@dataclass(frozen=True, slots=True)
class Backend:
    """One side of a draw.

    service, port   where it leads; None and 0 if it can only answer 500
    failure         why it can only answer 500; "" if it leads somewhere
    of_calls        its rule is a GRPCRoute's: a call is told of the failure in other words
    available       False if no endpoint is ready; a failure always answers
    """

    weight: int = 1
    service: ServiceKey | None = None
    port: int = 0
    failure: str = ""
    of_calls: bool = False
    available: bool = True
    filters: tuple[Filter, ...] = ()

    @property
    def redirect(self) -> RequestRedirect | None:
        """What it answers instead of leading anywhere (§1.36); None if it leads somewhere."""
        found = (item for item in self.filters if isinstance(item, RequestRedirect))
        return None if self.service is None else next(found, None)


def backends_of(view: View, in_force: RouteInForce, rule: Rule, parent: ServiceKey, port: int) -> tuple[Backend, ...]:
    """The backends of a rule under one parent port; none written means the parent itself (§1.20)."""
    if not rule.backend_refs:
        return (service_backend(view, parent, port),)
    return tuple(_resolve(view, in_force, ref, parent) for ref in rule.backend_refs)


def service_backend(view: View, service: ServiceKey, port: int) -> Backend:
    """A Service that is simply forwarded to."""
    return Backend(service=service, port=port, available=view.is_available(service, port))


def drawn(backends: Sequence[Backend], dialect: Dialect) -> tuple[Backend, ...]:
    """The backends that a request can be drawn for; none if it is shed.

    A backend without a ready endpoint loses its share to the others, unless none has any (§1.31). Weight 0 never takes
    part (§1.32), except alone and where the dialect ignores it then (§1.33).
    """
    if len(backends) == 1 and (backends[0].weight or dialect.single_zero_weight_is_served):
        return tuple(backends)
    positive = tuple(backend for backend in backends if backend.weight)
    return tuple(backend for backend in positive if backend.available) or positive


def _resolve(view: View, in_force: RouteInForce, ref: BackendRef, parent: ServiceKey) -> Backend:
    failure = _failure(view, in_force, ref, parent)
    if failure or ref.port is None:
        return Backend(weight=ref.weight, failure=failure, of_calls=in_force.route.kind == GRPC_ROUTE)
    service = (backend_namespace(ref, parent), ref.name)
    found = Backend(ref.weight, service, ref.port, filters=ref.filters)
    # What redirects waits for no endpoint.
    return replace(found, available=found.redirect is not None or view.is_available(service, ref.port))


def _failure(view: View, in_force: RouteInForce, ref: BackendRef, parent: ServiceKey) -> str:
    if is_egress_network_backend(ref):
        return "EgressNetwork backends attach to EgressNetwork parents only"  # §1.29
    if not is_service_backend(ref):
        return f"unsupported backend type {ref.group} {ref.kind}"  # §1.27
    service = (backend_namespace(ref, parent), ref.name)
    if ref.port is None:
        return f"missing port for backend Service {ref.name}"  # §1.25
    missing = service not in view.snapshot.services if in_force.missing is None else service in in_force.missing
    if missing:
        return f"Service not found {ref.name}"  # §1.23
    return next((_unsupported(item) for item in ref.filters if _unsupported(item)), "")


def _unsupported(item: Filter) -> str:
    if isinstance(item, UnsupportedFilter):
        return f"unsupported backend filter: {item.kind}"  # §1.54
    if isinstance(item, RequestRedirect) and not can_redirect(item):
        return f"unsupported backend filter: RequestRedirect with status {item.status_code}"
    return ""
