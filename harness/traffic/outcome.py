"""What became of one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SERVER_HEADER = "server"
PROXY_ERROR_HEADER = "l5d-proxy-error"
GRPC_STATUS_HEADER = "grpc-status"
ALWAYS_KEPT = (SERVER_HEADER, PROXY_ERROR_HEADER)
"""Response headers that say who answered; they are reported whatever the plan asks for."""


class Failure(StrEnum):
    """Why a request has no response."""

    DNS = "dns"
    """The host's name has no address."""
    CONNECT = "connect"
    """No connection: refused, unreachable."""
    TLS = "tls"
    """The connection's encryption could not be agreed on."""
    RESET = "reset"
    """The connection ended before a response began."""
    TIMEOUT = "timeout"
    """No complete response within the plan's time."""
    TRUNCATED = "truncated"
    """The connection ended within the response, be it in its head or in its body."""
    PROTOCOL = "protocol"
    """What came back is not HTTP."""
    NOT_SENT = "not-sent"
    """The sender had too many requests open. It says nothing about the mesh and counts in no claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One request's fate; either `status` or `error` is set.

    index           position in issue order, from 0
    scheduled       when it was due, in seconds since sending began
    lag             how much later it was really sent
    latency         from when it was due to the end of the response: what a user who does not wait would feel
    service_time    from when it was really sent; comparable with a server's own figures
    headers         lower-case names; those of ALWAYS_KEPT and those the plan asked for, as far as present
    body_start      the first bytes of the body as text
    connection      which of the sender's connections it came by, counted from 0; None if that is not known
    """

    index: int
    scheduled: float
    lag: float
    latency: float
    service_time: float
    status: int | None = None
    error: Failure | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body_start: str = ""
    connection: int | None = None

    def __post_init__(self) -> None:
        if (self.status is None) == (self.error is None):
            raise ValueError(f"an outcome has either a status or an error: {self.status}, {self.error}")

    @property
    def sent(self) -> bool:
        """Whether the request left the sender; if not, it belongs in no count of responses."""
        return self.error is not Failure.NOT_SENT

    @property
    def grpc_status(self) -> int | None:
        """What became of a call of gRPC; None for other requests, and for a call that broke off."""
        text = self.headers.get(GRPC_STATUS_HEADER, "")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def by_proxy(self) -> bool:
        """Whether a proxy of the mesh answered in place of the app; seen by meshed senders only."""
        return PROXY_ERROR_HEADER in self.headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Outcomes that have the same answer and were due in the same short time, counted together.

    scheduled   beginning of that time, in seconds since sending began
    answer      one of them
    latencies   (latency in seconds, rounded; how many had it), ascending; their counts are the bucket's
    """

    scheduled: float
    answer: Outcome
    latencies: tuple[tuple[float, int], ...]

    @property
    def count(self) -> int:
        """How many outcomes it stands for."""
        return sum(count for _, count in self.latencies)
