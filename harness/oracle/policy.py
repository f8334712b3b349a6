"""What the proxy in front of an application does with a client (section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from harness.oracle.asking import Request, Sender
from harness.oracle.attachment import server_routes
from harness.oracle.grants import Grant, default_grant, policy_grant, server_authorization_grant
from harness.oracle.matching import choose
from harness.oracle.objects import Objects
from harness.oracle.outcome import PolicyDecision, Reason
from harness.oracle.redirects import location
from harness.oracle.workloads import Workload
from harness.resources.authorizations import AuthorizationPolicy
from harness.resources.default_policies import DefaultPolicy, default_policy
from harness.resources.filters import Filter, RequestHeaderModifier, RequestRedirect
from harness.resources.matches import Match, PathMatch
from harness.resources.routes import HTTPRoute, Rule
from harness.resources.servers import Server

_NOT_HTTP: Final = ("opaque", "TLS")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The proxy's word on a request.

    status      None if the application is to answer, or if the connection is closed
    opaque      True if the connection is not read as HTTP (§3.7)
    closed      True if it is closed for that
    limited     requests per second above which the answer is 429 (§3.28); None for no limit
    """

    decision: PolicyDecision
    reasons: tuple[Reason, ...]
    status: int | None = None
    opaque: bool = False
    closed: bool = False
    location: str = ""
    filters: tuple[Filter, ...] = ()
    limited: int | None = None


@dataclass(frozen=True, slots=True)
class _Route:
    """A route of a port, written or made up by the mesh."""

    name: str
    hostnames: tuple[str, ...]
    rules: tuple[Rule, ...]
    grants: tuple[Grant, ...] = ()


def judge(objects: Objects, sender: Sender, request: Request, workload: Workload, port: int) -> Verdict:
    """What becomes of a request that has arrived at this port of a meshed workload (§3.15)."""
    server = server_in_force(objects, workload, port)
    if server is None:
        return _by_default(objects, sender, request, workload, port)
    why = Reason("§3.6", f"Server {server.name} selects port {port} of {workload.pod.name}")
    grants = tuple(_server_grants(objects, server))
    decision = PolicyDecision(server.name)
    if server.proxy_protocol in _NOT_HTTP:
        return _connection(sender, grants, decision, (why,))
    routes = _routes_of(objects, server, workload, port)
    verdict = _request(sender, request, routes, grants, decision, (why,))
    return _limited(objects, server, sender, verdict)


def server_in_force(objects: Objects, workload: Workload, port: int) -> Server | None:
    """Of the Servers that select a port, the oldest, then the first by name (§1.74, §3.6)."""
    rivals = [server for server in objects.servers if _selects(server, workload, port)]
    return min(rivals, key=lambda one: (not one.creation_timestamp, one.creation_timestamp, one.name), default=None)


def _selects(server: Server, workload: Workload, port: int) -> bool:
    pod = workload.pod
    if server.namespace != pod.namespace or server.pod_selector is None:
        return False
    named = [item.number for item in pod.ports if item.name == server.port]
    return (port == server.port or port in named) and server.pod_selector.matches(pod.labels)


# -- without a Server --------------------------------------------------------------------------------------------------


def _by_default(objects: Objects, sender: Sender, request: Request, workload: Workload, port: int) -> Verdict:
    policy = pod_default(objects, workload, port)
    grant = default_grant(policy, objects.settings.cluster_networks)
    decision = PolicyDecision(f"default:{policy.name}")
    why = Reason("§3.3", f"no Server selects port {port} of {workload.pod.name}: its default policy is {policy.name}")
    grants = () if grant is None else (grant,)
    if port in workload.pod.opaque_ports:
        return _connection(sender, grants, decision, (why,))
    return _request(sender, request, _made_up(objects, workload, port), grants, decision, (why,))


def pod_default(objects: Objects, workload: Workload, port: int) -> DefaultPolicy:
    """The default policy of a port: the pod's word if it is known, else the install's (§3.1, §3.2)."""
    policy = default_policy(workload.pod.default_policy or "", objects.dialect) or objects.settings.default_policy
    may_be_anybody = policy.name in ("all-unauthenticated", "cluster-unauthenticated")
    if port in workload.pod.identity_ports and may_be_anybody:
        name = policy.name.replace("unauthenticated", "authenticated")
        return replace(policy, name=name, authenticated_only=True)
    return policy


# -- routes ------------------------------------------------------------------------------------------------------------


def _routes_of(objects: Objects, server: Server, workload: Workload, port: int) -> tuple[_Route, ...]:
    """§3.12: as soon as one route is attached, those that the mesh makes up are gone."""
    calls = server.proxy_protocol == "gRPC" and not objects.dialect.grpc_servers_take_http_routes
    written = tuple(
        _Route(route.name, route.hostnames, route.rules, tuple(_route_grants(objects, route)))
        for route in server_routes(objects, server, "GRPCRoute" if calls else "HTTPRoute")
    )
    if calls:
        return written or (_Route("default", (), (Rule(),)),)
    return written or _made_up(objects, workload, port)


def _made_up(objects: Objects, workload: Workload, port: int) -> tuple[_Route, ...]:
    """§3.3: everything; and apart from it the paths that the kubelet probes, open to the networks of probes (§0.9)."""
    routes = [_Route("default", (), (Rule(),))]
    paths, networks = workload.pod.probe_paths.get(port, ()), objects.settings.probe_networks
    if paths and networks:
        matches = tuple(Match(PathMatch("Exact", path), method="GET") for path in paths)
        routes.append(_Route("probe", (), (Rule(matches),), (Grant("default/probe", "", networks),)))
    return tuple(routes)


