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
from harness.embedded.dataplane.compile.lines import by_line
from harness.embedded.dataplane.compile.matching import narrowed
from harness.embedded.dataplane.compile.names import REMEMBERED, Config, InboundLabel, inbound_name, labelled
from harness.embedded.dataplane.compile.precedence import HostScore, Ranked, pattern_score, ranked
from harness.embedded.dataplane.compile.rate_limits import host_limits, no_limits
from harness.embedded.dataplane.compile.redirects import leads_back, redirect
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import Pod
from harness.resources.filters import RequestRedirect
from harness.resources.inbound import InboundPolicy, InboundRoute, InboundRule

_ANY_HOST: Final = ""
_HTTP: Final = 80


def inbound_table(view: View, pod: Pod, port: int) -> Config:
    """The routes of a port; what none of them matches is answered 404 (§3.12)."""
    policy = view.policy(pod, port)
    redirects = any(_redirect(rule) is not None for route in policy.routes for rule in route.rules)
    dialled = view.dialled(pod, port) if redirects else ()
    return _table(policy, inbound_name(pod, port), port, dialled)


@lru_cache(REMEMBERED)
def _table(policy: InboundPolicy, name: str, port: int, dialled: tuple[int, ...]) -> Config:
    candidates = (((route, host), route.rules, score) for route in policy.routes for host, score in _hosts(route))
    known: dict[tuple[object, ...], tuple[Config, ...]] = {}
    routes = []
    for item in ranked(candidates):
        route, hostname = item.route
        redirects = _redirect(item.rule) is not None  # nothing else goes by the path once a rule is found
        key = (id(route), id(item.rule), (item.match.path, item.entry.tier) if redirects else None)
        if key not in known:
            known[key] = tuple(_actions(policy, item, port, dialled))
        match = _with_host(item.entry.match, hostname)
        routes += [{**one, "match": narrowed(match, one.get("match", {}).get("headers", []))} for one in known[key]]
    host: Config = {"name": "server", "domains": ["*"], "routes": [*routes, _no_route(policy)]}
    if limits := host_limits(policy.rate_limit):
        host["typed_per_filter_config"] = limits
    return {"name": name, "validate_clusters": False, "virtual_hosts": [by_line(host)]}


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


def _actions(
    policy: InboundPolicy, item: Ranked[tuple[InboundRoute, str], InboundRule], port: int, dialled: tuple[int, ...]
) -> Iterator[Config]:
    """Entries without what the match asks for: where a redirect leads back nothing is redirected (§1.57).

    A redirect that keeps the port that was dialled has an entry for each that leads here, as the proxy cannot copy it.
    """
    answer = _redirect(item.rule)
    back = [] if answer is None else leads_back(answer, item.match.path, item.entry.tier)
    if back is not None:
        yield {**_to_application(policy, item), "match": {"headers": back}}
    if answer is not None:
        free = no_limits(policy.rate_limit)
        admitted = _admitted(policy, item.route[0], redirects=True, more=free)
        usual = redirect(answer, port, item.match.path, item.entry.tier, explains=False)
        for asked in dialled:
            own = redirect(answer, asked, item.match.path, item.entry.tier, explains=False)
            if own != usual:
                yield {**admitted, **own, "match": {"headers": [_asking(asked)]}}
        yield {**admitted, **usual}


def _asking(port: int) -> Config:
    """True of requests whose authority names this port; clients leave out 80."""
    pattern = "[^:]+(:80)?" if port == _HTTP else f".*:{port}"
    return {"name": ":authority", "string_match": {"safe_regex": {"regex": pattern}}}


def _to_application(policy: InboundPolicy, item: Ranked[tuple[InboundRoute, str], InboundRule]) -> Config:
    return {
        **_admitted(policy, item.route[0]),
        "route": {"cluster_header": APP_KEY, "timeout": "0s"},
        **request_changes(item.rule.filters),
    }


def _admitted(
    policy: InboundPolicy, route: InboundRoute, *, redirects: bool = False, more: Config | None = None
) -> Config:
    """Who may use a route, and under which name it is counted."""
    limit = None if policy.rate_limit is None else policy.rate_limit.ref
    label = InboundLabel(policy.server, route.ref, limit, redirects=redirects)
    return {"metadata": labelled(label), "typed_per_filter_config": route_access(route.authorizations) | (more or {})}


def _no_route(policy: InboundPolicy) -> Config:
    """Told apart from other answers by its status; the reason is for meshed clients alone (§3.24)."""
    route: Config = {
        "match": {"prefix": "/"},
        "metadata": labelled(InboundLabel(policy.server)),
        "direct_response": {"status": 404},
    }
    free = no_limits(policy.rate_limit)
    return {**route, "typed_per_filter_config": free} if free else route
