"""What the rules make of the requests behind a broken expectation, by the objects on the cluster in that moment.

It tells a mesh that does what it was told, by manifests that say something else than was meant, from one that does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.dialect import Dialect
from harness.forecast.asks import sender_of
from harness.forecast.contradiction import NOBODY
from harness.forecast.pages import pages, pages_namespace
from harness.forecast.trace import brief_lines
from harness.kube.client import Kube, KubeError
from harness.mesh.objects import mesh_objects
from harness.oracle import Objects, Prediction, Request, predict
from harness.oracle.fixed_answers import fixed_statuses, with_fixed
from harness.oracle.outcome import Key
from harness.run.events import Foretold
from harness.run.offenders import Sent
from harness.scenario.expectations import Expectation, Promise
from harness.scenario.model import Scenario
from harness.traffic import plan
from harness.traffic.outcome import Outcome

_READY: Final[Mapping[str, str]] = {"Deployment": "readyReplicas", "StatefulSet": "readyReplicas"}
"""Kinds of workloads that say how many of their pods are ready, and where."""


def foretold(
    promise: Promise,
    sent: Sequence[tuple[Sent, Sequence[Outcome]]],
    kube: Kube,
    scenario: Scenario,
    dialect: Dialect,
) -> tuple[Foretold, ...]:
    """What the rules say of each request, and of booksapp's pages where a promise is about their counters.

    Nothing of requests that go through the ingress, which has rules of its own.

    sent  bursts, each with those of its outcomes that are to be held against the rules
    """
    known = [(one, outcomes) for one, outcomes in sent if sender_of(scenario, one.sender) and one.burst.plan]
    namespace = _pages_namespace(promise, scenario)
    if not known and namespace is None:
        return ()
    try:
        now = _Now.of(mesh_objects(kube), dialect)
    except KubeError as error:
        return (Foretold("", "", "", (f"not known, as the objects cannot be read: {error.message}",)),)
    if namespace is not None:
        found = pages(now.documents, now.objects, now.fixed, now.unready, namespace)
        return (Foretold("the visitor", f"pages of {namespace}/webapp", "", (found.sentence,)),) if found else ()
    return tuple(dict.fromkeys(_foretold(one, outcomes, now, scenario) for one, outcomes in known))


def _pages_namespace(promise: Promise, scenario: Scenario) -> str | None:
    steps = (step for step, expectation in scenario.expectations() if expectation is promise)
    step = next(steps, None)
    return pages_namespace(scenario, step, promise) if step and isinstance(promise, Expectation) else None


@dataclass(frozen=True, slots=True)
class _Now:
    """The cluster in this moment, as the oracle needs it."""

    documents: Sequence[dict[str, Any]]
    objects: Objects
    fixed: Mapping[Key, int]
    unready: tuple[Key, ...]

    @classmethod
    def of(cls, documents: Sequence[dict[str, Any]], dialect: Dialect) -> _Now:
        return cls(documents, Objects.read(documents, dialect), fixed_statuses(documents), tuple(_unready(documents)))


def _foretold(sent: Sent, outcomes: Sequence[Outcome], now: _Now, scenario: Scenario) -> Foretold:
    sender = sender_of(scenario, sent.sender)
    assert sender is not None, "others were left out"
    assert sent.burst.plan is not None, "what was not sent was left out"
    request, calls = sent.burst.plan.request, sent.burst.plan.protocol == plan.GRPC
    prediction = with_fixed(predict(now.objects, sender, _as_asked(request), unready=now.unready), now.fixed)
    # What is against the rules is told of statuses of HTTP, which calls do not have.
    lines = (*brief_lines(prediction, calls=calls), *_excluded(prediction, () if calls else outcomes))
    return Foretold(sent.sender, str(request), sent.case, lines)


def _as_asked(request: plan.Request) -> Request:
    host = next((value for name, value in request.headers if name.lower() == "host"), "")
    headers = [(name, value) for name, value in request.headers if name.lower() != "host"]
    return Request.of(request.method, request.url, headers, authority=host)


def _excluded(prediction: Prediction, outcomes: Sequence[Outcome]) -> Iterator[str]:
    against = [f"#{outcome.index}" for outcome in outcomes if not _can_be(prediction, outcome)]
    if against:
        yield f"{', '.join(against)} cannot be by these rules: the mesh does not do what its objects say"


def _can_be(prediction: Prediction, outcome: Outcome) -> bool:
    """True unless the rules exclude it; requests without a response are not looked at."""
    if outcome.status is None:
        return True
    return any(
        outcome.status in (promised.status, *promised.also)
        or (promised.by == "app" and promised.status is None and not outcome.by_proxy)
        or (promised.by in ("app", "network") and outcome.by_proxy and outcome.status in NOBODY)
        or (promised.by in ("client's proxy", "server's proxy") and promised.status is None)
        for promised in prediction.outcomes
    )


def _unready(documents: Sequence[dict[str, Any]]) -> Iterator[Key]:
    for document in documents:
        match document:
            case {"kind": kind, "metadata": {"name": str(name), "namespace": str(namespace)}} if kind in _READY:
                spec, status = document.get("spec"), document.get("status")
                wanted = spec.get("replicas", 1) if isinstance(spec, dict) else 0
                ready = status.get(_READY[kind]) if isinstance(status, dict) else None
                if wanted and not ready:
                    yield namespace, name
