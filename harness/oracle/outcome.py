"""What the oracle says: the ways in which a request can end, how likely each is, and why."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from harness.oracle.asking import Request, Sender
from harness.oracle.limits import NO_LIMITS, Limits
from harness.resources.circuit_breaking import FailureAccrual
from harness.resources.filters import Filter
from harness.resources.routes import RouteKey

Key: TypeAlias = tuple[str, str]
"""Namespace and name."""

Answerer: TypeAlias = Literal["app", "client's proxy", "server's proxy", "network"]
"""`network`: nobody answers in HTTP; a name does not resolve, or a connection is refused."""

CERTAIN: Final = Fraction(1)

Timing: TypeAlias = Literal["at once", "application", "fail-fast", "cut off"]
"""`application`: as long as it takes, within the limits. `fail-fast`: first 3 s, then at once (§1.28). `cut off`: first
at its timeout, then at once (§2.12)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One link of the chain.

    rule  number in the semantics document, such as §1.18
    """

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.rule})"


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """What the client's proxy went by: a Service port, and the rule of a route; numbers count from 0.

    route  None for the default route of a Service that no route is attached to (§1.17), or if none matches
    """

    service: Key
    port: int
    route: RouteKey | None = None
    rule: int = 0
    match: int = 0


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """What the server's proxy went by.

    server         name of the Server, or `default:<policy>` (§3.3)
    route          name of an HTTPRoute, or `default`, `probe`; "" if none matches
    authorization  what lets the client in, as kind/name; "" if nothing does
    authentication what that asked for; "" if for nothing
    """

    server: str
    route: str = ""
    authorization: str = ""
    authentication: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way in which the request can end.

    probability     share of all requests
    status          None if that is the application's business, or if there is no HTTP answer at all
    also            statuses that the same cause gives at other moments: later, at a higher rate, or after a limit
    workload        whose application, or whose proxy, answers; None if no workload is known to
    backend         Service and port that the request was sent to; None if it was sent nowhere
    location        of a redirect
    filters         what changes headers on the way, outbound ones first
    breaking        after how many failures in a row an endpoint is given up, and for how long (§4.3); None for never
    retryable       failures are tried again as far as a budget goes, which is not followed (§1.10)
    looked_into     False if the client's proxy passes bytes on and reads no request (§1.61)
    """

    probability: Fraction
    by: Answerer
    status: int | None = None
    also: tuple[int, ...] = ()
    timing: Timing = "at once"
    workload: Key | None = None
    backend: tuple[Key, int] | None = None
    location: str = ""
    limits: Limits = NO_LIMITS
    filters: tuple[Filter, ...] = ()
    routed: RouteDecision | None = None
    allowed: PolicyDecision | None = None
    reasons: tuple[Reason, ...] = ()
    breaking: FailureAccrual | None = None
    looked_into: bool = True
    retryable: bool = False

    @property
    def statuses(self) -> frozenset[int]:
        """All statuses that this outcome can be seen as; empty if anything, or nothing, can be."""
        return frozenset((self.status, *self.also)) - {None} if self.status is not None else frozenset()

    @property
    def observable(self) -> tuple[object, ...]:
        """What a client, or an application, can tell it from others by; neither probability nor reasons."""
        by_app = self.by == "app"
        what = (self.by, self.status, self.also, self.timing, self.workload, self.location)
        return (*what, self.limits.noticeable, self.filters, self.breaking) if by_app else what


@dataclass(frozen=True, slots=True)
class Prediction:
    """All ways in which one request of one sender can end; their probabilities sum to 1.

    exact   False if a Service has pods of several workloads, among which a balancer does not share evenly (§4.1)
    """

    sender: Sender
    request: Request
    outcomes: tuple[Outcome, ...]
    exact: bool = True

    def share(self, **seen: object) -> Fraction:
        """How likely an outcome is that has these attributes, such as `status=500`."""
        fitting = (one for one in self.outcomes if all(getattr(one, key) == value for key, value in seen.items()))
        return sum((one.probability for one in fitting), Fraction(0))

    @property
    def certain(self) -> Outcome | None:
        """The only outcome, if there is only one."""
        return self.outcomes[0] if len(self.outcomes) == 1 else None
