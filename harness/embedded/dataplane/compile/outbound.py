"""Route tables for what a pod's applications send: one per client, a virtual host per Service port (§1A to §1E)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from harness.embedded.dataplane.compile.backends import service_backend
from harness.embedded.dataplane.compile.forwarding import Asked, actions, forward, redirects
from harness.embedded.dataplane.compile.http import remembered_authority
from harness.embedded.dataplane.compile.limits import service_limits
from harness.embedded.dataplane.compile.lines import by_line
from harness.embedded.dataplane.compile.local_replies import ERROR_HEADER, PEER_HEADERS, UNMESHED_HEADER, explained
from harness.embedded.dataplane.compile.matching import narrowed
from harness.embedded.dataplane.compile.names import (
    ALL_PODS,
    OPAQUE,
    Client,
    Config,
    RouteLabel,
    labelled,
    service_assignment,
)
from harness.embedded.dataplane.compile.precedence import HostScore, attached, host_score, ranked
from harness.embedded.dataplane.compile.view import View, dialled_ports
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey, ServiceState
from harness.resources.app_protocols import is_opaque

CLUSTER_DOMAIN: Final = "cluster.local"
_POD_ADDRESSES: Final = "127.*"
_DEFAULT_PORT: Final = 80
_MODEL: Final = ""
"""The name of a client that stands for others; no pod has it."""


def outbound_tables(view: View) -> Iterator[Config]:
    """The table of every client.

    Those of one namespace can ask for the same, so it is found out once, and each gets it with clusters of its own.
    """
    models: dict[tuple[str, bool], Config] = {}
    for client in view.clients:
        alike = (client.namespace, client.meshed)
        if alike not in models:
            model = Client(client.namespace, _MODEL, "", "any" if client.meshed else "")
            models[alike] = outbound_table(view, model)
        yield _table_of(client, models[alike])


def outbound_table(view: View, client: Client) -> Config:
    """Everything a client can ask for, by the authority that its request names."""
    hosts = [
        host
        for state in view.snapshot.services.values()
        for port in dialled_ports(state)
        for host in _service_hosts(view, client, state, port)
    ]
    return {
        "name": client.table,
        "validate_clusters": False,  # a missing backend is a cluster that is not there
        "virtual_hosts": [*hosts, _pods_host(client), _unknown_host(view, client)],
    }


def _table_of(client: Client, model: Config) -> Config:
    """A model's table for a client: only names of clusters say whose it is."""
    hosts = [
        {**host, "routes": [_route_of(client, entry) if "route" in entry else entry for entry in host["routes"]]}
        for host in model["virtual_hosts"]
    ]
    return {**model, "name": client.table, "virtual_hosts": hosts}


def _route_of(client: Client, entry: Config) -> Config:
    action = entry["route"]
    if "cluster" in action:
        return {**entry, "route": {**action, "cluster": _cluster_of(client, action["cluster"])}}
    drawn = [{**one, "name": _cluster_of(client, one["name"])} for one in action["weighted_clusters"]["clusters"]]
    return {**entry, "route": {**action, "weighted_clusters": {**action["weighted_clusters"], "clusters": drawn}}}


def _cluster_of(client: Client, name: str) -> str:
    owner, bar, rest = name.partition("|")
    return client.cluster(rest) if bar and owner == _MODEL else name


def service_names(state: ServiceState, client_namespace: str) -> tuple[str, ...]:
    """The hosts by which pods of a namespace can call a Service: names of its DNS and its address."""
    namespace, name = state.key
    full = f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
    names = [f"{name}.{namespace}", f"{name}.{namespace}.svc", full, f"{full}."]
    if namespace == client_namespace:
        names.insert(0, name)
    return (*names, state.service.cluster_ip) if state.service.cluster_ip else tuple(names)


def _service_hosts(view: View, client: Client, state: ServiceState, port: int) -> Iterator[Config]:
    """Virtual hosts of one Service port: one, or several if routes hold only for some of its names (§1.47)."""
    declared = state.service.port(port)
    if client.meshed and declared is not None and is_opaque(state.service, declared, view.snapshot.dialect):
        domains = [domain for name in service_names(state, client.namespace) for domain in _domains(name, port)]
        yield {"name": "/".join((*state.key, str(port))), "domains": domains, "routes": [_opaque(client, state, port)]}
        return
    routes = _routes(view, client, state, port)
    by_scores: defaultdict[tuple[HostScore | None, ...], list[str]] = defaultdict(list)
    for name in service_names(state, client.namespace):
        by_scores[tuple(host_score(item.route.hostnames, name) for item in routes)].append(name)
    for number, (scores, names) in enumerate(by_scores.items()):
        yield by_line(
            {
                "name": "/".join((*state.key, str(port), str(number))),
                "domains": [domain for name in names for domain in _domains(name, port)],
                "routes": _host_routes(view, client, state.key, port, routes, scores),
            }
        )


