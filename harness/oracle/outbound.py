"""What the client's proxy does with a request for a Service: route, redirect, draw (§1B, §1C, §1F)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.oracle.arrival import forwarded
from harness.oracle.attachment import EXTENSION, outbound_routes
from harness.oracle.backends import Backend, draw
from harness.oracle.case import Case
from harness.oracle.gateway_precedence import choose_by_match
from harness.oracle.limits import rule_limits, service_limits
from harness.oracle.matching import GATEWAY_API, LINKERD, Choice, choose, host_score, misfit
from harness.oracle.outcome import CERTAIN, Outcome, Reason, RouteDecision
from harness.oracle.profiles import by_profile, deciding_profile
from harness.oracle.redirects import gateway_location, location
from harness.resources.filters import Filter, RequestRedirect, UnsupportedFilter
from harness.resources.matches import Match
from harness.resources.routes import HTTPRoute, Rule
from harness.resources.services import Service


def plainly(service: Service, port: int, *reasons: Reason) -> Outcome:
    """A request that goes to the Service which it names, whatever becomes of it there."""
    place = (service.namespace, service.name)
    return Outcome(CERTAIN, "app", backend=(place, port), routed=RouteDecision(place, port), reasons=reasons)


def routed(case: Case, service: Service) -> Iterator[Outcome]:
    """The ways in which a meshed client's request for a port of this Service ends."""
    port, dialect = case.request.port, case.objects.dialect
    profile = deciding_profile(case, service)
    if profile is not None:
        yield from by_profile(case, service, profile)
        return
    routes = outbound_routes(case.objects, service, port, case.sender.namespace)
    if not routes:
        why = Reason("§1.17", f"no route is attached to {service.name}:{port}: requests go to the Service itself")
        limits = service_limits(service.annotations, dialect)
        yield from forwarded(case, replace(plainly(service, port, why), limits=limits))
        return
    choice = _choice(routes, case)
    place = (service.namespace, service.name)
    if choice is None:
        why_not = tuple(_no_rule(routes, service, case))
        yield Outcome(CERTAIN, "client's proxy", 404, routed=RouteDecision(place, port), reasons=why_not)
        return
    route, rule = routes[choice.route], routes[choice.route].rules[choice.rule]
    found = Outcome(
        CERTAIN,
        "app",
        limits=rule_limits(route, rule, service.annotations, dialect),
        filters=_modifiers(rule.filters),
        routed=RouteDecision(place, port, route.key, choice.rule, choice.match),
        reasons=(Reason("§1.48", f"rule {choice.rule} of {route.kind} {route.name} matches best"),),
    )
    yield from _obeyed(case, (service, port), route, choice, found)


def _choice(routes: Sequence[HTTPRoute], case: Case) -> Choice | None:
    if case.objects.dialect.matching == "gateway-api":
        return choose_by_match([route.rules for route in routes], case.request)
    return choose([(route.hostnames, route.rules) for route in routes], case.request)


def _obeyed(
    case: Case, parent: tuple[Service, int], route: HTTPRoute, choice: Choice, found: Outcome
) -> Iterator[Outcome]:
    """§1.36: the rule's own filters, the draw, then the filters of the backend."""
    rule = route.rules[choice.rule]
    match = rule.matches[choice.match]
    answer = _redirected(case, rule.filters, match, found) or _without_extension(rule, found)
    if answer is not None:
        yield answer
        return
    drawing = draw(case.objects, rule, route, parent, case.unready)
    if not drawing.shares:
        yield _answered(found, None if drawing.empty == "closed" else int(drawing.empty), _undrawn(rule))
        return
    for lost in filter(None, (backend.service for backend in drawing.skipped)):
        why = Reason("§1.31", f"nothing behind {lost[0][1]} is ready: its share goes to the others")
        found = replace(found, reasons=(*found.reasons, why))
    for backend, share in drawing.shares:
        base = replace(found, probability=share)
        if backend.service is None:
            yield _answered(base, 500, Reason("§1.23", f"{backend.failure}: 500 from the client's own proxy"))
            continue
        base = _sent(base, backend, named=bool(rule.backend_refs))
        yield from _through_filters(case, backend, match, base)


