"""Timeouts and retries of a rule (section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from harness.dialect import Dialect
from harness.resources.annotations import (
    AnnotatedTimeouts,
    HttpRetry,
    parse_grpc_retry,
    parse_http_retry,
    parse_timeout_annotations,
)
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.routes import GATEWAY_GROUP, HTTPRoute, Rule


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may take; None is no limit.

    request   all of it, retries included (§2.1)
    attempt   one attempt at a backend (§2.5)
    response  from the request's end to the response's
    idle      the longest gap
    """

    request: timedelta | None = None
    attempt: timedelta | None = None
    response: timedelta | None = None
    idle: timedelta | None = None
    retry: HttpRetry | None = None

    @property
    def answer_within(self) -> timedelta | None:
        """After this long a client that still waits for headers gets 504 (§2.2); None for no such moment."""
        first = [limit for limit in (self.request, self.response) if limit is not None]
        if self.attempt is not None and self.retry is None:
            first.append(self.attempt)
        return min(first, default=None)

    @property
    def noticeable(self) -> Limits:
        """These without what never fires: of a request and its only attempt the shorter limit comes first (§2.5)."""
        if self.retry is not None or self.request is None or self.attempt is None:
            return self
        return replace(self, request=None) if self.attempt <= self.request else replace(self, attempt=None)


NO_LIMITS: Final = Limits()


def rule_limits(route: HTTPRoute, rule: Rule, service: Mapping[str, str], dialect: Dialect) -> Limits:
    """The limits of a rule; `service` are the annotations of its parent."""
    honoured = route.group != GATEWAY_GROUP or dialect.gateway_route_timeouts  # §2.4
    request = rule.timeouts.request if honoured else None
    attempt = rule.timeouts.backend_request if honoured and dialect.backend_request_timeout else None  # §2.5
    if not dialect.route_annotations:
        return Limits(request=request, attempt=attempt)
    annotated, _ = parse_timeout_annotations(route.annotations)
    own = Limits(annotated.request or request, None, annotated.response or None, annotated.idle or None)
    calls = route.kind == GRPC_ROUTE
    retry, _ = parse_grpc_retry(route.annotations) if calls else parse_http_retry(route.annotations)
    of_service = service_limits(service, dialect, calls=calls)
    timeouts = of_service if own == NO_LIMITS else own  # §2.6: only if the rule ends up with none of any kind
    return Limits(timeouts.request, attempt, timeouts.response, timeouts.idle, retry or of_service.retry)


def service_limits(annotations: Mapping[str, str], dialect: Dialect, *, calls: bool = False) -> Limits:
    """The limits that a Service's annotations ask for; one wrong word spoils all timeouts, or all retries (§2.7).

    calls  under GRPCRoutes, which are retried by other words
    """
    if not dialect.route_annotations:
        return NO_LIMITS
    timeouts, wrong_timeouts = parse_timeout_annotations(annotations)
    retry, wrong_retries = parse_grpc_retry(annotations) if calls else parse_http_retry(annotations)
    if wrong_timeouts:
        timeouts = AnnotatedTimeouts()
    return Limits(
        request=timeouts.request or None,  # §2.4: 0 is none
        response=timeouts.response or None,
        idle=timeouts.idle or None,
        retry=None if wrong_retries else retry,
    )
