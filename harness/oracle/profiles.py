"""ServiceProfiles: where one has routes or other destinations, HTTPRoutes on its Service do not hold (§1.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from harness.oracle.arrival import forwarded
from harness.oracle.asking import Request
from harness.oracle.backends import Backend, draw_among, to_service
from harness.oracle.case import Case
from harness.oracle.dialling import CLUSTER_DOMAIN
from harness.oracle.limits import Limits
from harness.oracle.matching import is_found
from harness.oracle.outcome import CERTAIN, Outcome, Reason, RouteDecision
from harness.resources.service_profiles import Condition, Override, ProfileRoute, ServiceProfile
from harness.resources.services import Service

_THOUSANDTHS: Final = 1000
"""Weights are told to proxies in whole parts, the smallest of which is this part of 1."""


def deciding_profile(case: Case, service: Service) -> ServiceProfile | None:
    """The profile that clients of this namespace go by, if it decides anything: theirs comes before the Service's."""
    name = f"{service.name}.{service.namespace}.svc.{CLUSTER_DOMAIN}"
    profiles = case.objects.service_profiles
    found = profiles.get((case.sender.namespace, name)) or profiles.get((service.namespace, name))
    return found if found is not None and found.decides else None


def by_profile(case: Case, service: Service, profile: ServiceProfile) -> Iterator[Outcome]:
    """The ways in which a meshed client's request ends that a profile decides about."""
    port = case.request.port
    place = (service.namespace, service.name)
    said = f"a ServiceProfile of namespace {profile.namespace} decides about {service.name}: no HTTPRoute on it holds"
    route = next((one for one in profile.routes if fits(one.condition, case.request)), None)
    found = Outcome(
        CERTAIN,
        "app",
        limits=Limits(request=route.timeout if route else None),
        routed=RouteDecision(place, port),
        reasons=(Reason("§1.10", said), *_told(route)),
        retryable=route is not None and route.is_retryable,
    )
    backends = [one for override in profile.overrides if (one := _backend(case, override)) is not None]
    drawing = draw_among(case.objects, backends or [to_service(case.objects, service, port, case.unready)])
    for backend, share in drawing.shares:
        base = replace(found, probability=share, backend=backend.service)
        if backend.service is not None:
            yield from forwarded(case, base)
        else:
            why = Reason("§1.28", f"{backend.failure}: 504 after 3 s, and 503 at once from then on")
            reasons = (*base.reasons, why)
            yield replace(base, by="client's proxy", status=504, also=(503,), timing="fail-fast", reasons=reasons)


def _told(route: ProfileRoute | None) -> Iterator[Reason]:
    if route is None:
        yield Reason("§1.10", "none of its routes matches: no limit of theirs holds")
        return
    yield Reason("§1.10", f"its route {route.name} is the first that matches")
    if route.is_retryable:
        yield Reason("§1.10", "failures are tried again, as far as its retry budget goes")


def _backend(case: Case, override: Override) -> Backend | None:
    """None for what names no port: proxies drop it."""
    host, _, port = override.authority.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        return None
    name, _, namespace = host.lower().removesuffix(".").removesuffix(f".svc.{CLUSTER_DOMAIN}").partition(".")
    weight, service = max(1, int(override.weight * _THOUSANDTHS)), case.objects.services.get((namespace, name))
    if service is None:
        return Backend(weight, failure=f"Service not found {name}", ready=False)
    return replace(to_service(case.objects, service, int(port), case.unready), weight=weight)


def fits(condition: Condition, request: Request) -> bool:
    """Whether a request is what a route is about."""
    match condition.op:
        case "all":
            return all(fits(part, request) for part in condition.parts)
        case "any":
            return any(fits(part, request) for part in condition.parts)
        case "not":
            return not fits(condition.parts[0], request)
        case "method":
            return request.method == condition.value
        case _:
            return is_found(condition.value, request.path)