def _routes(view: View, client: Client, state: ServiceState, port: int) -> tuple[RouteInForce, ...]:
    """No route holds for unmeshed clients (§1.9), nor for a Service without an address of its own (§1.7)."""
    if not client.meshed or not state.service.can_be_parent:
        return ()
    return attached(view.snapshot, client.namespace, state.key, port)


def _domains(host: str, port: int) -> list[str]:
    return [f"{host}:{port}", host] if port == _DEFAULT_PORT else [f"{host}:{port}"]


def _host_routes(
    view: View,
    client: Client,
    service: ServiceKey,
    port: int,
    routes: tuple[RouteInForce, ...],
    scores: tuple[HostScore | None, ...],
) -> list[Config]:
    if not routes:
        return [_default_route(view, client, service, port)]
    known: dict[tuple[int, int, Asked], tuple[Config, ...]] = {}
    found = []
    candidates = zip(routes, (in_force.route.rules for in_force in routes), scores, strict=True)
    for item in ranked(candidates):
        asked = Asked(client, service, port)
        if redirects(item.rule):  # nothing else goes by the path once a rule is found
            asked = Asked(client, service, port, item.match.path, item.entry.tier)
        key = (id(item.route), id(item.rule), asked)
        if key not in known:
            known[key] = actions(view, asked, item.route, item.rule)
        found += [{**one, "match": _both(item.entry.match, one.get("match", {}))} for one in known[key]]
    return [*found, _no_route(service, port)]


def _both(match: Config, more: Config) -> Config:
    return {**more, **narrowed(match, more.get("headers", []))}


def _default_route(view: View, client: Client, service: ServiceKey, port: int) -> Config:
    """Without any route a Service port simply leads to its Service (§1.17)."""
    annotations = view.snapshot.services[service].service.annotations if client.meshed else {}
    limits = service_limits(annotations, view.snapshot.dialect)
    return {
        "match": {"prefix": "/"},
        "metadata": labelled(RouteLabel(service, port)),
        **forward(view, client, (service, port), (service_backend(view, service, port),), (), limits),
    }


def _opaque(client: Client, state: ServiceState, port: int) -> Config:
    """To any endpoint, whatever routes and annotations say of requests (§1.59, §1.61)."""
    return {
        "match": {"prefix": "/"},
        "metadata": labelled(OPAQUE),
        "route": {"cluster": client.cluster(service_assignment(state.key, port)), "timeout": "0s"},
    }


def _no_route(service: ServiceKey, port: int) -> Config:
    """One route makes the port an allow-list (§1.18, §1.19)."""
    namespace, name = service
    label = RouteLabel(service, port, kind="", name="", default_backend=False)
    why = f"logical service {name}.{namespace}.svc.{CLUSTER_DOMAIN}:{port}: no route"
    return {
        "match": {"prefix": "/"},
        "metadata": labelled(label),
        "direct_response": {"status": 404},
        "response_headers_to_add": explained(ERROR_HEADER, why),
    }


def _pods_host(client: Client) -> Config:
    """Addresses of pods: no route holds for them (§1.7)."""
    route = {
        "match": {"prefix": "/"},
        "metadata": labelled(ALL_PODS),
        "response_headers_to_remove": list(PEER_HEADERS) if client.meshed else [],
        "route": {"cluster": client.cluster(ALL_PODS), "timeout": "0s"},
        **({"typed_per_filter_config": remembered_authority()} if client.meshed else {}),
    }
    return {"name": ALL_PODS, "domains": [_POD_ADDRESSES], "routes": [route]}


def _unknown_host(view: View, client: Client) -> Config:
    """What no Service answers to, also an unknown port of a ClusterIP (§1.8): 502, in words that name the authority.

    Outside this box the name would not resolve, or the connection would be refused.
    """
    message = "no Service or pod answers to %REQ(:AUTHORITY)%"
    addresses = [state.service.cluster_ip for state in view.snapshot.services.values() if state.service.cluster_ip]
    with_default = {
        state.service.cluster_ip for state in view.snapshot.services.values() if _DEFAULT_PORT in dialled_ports(state)
    }
    bare = [address for address in addresses if address not in with_default]
    body = {"text_format_source": {"inline_string": f"{message}\n"}}
    route = {
        "match": {"prefix": "/"},
        "metadata": labelled("unknown"),
        "direct_response": {"status": 502, "body_format": body},
        "response_headers_to_add": explained(ERROR_HEADER if client.meshed else UNMESHED_HEADER, message),
    }
    return {"name": "unknown", "domains": ["*", *bare, *(f"{address}:*" for address in addresses)], "routes": [route]}
