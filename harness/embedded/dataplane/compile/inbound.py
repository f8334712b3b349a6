"""Route tables for what reaches a meshed pod: which route, then who may use it, then what happens (§3.15).

The table belongs to one port of one pod and to no listener, so that a policy changes only it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from harness.embedded.dataplane.compile.authorizations import route_access
from harness.embedded.dataplane.compile.filters import request_changes
from harness.embedded.dataplane.compile.http import APP_KEY
from harness.embedded.dataplane.compile.names import REMEMBERED, Config, InboundLabel, inbound_name, labelled
from harness.embedded.dataplane.compile.precedence import HostScore, Ranked, pattern_score, ranked
from harness.embedded.dataplane.compile.rate_limits import host_limits, no_limits
from harness.embedded.dataplane.compile.redirects import redirect
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import Pod
from harness.resources.filters import RequestRedirect
from harness.resources.inbound import InboundPolicy, InboundRoute, InboundRule

_ANY_HOST: Final = ""


def inbound_table(view: View, pod: Pod, port: int) -> Config:
    """The routes of a port; what none of them matches is answered 404 (§3.12)."""
    return _table(view.policy(pod, port), inbound_name(pod, port), port)


@lru_cache(REMEMBERED)
def _table(policy: InboundPolicy, name: str, port: int) -> Config:
    candidates = (((route, host), route.rules, score) for route in policy.routes for host, score in _hosts(route))
    actions: dict[tuple[object, ...], Config] = {}
    routes = []
    for item in ranked(candidates):
        route, hostname = item.route
        redirects = _redirect(item.rule) is not None  # nothing else goes by the path once a rule is found
        key = (id(route), id(item.rule), (item.match.path, item.entry.tier) if redirects else None)
        if key not in actions:
            actions[key] = _action(policy, item, port)
        routes.append({"match": _with_host(item.entry.match, hostname), **actions[key]})
    host: Config = {"name": "server", "domains": ["*"], "routes": [*routes, _no_route(policy)]}
    if limits := host_limits(policy.rate_limit):
        host["typed_per_filter_config"] = limits
    return {"name": name, "validate_clusters": False, "virtual_hosts": [host]}


def _hosts(route: InboundRoute) -> Iterator[tuple[str, HostScore]]:
    """The hostnames of a route, each with its rank: for any host the best that fits comes first (§1.48)."""
    if not route.hostnames:
        yield _ANY_HOST, (0, 0)
    for hostname in route.hostnames:
        yield hostname, pattern_score(hostname)


def _with_host(match: Config, hostname: str) -> Config:
    """Only for requests to that host: any may be written by clients, so it is no virtual host (§1.47)."""
    if hostname == _ANY_HOST:
        return match
    pattern = f".+{re.escape(hostname[1:])}" if hostname.startswith("*.") else re.escape(hostname)
    if not hostname.endswith("."):
        pattern += r"\.?"
    condition = {"name": ":authority", "string_match": {"safe_regex": {"regex": f"(?i){pattern}(:[0-9]+)?"}}}
    return {**match, "headers": [*match.get("headers", ()), condition]}


def _redirect(rule: InboundRule) -> RequestRedirect | None:
    return next((item for item in rule.filters if isinstance(item, RequestRedirect)), None)


def _action(policy: InboundPolicy, item: Ranked[tuple[InboundRoute, str], InboundRule], port: int) -> Config:
    """Everything of an entry but its match."""
    (route, _), rule = item.route, item.rule
    answer = _redirect(rule)
    limit = None if policy.rate_limit is None else policy.rate_limit.ref
    label = InboundLabel(policy.server, route.ref, limit, redirects=answer is not None)
    access = route_access(route.authorizations)
    if answer is not None:
        free = no_limits(policy.rate_limit)
        own = redirect(answer, port, item.match.path, item.entry.tier, explains=False)
        return {"metadata": labelled(label), "typed_per_filter_config": access | free, **own}
    return {
        "metadata": labelled(label),
        "typed_per_filter_config": access,
        "route": {"cluster_header": APP_KEY, "timeout": "0s"},
        **request_changes(rule.filters),
    }


def _no_route(policy: InboundPolicy) -> Config:
    """Told apart from other answers by its status; the reason is for meshed clients alone (§3.24)."""
    route: Config = {
        "match": {"prefix": "/"},
        "metadata": labelled(InboundLabel(policy.server)),
        "direct_response": {"status": 404},
    }
    free = no_limits(policy.rate_limit)
    return {**route, "typed_per_filter_config": free} if free else route
