"""The oracle itself: follows one request from its client to whoever answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from harness.oracle.arrival import forwarded, sent_to_pods
from harness.oracle.asking import Request, Sender
from harness.oracle.case import Case
from harness.oracle.dialling import dialled_service
from harness.oracle.numbering import numbered
from harness.oracle.objects import Objects
from harness.oracle.outbound import plainly, routed
from harness.oracle.outcome import CERTAIN, Key, Outcome, Prediction, Reason
from harness.oracle.policy import judge
from harness.oracle.retries import tried_again
from harness.oracle.workloads import Workload
from harness.resources.app_protocols import is_opaque
from harness.resources.services import Service

_OWN_POD: Final = ("localhost", "127.0.0.1", "::1")


def predict(objects: Objects, sender: Sender, request: Request, *, unready: Collection[Key] = ()) -> Prediction:
    """How this request of this sender ends, once everything is in force that the objects say.

    unready  workloads whose pods take no requests now; `locked_out` says which will come to that by their own routes
    """
    outcomes = tried_again(tuple(_merged(_outcomes(Case(objects, sender, request, frozenset(unready))))))
    if objects.dialect.family == "gateway-api":
        outcomes = tuple(numbered(outcome) for outcome in outcomes)
    return Prediction(sender, request, outcomes, exact=not _balancer_decides(outcomes))


def locked_out(objects: Objects) -> tuple[Key, ...]:
    """Workloads that their own policies keep the kubelet from: after some failures they get no requests (§3.13)."""
    if not objects.dialect.policy_resources:
        return ()
    return tuple(workload.key for workload in objects.workloads if _is_locked_out(objects, workload))


def _is_locked_out(objects: Objects, workload: Workload) -> bool:
    kubelet = Sender("", meshed=False)
    for port, path in workload.readiness:
        if workload.is_guarded(port):
            verdict = judge(objects, kubelet, Request(workload.pod.name, port, path), workload, port)
            if verdict.closed or (verdict.status or 200) >= 400:
                return True
    return False


def _outcomes(case: Case) -> Iterator[Outcome]:
    sender, request = case.sender, case.request
    if request.host.lower().removesuffix(".") in _OWN_POD:
        yield _inside(case)
        return
    service = dialled_service(case.objects, sender, request)
    if service is None:
        why = Reason("§1.6", f"no Service is called {request.host} in namespace {sender.namespace}")
        yield Outcome(CERTAIN, "network", reasons=(why,))
    elif not service.can_be_parent:
        why = Reason("§1.7", f"Service {service.name} has no address of its own, so no route holds")
        yield from sent_to_pods(case, service, Outcome(CERTAIN, "app", reasons=(why,)))
    elif service.port(request.port) is None:
        yield _unknown_port(case, service)
    elif not sender.meshed:
        why = Reason("§1.9", "the sender has no proxy: no route, weight or timeout holds for it")
        yield from forwarded(case, plainly(service, request.port, why))
    elif _is_opaque(case, service):
        why = Reason(
            "§1.61", f"connections to {service.name}:{request.port} are not looked into: no route holds for them"
        )
        yield from forwarded(case, replace(plainly(service, request.port, why), looked_into=False))
    else:
        yield from routed(case, service)


def _inside(case: Case) -> Outcome:
    """§3.5: what does not leave the pod passes no proxy, so that no route, policy or limit is asked."""
    sender = case.sender
    accounts = ((one.pod.namespace, one.pod.service_account) for one in case.objects.workloads)
    pods = [
        one
        for one, account in zip(case.objects.workloads, accounts, strict=True)
        if account == (sender.namespace, sender.service_account) and case.request.port in one.declared
    ]
    why = Reason("§3.5", "it stays in the sender's own pod, where no proxy sees it: no route and no policy holds")
    workload = pods[0].key if len(pods) == 1 else None
    return Outcome(CERTAIN, "app", timing="application", workload=workload, looked_into=False, reasons=(why,))


def _is_opaque(case: Case, service: Service) -> bool:
    port = service.port(case.request.port)
    return port is not None and case.objects.dialect.policy_resources and is_opaque(service, port, case.objects.dialect)


def _unknown_port(case: Case, service: Service) -> Outcome:
    why = Reason("§1.8", f"Service {service.name} has no port {case.request.port}")
    if case.sender.meshed and not case.objects.dialect.unknown_port_is_refused:
        return Outcome(CERTAIN, "client's proxy", 502, also=(504,), reasons=(why,))
    return Outcome(CERTAIN, "network", reasons=(why,))


def _merged(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Outcomes that differ in nothing but probability become one; those that cannot happen are left out."""
    kept: dict[Outcome, Outcome] = {}
    for outcome in outcomes:
        essence = replace(outcome, probability=CERTAIN, reasons=())
        known = kept.get(essence)
        share = outcome.probability + (known.probability if known else 0)
        kept[essence] = replace(known or outcome, probability=Fraction(share))
    return (outcome for outcome in kept.values() if outcome.probability)


def _balancer_decides(outcomes: Iterable[Outcome]) -> bool:
    """True if one Service port has pods of several workloads behind it (§4.1)."""
    pairs = {(outcome.backend, outcome.workload) for outcome in outcomes if outcome.backend and outcome.workload}
    return len(pairs) > len({backend for backend, _ in pairs})
