"""The requests of an expectation, as the oracle can be asked about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness import oracle
from harness.scenario.claims import Criteria, Every, Share
from harness.scenario.expectations import Expectation, Send, Watch
from harness.scenario.model import PodSender, Scenario
from harness.scenario.tables import Each

_PLACE: Final = re.compile(r"\$\{[^}]*\}")
_SOME_VALUE: Final = "0"
"""Stands for values that are known only when the scenario runs; no route here looks at them."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Requests of one kind, and what is promised of the responses.

    sender   name in the scenario
    by       the sender as the oracle knows it; None if it asks through the ingress
    wanted   criteria of each response; None if only a share of them is promised, or something else
    row      number of the row of a table, from 1; 0 without a table
    calls    they are calls of gRPC
    """

    sender: str
    by: oracle.Sender | None
    request: oracle.Request
    wanted: Criteria | None
    times: int | None
    row: int = 0
    calls: bool = False


def asks_of(scenario: Scenario, promise: Expectation | Watch) -> tuple[Ask, ...]:
    """What is sent for an expectation, one per row of a table; nothing for counters and conditions of resources."""
    if isinstance(promise, Watch):
        return (_sent(scenario, promise.send, promise.every),)
    claim, source = scenario.claim_of(promise), scenario.source_of(promise)
    if isinstance(claim, Each):
        return tuple(_rows(scenario, claim))
    if isinstance(source, Send):
        return (_sent(scenario, source, claim if isinstance(claim, Every) else None),)
    return ()


def share_of(scenario: Scenario, promise: Expectation | Watch) -> Share | None:
    """The share that is promised, if one is."""
    claim = promise.claim if isinstance(promise, Watch) else scenario.claim_of(promise)
    return claim if isinstance(claim, Share) else None


def _sent(scenario: Scenario, send: Send, wanted: Every | None) -> Ask:
    request = _request(send.request.method, send.request.url, send.headers)
    times = wanted.times if wanted else None
    by = sender_of(scenario, send.from_)
    return Ask(send.from_, by, request, wanted, times, calls=send.protocol == "grpc")


def _rows(scenario: Scenario, table: Each) -> Iterator[Ask]:
    for case in table.cases():
        request = _request(case.request.method, case.request.url, case.headers)
        yield Ask(case.sender, sender_of(scenario, case.sender), request, case.wanted, case.times, case.number)


def _request(method: str, url: str, headers: Mapping[str, str]) -> oracle.Request:
    names = {name.lower(): value for name, value in headers.items()}
    authority = names.pop("host", "")
    filled = {name: _PLACE.sub(_SOME_VALUE, value) for name, value in names.items()}
    return oracle.Request.of(method, _PLACE.sub(_SOME_VALUE, url), filled, authority=authority)


def sender_of(scenario: Scenario, name: str) -> oracle.Sender | None:
    """The sender as the oracle knows it; None for one that asks through the ingress."""
    sender = scenario.spec.senders.get(name)
    if not isinstance(sender, PodSender):
        return None
    return oracle.Sender(sender.namespace, sender.service_account, sender.meshed)
