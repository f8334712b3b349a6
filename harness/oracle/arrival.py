"""What becomes of a request that was sent to a Service: its pods, the proxies in front of them, the applications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Final

from harness.dialect import Dialect
from harness.oracle.asking import Sender
from harness.oracle.case import Case
from harness.oracle.dialling import Target, selected, targets
from harness.oracle.limits import Limits
from harness.oracle.outcome import Answerer, Outcome, Reason, Timing
from harness.oracle.policy import Verdict, judge
from harness.resources.circuit_breaking import parse_failure_accrual
from harness.resources.durations import format_duration
from harness.resources.services import Service

REQUIRED_IDENTITY: Final = "l5d-require-id"
_FAIL_FAST: Final = timedelta(seconds=3)
"""§4.2: how long requests wait for an endpoint before they, and all that come then, are refused."""


def forwarded(case: Case, base: Outcome) -> Iterator[Outcome]:
    """The ways in which a request ends that was sent to `base.backend`."""
    assert base.backend is not None, "only what was sent somewhere gets here"
    place, port = base.backend
    service = case.objects.services[place]
    if not service.selector:
        why = Reason("§1.17", f"Service {service.name} has no selector: who is behind it is not known")
        yield replace(base, timing="application", reasons=(*base.reasons, why))
        return
    yield from _balanced(case, targets(case.objects, service, port), base)


def sent_to_pods(case: Case, service: Service, base: Outcome) -> Iterator[Outcome]:
    """The same for a name that stands for pods themselves: the port is theirs."""
    pods = tuple(Target(workload, case.request.port) for workload in selected(case.objects, service))
    if pods:
        yield from _balanced(case, pods, base)
    else:
        yield replace(base, by="network")


def _balanced(case: Case, found: Sequence[Target], base: Outcome) -> Iterator[Outcome]:
    ready = [one for one in found if one.workload.replicas and one.workload.key not in case.unready]
    if not ready:
        yield _nobody_there(case, base)
        return
    total = sum(one.workload.replicas for one in ready)
    for target in ready:
        share = base.probability * Fraction(target.workload.replicas, total)
        yield _breaking(case, _arrived(case, target, replace(base, probability=share)))


def _nobody_there(case: Case, base: Outcome) -> Outcome:
    if not case.sender.meshed:
        why = Reason("§1.9", "the Service has no ready endpoint: the connection is refused")
        return replace(base, by="network", reasons=(*base.reasons, why))
    if case.objects.dialect.unready_backends_keep_their_share:
        why = Reason("E60", "the Service has no ready endpoint: 503")
        return replace(base, by="client's proxy", status=503, filters=(), reasons=(*base.reasons, why))
    why, timing = _waited(base.limits, case.objects.dialect)
    reasons = (*base.reasons, why)
    return replace(base, by="client's proxy", status=504, also=(503,), timing=timing, filters=(), reasons=reasons)


def _waited(limits: Limits, dialect: Dialect) -> tuple[Reason, Timing]:
    """§2.12: fail-fast lets a request wait, and a timeout may cut the waiting short."""
    within = limits.answer_within
    if within is not None and within < _FAIL_FAST and dialect.timeouts_cut_waiting:
        said = f"the Service has no ready endpoint: 504 after {format_duration(within)}, and 503 at once from 3 s on"
        return Reason("§2.12", said), "cut off"
    said = "the Service has no ready endpoint: 504 after 3 s, and 503 at once from then on"
    return Reason("§1.28", said), "fail-fast"


def _arrived(case: Case, target: Target, base: Outcome) -> Outcome:
    workload, port = target.workload, target.port
    base, speaks_http = replace(base, workload=workload.key), True
    if (stranger := _required_stranger(case, base, target)) is not None:
        return replace(base, by="client's proxy", status=502, filters=(), reasons=(*base.reasons, stranger))
    if not case.objects.dialect.policy_resources:
        pass  # the Gateway API says nothing about who may be answered
    elif workload.is_guarded(port):
        verdict = judge(case.objects, case.sender, case.request, workload, port)
        base = replace(base, allowed=verdict.decision, reasons=(*base.reasons, *verdict.reasons))
        if verdict.closed:
            return _closed(case.sender, base)
        if verdict.status is not None:
            where = verdict.location
            return replace(base, by="server's proxy", status=verdict.status, location=where, filters=())
        base, speaks_http = _let_in(base, verdict), not verdict.opaque
    else:
        why = Reason("§1.9", f"no proxy stands in front of port {port} of {workload.pod.name}")
        base = replace(base, reasons=(*base.reasons, why))
    if not _listens(case, base, target):
        refused = _refused(base, target)
        return refused if speaks_http else _closed(case.sender, refused)
    late = () if base.limits.answer_within is None else (504,)  # §2.2
    return replace(base, by="app", also=(*base.also, *late), timing="application")


def _breaking(case: Case, base: Outcome) -> Outcome:
    """Circuits are broken by the Service that was asked, whatever backend its routes lead to (§4.5).

    A connection that ends without an answer is a failure as well, and an endpoint that others have made fail is given
    up for requests that a policy refuses, too.
    """
    asked = base.routed.service if base.routed is not None else None
    service = case.objects.services.get(asked) if asked is not None else None
    reads = case.sender.meshed and base.looked_into and case.objects.dialect.policy_resources
    if service is None or not reads:
        return base
    accrual, _ = parse_failure_accrual(service.annotations)
    if accrual is None or not accrual.max_failures:
        return base
    said = f"after {accrual.max_failures} failures in a row an endpoint of {service.name} gets no requests for a while"
    told = Reason("§4.3", f"{said}, and if none is left the client gets 504, then 503 (§4.4)")
    also = tuple(dict.fromkeys((*base.also, 504, 503)))
    return replace(base, also=also, breaking=accrual, reasons=(*base.reasons, told))


def _required_stranger(case: Case, base: Outcome, target: Target) -> Reason | None:
    """§4.12: a request may name the identity of whoever may answer; a proxy looks only where it reads requests."""
    required = case.request.values(REQUIRED_IDENTITY)
    reads = case.sender.meshed and case.objects.dialect.policy_resources and base.looked_into
    if not required or not reads:
        return None
    pod = target.workload.pod
    identity = pod.identity if target.workload.is_guarded(target.port) else "none"
    if required[0] == identity:
        return None
    return Reason("§4.12", f"the request asks for {required[0]}, and the identity of {pod.name} is {identity}: 502")


def _let_in(base: Outcome, verdict: Verdict) -> Outcome:
    too_many = () if verdict.limited is None else (429,)  # §3.29
    return replace(base, filters=(*base.filters, *verdict.filters), also=too_many)


def _closed(sender: Sender, base: Outcome) -> Outcome:
    """A proxy makes 502 of a connection that is closed on it (§4.15)."""
    return replace(base, by="client's proxy" if sender.meshed else "network", status=502 if sender.meshed else None)


def _listens(case: Case, base: Outcome, target: Target) -> bool:
    """Behind a port that a Service declares somebody is taken to listen; behind another if its pod declares it."""
    if base.backend is None:
        return True
    place, port = base.backend
    return case.objects.services[place].port(port) is not None or target.port in target.workload.declared


def _refused(base: Outcome, target: Target) -> Outcome:
    name = target.workload.pod.name
    why = Reason("§1.26", f"the Service does not declare the port and no container of {name} does: 502")
    who: Answerer = "client's proxy" if base.allowed is None else "server's proxy"  # §2.8
    return replace(base, by=who, status=502, filters=(), reasons=(*base.reasons, why))
