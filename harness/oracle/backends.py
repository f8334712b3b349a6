"""Where a rule sends a request: its backends and the draw among them (§1.20 to §1.35)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from harness.dialect import Dialect
from harness.oracle.dialling import targets
from harness.oracle.objects import Objects
from harness.oracle.outcome import Key
from harness.resources.filters import Filter, RequestRedirect, UnsupportedFilter
from harness.resources.parents import is_egress_network_backend, is_service_backend
from harness.resources.routes import BackendRef, HTTPRoute, Rule
from harness.resources.services import Service

Empty: TypeAlias = Literal["500", "503", "closed"]


@dataclass(frozen=True, slots=True)
class Backend:
    """One side of a draw.

    service  Service and port; None if it can only answer 500, and `failure` then says why
    ready    False if no request can be sent there now
    """

    weight: int
    service: tuple[Key, int] | None = None
    failure: str = ""
    ready: bool = True
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Draw:
    """The backends among which each request is drawn, with their probabilities.

    shares   empty if all weights are 0, or none are written where that is an error (E63)
    empty    what becomes of requests then
    skipped  backends that lose their share because nothing behind them is ready (§1.31)
    """

    shares: tuple[tuple[Backend, Fraction], ...]
    empty: Empty = "503"
    skipped: tuple[Backend, ...] = ()


def draw(objects: Objects, rule: Rule, route: HTTPRoute, parent: tuple[Service, int], unready: Collection[Key]) -> Draw:
    """Among which backends a request is drawn that a rule of this route has matched under a port of a parent."""
    service, port = parent
    if not rule.backend_refs and objects.dialect.omitted_backends == "500":  # E63
        return Draw((), "500")
    if not rule.backend_refs:  # §1.20
        return Draw(((to_service(objects, service, port, unready), Fraction(1)),))
    beside = route.namespace if objects.dialect.backends_beside == "route" else service.namespace  # §1.12, E64
    backends = [_resolve(objects, ref, beside, unready) for ref in rule.backend_refs]
    if len(backends) == 1:
        if backends[0].weight or objects.dialect.single_zero_weight_is_served:  # §1.33
            return Draw(((backends[0], Fraction(1)),))
        return Draw((), "500" if objects.dialect.all_weights_zero == "500" else "503")
    return draw_among(objects, backends)


def draw_among(objects: Objects, backends: Sequence[Backend]) -> Draw:
    """The draw among several backends: what nothing behind is ready of loses its share to the others (§1.31)."""
    positive = [backend for backend in backends if backend.weight]  # §1.32
    if not positive:
        return Draw((), objects.dialect.all_weights_zero)  # §1.34
    ready = [backend for backend in positive if backend.ready or objects.dialect.unready_backends_keep_their_share]
    drawn = ready or positive
    total = sum(backend.weight for backend in drawn)
    skipped = tuple(backend for backend in positive if backend not in ready) if ready else ()
    return Draw(tuple((backend, Fraction(backend.weight, total)) for backend in drawn), skipped=skipped)


def to_service(objects: Objects, service: Service, port: int, unready: Collection[Key]) -> Backend:
    """A Service that is simply forwarded to."""
    return Backend(1, ((service.namespace, service.name), port), ready=is_ready(objects, service, port, unready))


def is_ready(objects: Objects, service: Service, port: int, unready: Collection[Key]) -> bool:
    """True if some pod behind a Service port takes requests; a Service without a selector is taken at its word."""
    if not service.selector:
        return True
    found = targets(objects, service, port)
    return any(target.workload.replicas > 0 and target.workload.key not in unready for target in found)


def _resolve(objects: Objects, ref: BackendRef, beside: str, unready: Collection[Key]) -> Backend:
    place = (ref.namespace or beside, ref.name)
    service = objects.services.get(place)
    failure = _failure(ref, service, objects.dialect)
    if failure or service is None or ref.port is None:
        return Backend(ref.weight, failure=failure)
    redirects = any(isinstance(item, RequestRedirect) for item in ref.filters)  # which waits for no endpoint
    ready = redirects or is_ready(objects, service, ref.port, unready)
    return Backend(ref.weight, (place, ref.port), ready=ready, filters=ref.filters)


def _failure(ref: BackendRef, service: Service | None, dialect: Dialect) -> str:
    """Why a backend answers 500 from the client's own proxy."""
    if is_egress_network_backend(ref) and dialect.policy_resources:
        return "EgressNetwork backends attach to EgressNetwork parents only"  # §1.29
    if not is_service_backend(ref):
        return f"unsupported backend type {ref.group} {ref.kind}"  # §1.27
    if ref.port is None:
        return f"missing port for backend Service {ref.name}"  # §1.25
    if service is None:
        return f"Service not found {ref.name}"  # §1.23
    if dialect.backend_ports_are_declared and service.port(ref.port) is None:
        return f"Service {ref.name} has no port {ref.port}"  # E61
    filters = (item for item in ref.filters if isinstance(item, UnsupportedFilter))
    unknown = [item.kind for item in filters if item.kind not in dialect.optional_filters]  # §1.54
    return f"unsupported backend filter: {unknown[0]}" if unknown else ""