def _route_grants(objects: Objects, route: HTTPRoute) -> Iterator[Grant]:
    for policy in _policies(objects, route.namespace):
        target = policy.target
        if target.is_a(route.group, route.kind) and target.name.lower() == route.name.lower():  # §3.17
            yield from policy_grant(objects, policy)


def _server_grants(objects: Objects, server: Server) -> Iterator[Grant]:
    """§3.14: what lets clients in to every route of a Server."""
    cluster = objects.settings.cluster_networks
    for policy in _policies(objects, server.namespace):
        target = policy.target
        about_server = target.is_server and target.name == server.name
        if about_server or (target.is_namespace and target.name == server.namespace):
            yield from policy_grant(objects, policy)
    for authorization in sorted(objects.server_authorizations, key=lambda one: one.name):
        if authorization.is_about(server):
            yield from server_authorization_grant(authorization, cluster)
    if objects.dialect.server_access_policies:  # §3.9
        grant = default_grant(default_policy(server.access_policy, objects.dialect), cluster)
        if grant is not None:
            yield grant


def _policies(objects: Objects, namespace: str) -> list[AuthorizationPolicy]:
    found = [policy for policy in objects.authorization_policies if policy.namespace == namespace]
    return sorted(found, key=lambda policy: policy.name)


# -- the decision ------------------------------------------------------------------------------------------------------


def _request(
    sender: Sender,
    request: Request,
    routes: tuple[_Route, ...],
    grants: tuple[Grant, ...],
    decision: PolicyDecision,
    reasons: tuple[Reason, ...],
) -> Verdict:
    """§3.15: first the route, then who may use it, then its filters."""
    choice = choose([(route.hostnames, route.rules) for route in routes], request)
    if choice is None:
        names = ", ".join(route.name for route in routes)
        why = Reason("§3.12", f"none of the routes of the Server ({names}) matches: 404, whoever asks")
        return Verdict(decision, (*reasons, why), status=404)
    route = routes[choice.route]
    rule = route.rules[choice.rule]
    found = Reason("§3.16", f"route {route.name} matches")
    granted = next((grant for grant in (*route.grants, *grants) if grant.permits(sender)), None)
    named = replace(decision, route=route.name)
    if granted is None:
        why = Reason("§3.14", f"nothing lets {sender} in to it: 403")
        return Verdict(named, (*reasons, found, why), status=403)
    let_in = Reason("§3.14", f"{granted.name} lets {sender} in")
    named = replace(named, authorization=granted.name, authentication=granted.asks)
    filters = tuple(item for item in rule.filters if isinstance(item, RequestHeaderModifier))  # §1.58
    verdict = Verdict(named, (*reasons, found, let_in), filters=filters)
    redirect = next((item for item in rule.filters if isinstance(item, RequestRedirect)), None)
    return verdict if redirect is None else _redirected(verdict, redirect, rule.matches[choice.match], request)


def _redirected(verdict: Verdict, redirect: RequestRedirect, match: Match, request: Request) -> Verdict:
    where = location(redirect, match, request)
    if where is None:
        why = Reason("§1.57", "a prefix cannot be replaced where no prefix was matched: 500")
        return replace(verdict, status=500, reasons=(*verdict.reasons, why))
    if not where:
        return verdict
    why = Reason("§1.57", f"the route redirects to {where}")
    return replace(verdict, status=redirect.status_code, location=where, reasons=(*verdict.reasons, why))


def _connection(
    sender: Sender, grants: tuple[Grant, ...], decision: PolicyDecision, reasons: tuple[Reason, ...]
) -> Verdict:
    """§3.7: what is not read as HTTP is let in, or closed, as a whole."""
    granted = next((grant for grant in grants if grant.permits(sender)), None)
    if granted is None:
        why = Reason("§3.7", f"nothing lets {sender} in, and connections of this port are not read: it is closed")
        return Verdict(decision, (*reasons, why), opaque=True, closed=True)
    let_in = Reason("§3.7", f"{granted.name} lets the connection of {sender} in")
    decision = replace(decision, authorization=granted.name, authentication=granted.asks)
    return Verdict(decision, (*reasons, let_in), opaque=True)


def _limited(objects: Objects, server: Server, sender: Sender, verdict: Verdict) -> Verdict:
    """§3.27, §3.28: the lowest of the limits that hold for this client; denied requests use none of it (§3.15)."""
    if verdict.status is not None or not objects.dialect.rate_limits or server.proxy_protocol == "gRPC":
        return verdict
    rivals = [
        policy
        for policy in objects.rate_limits
        if policy.namespace == server.namespace and policy.target.is_server and policy.target.name == server.name
    ]
    if not rivals:
        return verdict
    policy = min(rivals, key=lambda one: (not one.creation_timestamp, one.creation_timestamp, one.name))
    own = policy.identity
    for override in policy.overrides:
        if sender.identity is not None and sender.identity in policy.identities(override):
            own = override.requests_per_second
    limits = [limit for limit in (policy.total, own) if limit]
    if not limits:
        return verdict
    why = Reason("§3.28", f"{policy.name} lets {min(limits)} requests a second pass; others get 429")
    return replace(verdict, limited=min(limits), reasons=(*verdict.reasons, why))
