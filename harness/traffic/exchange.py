"""One request and what came back, without any kindness of the client: no redirects, no retries, no cookies.

Kindness would hide what is measured. What goes out a second time is only what the other end never looked at: a kept
connection that it had closed while it was idle, a stream beyond what a GOAWAY of HTTP/2 names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.traffic.outcome import Failure
from harness.traffic.plan import HTTP_1, Plan

if TYPE_CHECKING:
    from harness.traffic.http1 import HttpExchange
    from harness.traffic.multiplexed import Http2Exchange

USER_AGENT = "signalbox"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, or why there is none.

    connection  the number of the connection that the request went out on, from 0; None if there was none
    """

    status: int | None = None
    error: Failure | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body_start: str = ""
    connection: int | None = None


class Exchange(Protocol):
    """Sends the request of a plan; every call is one request.

    resent  requests that were sent again because their connection was closed before them
    """

    resent: int

    async def send(self) -> Answer:
        """Send the request once and wait for the whole response."""


def exchange_for(plan: Plan) -> HttpExchange | Http2Exchange:
    """What sends the requests of a plan in its protocol."""
    if plan.protocol == HTTP_1:
        from harness.traffic.http1 import HttpExchange

        return HttpExchange(plan)
    from harness.traffic.multiplexed import Http2Exchange  # most senders never need its library

    return Http2Exchange(plan)


def header_text(value: bytes) -> str:
    """The value of a response header; what is not UTF-8 is spelled out, as claims, records and reports are text."""
    return value.decode("utf-8", "backslashreplace")
