"""Senders as a test has them: one request now, as with any HTTP client, or a description of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.run.bursts import plan_for_send
from harness.run.looked_at import EVERYTHING
from harness.run.senders import Sender as RunningSender
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Send
from harness.traffic.outcome import Outcome


class NoResponse(Exception):
    """A single request got no response; says why."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a single request got.

    headers     names in lower case
    text        the body, of a long one the beginning
    by_proxy    whether a proxy of the mesh answered in place of the app; seen by meshed senders only
    """

    status: int
    headers: Mapping[str, str]
    text: str
    by_proxy: bool


@dataclass(frozen=True, slots=True)
class Requests:
    """What to ask, how fast and by whom; nothing is sent before a claim about it is judged.

    written  as the scenario language spells it
    """

    send: Send
    written: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.send.request} from {self.send.from_}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who asks.

    name     in reports
    running  the pod, or whoever asks through the ingress
    """

    name: str
    running: RunningSender
    _requests: Callable[[Mapping[str, Any]], Requests]
    _in_force: Callable[[Send], None]

    def __repr__(self) -> str:
        return f"<sender {self.name}>"

    def get(self, url: str, **more: Any) -> Response:
        """The response to one GET; see `request`."""
        __tracebackhide__ = True
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> Response:
        """The response to one POST; see `request`."""
        __tracebackhide__ = True
        return self.request("POST", url, **more)

    def request(self, method: str, url: str, **more: Any) -> Response:
        """The response to one request, sent once every change of the test is in force.

        more    headers, body, json, timeout («10s»), as in `send` of the scenario language
        raises  NoResponse
        """
        __tracebackhide__ = True
        send = self.requests(method, url, **more).send
        self._in_force(send)
        (outcome,) = self._once(send)
        if outcome.status is None:
            raise NoResponse(f"{send.request} from {self.name}: no response ({outcome.error})")
        return Response(outcome.status, outcome.headers, outcome.body_start, outcome.by_proxy)

    def requests(self, method: str, url: str, **more: Any) -> Requests:
        """The same request again and again, for a claim about it.

        more    rate («500/s»), headers, body, json, timeout («10s»), connections («kept», «fresh»)
        raises  InputError
        """
        __tracebackhide__ = True
        return self._requests({"from": self.name, "request": f"{method} {url}", **more})

    def _once(self, send: Send) -> list[Outcome]:
        plan = plan_for_send(send, EVERYTHING, Pace(), 1)
        with self.running.client.send(plan) as sending:
            return [outcome for batch in sending for outcome in batch]
