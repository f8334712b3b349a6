"""Who of a step's senders can be asked whether a change is in force, and with which of its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from harness.mesh.changes import Witness
from harness.mesh.settle import NotSettled
from harness.run import events as ev
from harness.run.senders import Sender
from harness.scenario.expectations import Send
from harness.scenario.model import Scenario, Step
from harness.scenario.request_lines import Request
from harness.scenario.tables import Each
from harness.traffic.plan import Plan
from harness.traffic.plan import Request as TrafficRequest
from harness.verdict.judgement import Judgement, Verdict

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""A settling probe repeats a request of the step; one that changes something is never repeated for that."""
_CAPTURED: Final = "${"
"""Begins a value that an earlier response of the step will give."""
_PROBES_PER_SECOND: Final = 200.0


def witnesses(scenario: Scenario, step: Step, senders: Mapping[str, Sender]) -> Iterator[Witness]:
    """The harmless requests of a step that pods send, in the order of the file."""
    for name, request, headers in _asked(scenario, step):
        if (witness := witness_by(senders[name], request, headers)) is not None:
            yield witness


def witness_by(sender: Sender, request: Request, headers: Mapping[str, str]) -> Witness | None:
    """The request as one that may be repeated to find out what is in force; None if it is not harmless."""
    if sender.pod is None or request.method not in SAFE_METHODS or _CAPTURED in request.url:
        return None
    send = partial(_send, sender, request, headers)
    return Witness(sender.pod, sender.meshed, request.method, request.url, send, headers)


def _asked(scenario: Scenario, step: Step) -> Iterator[tuple[str, Request, Mapping[str, str]]]:
    """Sender, request and headers of everything that the step asks for itself."""
    for expectation in step.then:
        source, claim = scenario.source_of(expectation), scenario.claim_of(expectation)
        if isinstance(source, Send):
            yield source.from_, source.request, source.headers
        elif isinstance(claim, Each):
            yield from ((case.sender, case.request, case.headers) for case in claim.cases())


def _send(sender: Sender, request: Request, headers: Mapping[str, str], url: str, times: int) -> None:
    """Requests like one of the step, their outcomes thrown away: the proxies' counters are what matters."""
    asked = TrafficRequest(method=request.method, url=url, headers=tuple(headers.items()))
    with sender.client.send(Plan(request=asked, rate_per_second=_PROBES_PER_SECOND, limit=times)) as sending:
        for _ in sending:
            continue


def unsettled(scenario: str, step: str, within: float, failure: NotSettled, place: str) -> ev.ExpectationResult:
    """The broken result of a step whose change was not in force within so many seconds."""
    promised = f"the change in force within {within:g} s"
    seen = "; ".join(failure.sentences)
    judgement = Judgement(
        verdict=Verdict.BROKEN, hits=0, total=0, low=0.0, high=1.0, level=1.0, promised=promised, seen=seen
    )
    return ev.ExpectationResult(scenario, step, "settle", place, judgement, failure.seconds)
