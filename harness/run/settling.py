"""Who of a step's senders can be asked whether a change is in force, and with which of its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from harness.mesh.changes import Witness
from harness.mesh.settle import NotSettled
from harness.run import events as ev
from harness.run.senders import Sender
from harness.scenario.expectations import Send
from harness.scenario.model import Scenario, Step
from harness.scenario.request_lines import Request
from harness.scenario.tables import Each
from harness.traffic.plan import GRPC, HTTP_1, Plan
from harness.traffic.plan import Request as TrafficRequest
from harness.verdict.judgement import Judgement, Verdict

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""A settling probe repeats a request of the step; one that changes something is never repeated for that."""
HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
"""The one call of gRPC that changes nothing whoever serves it; what another method does, only its server knows."""
_CAPTURED: Final = "${"
"""Begins a value that an earlier response of the step will give."""
_PROBES_PER_SECOND: Final = 200.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """Requests of one kind; `message` is that of a call of gRPC."""

    sender: str
    request: Request
    headers: Mapping[str, str]
    protocol: str = HTTP_1
    message: bytes = b""

    @property
    def is_harmless(self) -> bool:
        if self.protocol == GRPC:
            return urlsplit(self.request.url).path == HEALTH_CHECK
        return self.request.method in SAFE_METHODS

    @property
    def is_known(self) -> bool:
        """Whether it can be sent before any response has come."""
        return not any(_CAPTURED in text for text in (self.request.url, *self.headers.values()))


def witnesses(scenario: Scenario, step: Step, senders: Mapping[str, Sender]) -> Iterator[Witness]:
    """The harmless requests of a step that pods send, in the order of the file."""
    for asked in _asked(scenario, step):
        if (witness := _witness(senders[asked.sender], asked)) is not None:
            yield witness


def witness_by(sender: Sender, send: Send) -> Witness | None:
    """The request as one that may be repeated to find out what is in force; None if it is not harmless."""
    return _witness(sender, _of_send(send))


def _witness(sender: Sender, asked: _Asked) -> Witness | None:
    if sender.pod is None or not asked.is_harmless or not asked.is_known:
        return None
    send = partial(_send, sender, asked)
    return Witness(sender.pod, sender.meshed, asked.request.method, asked.request.url, send, asked.headers)


def _asked(scenario: Scenario, step: Step) -> Iterator[_Asked]:
    """Everything that the step asks for itself."""
    for expectation in step.then:
        source, claim = scenario.source_of(expectation), scenario.claim_of(expectation)
        if isinstance(source, Send):
            yield _of_send(source)
        elif isinstance(claim, Each):
            yield from (_Asked(case.sender, case.request, case.headers) for case in claim.cases())


def _of_send(send: Send) -> _Asked:
    return _Asked(send.from_, send.request, send.headers, send.protocol, send.message or b"")


def _send(sender: Sender, asked: _Asked, url: str, times: int) -> None:
    """Requests like one of the step, their outcomes thrown away: the proxies' counters are what matters."""
    headers = tuple(asked.headers.items())
    request = TrafficRequest(method=asked.request.method, url=url, headers=headers, body=asked.message)
    plan = Plan(request=request, rate_per_second=_PROBES_PER_SECOND, limit=times, protocol=asked.protocol)
    with sender.client.send(plan) as sending:
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
