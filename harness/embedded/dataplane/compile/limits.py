"""Timeouts and retries of a rule, from its own fields and from annotations of its route and Service (section 2).

The proxy does some of it in its own way. Another attempt goes to a backend that has not been tried yet, where Linkerd
draws among all again (§1.37). An attempt that has taken too long is left running beside the next (§2.10): if it is the
first to answer after all, its answer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from harness.dialect import Dialect
from harness.embedded.dataplane.compile.names import Config
from harness.resources.annotations import (
    AnnotatedTimeouts,
    HttpRetry,
    parse_grpc_retry,
    parse_http_retry,
    parse_timeout_annotations,
)
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.routes import GATEWAY_GROUP, HTTPRoute, Timeouts

_BACK_OFF: Final = {"base_interval": "0.025s", "max_interval": "0.25s"}  # §2.10
_BODY_BYTES: Final = 64 * 1024  # §2.10: requests with longer bodies are not tried again
_BROKEN: Final = frozenset({502, 504})
"""What Linkerd makes of connections that are refused, reset or too slow, before it retries (§2.10)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for the requests of one rule; None is no limit.

    attempt     how long one attempt may take, tried again or not
    retry       None for one attempt only
    """

    request: timedelta | None = None
    idle: timedelta | None = None
    attempt: timedelta | None = None
    retry: HttpRetry | None = None

    def action(self) -> Config:
        """Fields of a route's action."""
        fields: Config = {}
        if self.request is not None:
            fields["timeout"] = _seconds(self.request)
        if self.idle is not None:
            fields["idle_timeout"] = _seconds(self.idle)
        if self.retry is not None:
            fields["retry_policy"] = _retry_policy(self.retry, self.attempt)
            # So the proxy does not cut the last attempt off (§2.10).
            fields |= {"hedge_policy": {"hedge_on_per_try_timeout": True}} if self.attempt is not None else {}
        elif self.attempt is not None:
            fields["retry_policy"] = {"num_retries": 0, "per_try_timeout": _seconds(self.attempt)}
        return fields

    def buffers(self) -> Config:
        """Fields of the route itself."""
        return {} if self.retry is None else {"per_request_buffer_limit_bytes": _BODY_BYTES}


def rule_limits(route: HTTPRoute, timeouts: Timeouts, service: Mapping[str, str], dialect: Dialect) -> Limits:
    """The limits of a rule; `service` are annotations of the parent, which count if the route says nothing (§2.6)."""
    written = timeouts if route.group != GATEWAY_GROUP or dialect.gateway_route_timeouts else Timeouts()
    attempt = written.backend_request if dialect.backend_request_timeout else None  # §2.5
    if not dialect.route_annotations:
        return Limits(request=written.request, attempt=attempt)
    annotated, _ = parse_timeout_annotations(route.annotations)
    own = _without_zeros(AnnotatedTimeouts(annotated.request or written.request, annotated.response, annotated.idle))
    calls = route.kind == GRPC_ROUTE
    retry, _ = (parse_grpc_retry if calls else parse_http_retry)(route.annotations)
    return _limits(own, retry, _of_service(service, calls=calls), attempt)


def service_limits(service: Mapping[str, str], dialect: Dialect) -> Limits:
    """The limits of a Service that no route is attached to (§2.6)."""
    if not dialect.route_annotations:
        return Limits()
    return _limits(AnnotatedTimeouts(), None, _of_service(service), None)


def _limits(
    own: AnnotatedTimeouts,
    retry: HttpRetry | None,
    service: tuple[AnnotatedTimeouts, HttpRetry | None],
    attempt: timedelta | None,
) -> Limits:
    timeouts = own if own != AnnotatedTimeouts() else service[0]
    retries = retry or service[1]
    whole = _shorter(timeouts.request, timeouts.response)
    return Limits(whole, timeouts.idle, _shorter(attempt, retries.timeout if retries else None), retries)


def _shorter(*limits: timedelta | None) -> timedelta | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _of_service(annotations: Mapping[str, str], *, calls: bool = False) -> tuple[AnnotatedTimeouts, HttpRetry | None]:
    """§2.7: one wrong annotation spoils all timeouts, or all retries, of a Service."""
    timeouts, wrong = parse_timeout_annotations(annotations)
    retry, wrong_retry = (parse_grpc_retry if calls else parse_http_retry)(annotations)
    return (AnnotatedTimeouts() if wrong else _without_zeros(timeouts)), (None if wrong_retry else retry)


def _without_zeros(timeouts: AnnotatedTimeouts) -> AnnotatedTimeouts:
    """§2.4: 0 is none."""
    return AnnotatedTimeouts(timeouts.request or None, timeouts.response or None, timeouts.idle or None)


def _retry_policy(retry: HttpRetry, attempt: timedelta | None) -> Config:
    statuses = {code for first, last in retry.statuses for code in range(first, last + 1)}
    when = ["refused-stream", *retry.conditions]
    if statuses:
        when.append("retriable-status-codes")
    if statuses & _BROKEN or "unavailable" in retry.conditions:
        when += ["reset", "connect-failure"]
    policy = {
        "retry_on": ",".join(when),
        "num_retries": retry.limit,
        "retriable_status_codes": sorted(statuses),
        "retry_back_off": _BACK_OFF,
    }
    return policy if attempt is None else {**policy, "per_try_timeout": _seconds(attempt)}


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():.6f}s"
