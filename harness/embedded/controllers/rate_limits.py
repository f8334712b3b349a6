"""Status of HTTPLocalRateLimitPolicies as Linkerd's policy controller writes it (§3.27)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from harness.dialect import Dialect
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import name_of, namespace_of, timestamp
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.loop import Controller, Place
from harness.resources.conditions import ACCEPTED
from harness.resources.document import ResourceInvalid
from harness.resources.rate_limits import HTTPLocalRateLimitPolicy, effective_rate_limit, parse_rate_limit_policy
from harness.resources.routes import POLICY_GROUP

Obj = dict[str, Any]

RATE_LIMITS: Final = "httplocalratelimitpolicies.policy.linkerd.io"
_SERVERS: Final = "servers.policy.linkerd.io"

_log = logging.getLogger(__name__)


def rate_limit_status(
    policy: HTTPLocalRateLimitPolicy,
    rivals: Iterable[HTTPLocalRateLimitPolicy],
    before: Mapping[str, Any],
    *,
    has_server: bool,
    now: str,
) -> Obj:
    """The status of a policy that targets a Server.

    rivals      policies of its namespace, itself included
    before      the status that it has; a condition that stays keeps its lastTransitionTime
    now         RFC 3339 time for a condition that changes
    """
    accepted, reason = _verdict(policy, rivals, has_server)
    condition = {"type": ACCEPTED, "status": accepted, "reason": reason, "message": ""}
    for known in before.get("conditions") or ():
        if (known.get("type"), known.get("status")) == (ACCEPTED, accepted):
            now = known.get("lastTransitionTime") or now
    target = {"group": POLICY_GROUP, "kind": "Server", "name": policy.target.name}
    return {"conditions": [condition | {"lastTransitionTime": now}], "targetRef": target}


def _verdict(
    policy: HTTPLocalRateLimitPolicy, rivals: Iterable[HTTPLocalRateLimitPolicy], has_server: bool
) -> tuple[str, str]:
    if not has_server:
        return "False", "NoMatchingTarget"
    first = effective_rate_limit(rivals, policy.namespace, policy.target.name)
    if first is not None and first.name != policy.name:
        return "False", "RateLimitReasonAlreadyExists"
    return "True", "Accepted"


class RateLimitStatusController(Controller):
    """Writes the status of rate limits, and writes it again when their Server or an older one comes or goes."""

    keys = (RATE_LIMITS, _SERVERS)

    def __init__(self, api: Api, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._now = now

    def targets(self, event: Event) -> Iterable[Place]:
        """All rate limits of the namespace: each may stand in another's way."""
        if event.type == "MODIFIED" and event.kind.key == _SERVERS:
            return ()
        namespace = namespace_of(event.obj)
        return [(namespace, name_of(obj)) for obj in self._api.store.list(RATE_LIMITS, namespace)]

    def reconcile(self, namespace: str, name: str) -> None:
        """Write the policy's status if it says anything new; one that targets no Server gets none."""
        stored = self._api.store.get(RATE_LIMITS, namespace, name)
        policy = None if stored is None else _parsed(stored)
        if stored is None or policy is None or not policy.target.is_server:
            return
        before = stored.get("status") or {}
        server = self._api.store.get(_SERVERS, namespace, policy.target.name)
        status = rate_limit_status(
            policy, self._rivals(namespace), before, has_server=server is not None, now=timestamp(self._now())
        )
        if status != before:
            self._api.update_status(RATE_LIMITS, {**stored, "status": status})

    def _rivals(self, namespace: str) -> Iterator[HTTPLocalRateLimitPolicy]:
        parsed = (_parsed(obj) for obj in self._api.store.list(RATE_LIMITS, namespace))
        return (policy for policy in parsed if policy is not None)


def rate_limit_controllers(api: Api, dialect: Dialect) -> list[Controller]:
    """The controller of rate limits, where the mesh has them."""
    return [RateLimitStatusController(api)] if dialect.rate_limits else []


def _parsed(obj: Obj) -> HTTPLocalRateLimitPolicy | None:
    try:
        return parse_rate_limit_policy(obj)
    except ResourceInvalid as invalid:  # it keeps the status it has, as the real controller never sees it either
        _log.warning("rate limit %s/%s cannot be read: %s", namespace_of(obj), name_of(obj), invalid)
        return None