def _undrawn(rule: Rule) -> Reason:
    if not rule.backend_refs:
        return Reason("E63", "the rule names no backend, and its parent is none by itself")
    return Reason("§1.34" if len(rule.backend_refs) > 1 else "§1.33", "all backends of the rule have weight 0")


def _without_extension(rule: Rule, found: Outcome) -> Outcome | None:
    """E53. Where no filter is optional such a route is not usable at all (§1.54)."""
    if not any(isinstance(item, UnsupportedFilter) and item.kind == EXTENSION for item in rule.filters):
        return None
    return _answered(found, 500, Reason("E53", "a filter of the rule refers to an extension that nobody knows"))


def _through_filters(case: Case, backend: Backend, match: Match, base: Outcome) -> Iterator[Outcome]:
    answer = _redirected(case, backend.filters, match, base)
    if answer is None:
        yield from forwarded(case, base)
    else:
        yield answer


def _sent(base: Outcome, backend: Backend, *, named: bool) -> Outcome:
    assert backend.service is not None, "a backend that fails is sent nothing"
    (namespace, name), port = backend.service
    if named:
        why = Reason("§1.30", f"drawn: backend {name}:{port} of namespace {namespace}, {_percent(base)} of requests")
    else:
        why = Reason("§1.20", f"the rule names no backend: {name}:{port} itself")
    filters = (*base.filters, *_modifiers(backend.filters))
    return replace(base, backend=backend.service, filters=filters, reasons=(*base.reasons, why))


def _percent(outcome: Outcome) -> str:
    return f"{float(outcome.probability):.4%}".rstrip("%0").rstrip(".") + "%" if outcome.probability != 1 else "all"


def _modifiers(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    return tuple(item for item in filters if not isinstance(item, RequestRedirect))


def _redirected(case: Case, filters: Sequence[Filter], match: Match, found: Outcome) -> Outcome | None:
    """§1.57: the answer of a redirect, or None if there is none or it leads where the request goes anyway."""
    redirect = next((item for item in filters if isinstance(item, RequestRedirect)), None)
    if redirect is None:
        return None
    locate = gateway_location if case.objects.dialect.redirects == "gateway-api" else location
    where = locate(redirect, match, case.request)
    if where is None:
        return _answered(found, 500, Reason("§1.57", "a prefix cannot be replaced where no prefix was matched"))
    if not where:
        return None
    answer = _answered(found, redirect.status_code, Reason("§1.57", f"the rule redirects to {where}"))
    return replace(answer, location=where)


def _answered(found: Outcome, status: int | None, why: Reason) -> Outcome:
    """By the client's own proxy; without a status the connection is closed."""
    return replace(found, by="client's proxy", status=status, filters=(), reasons=(*found.reasons, why))


def _no_rule(routes: Sequence[HTTPRoute], service: Service, case: Case) -> Iterator[Reason]:
    """Of every rule why it does not match, then what comes of it."""
    by_text = case.objects.dialect.matching == "gateway-api"
    reading = GATEWAY_API if by_text else LINKERD
    for route in routes:
        if not by_text and host_score(route.hostnames, case.request.named_authority) is None:
            listed = ", ".join(route.hostnames)
            said = f"{route.kind} {route.name} is for {listed}, and the request names {case.request.named_authority}"
            yield Reason("§1.47", said)
            continue
        for number, rule in enumerate(route.rules):
            whys = "; or ".join(misfit(match, case.request, reading) for match in rule.matches)
            yield Reason("§1.46", f"rule {number} of {route.kind} {route.name} does not match: {whys}")
    port = f"{service.name}:{case.request.port}"
    yield Reason("§1.18", f"{port} has routes, which makes it an allow-list, and no rule of theirs matches")
