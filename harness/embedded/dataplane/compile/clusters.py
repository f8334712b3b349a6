"""Clusters: for each client one over every Service port, one over all pods; and one before each application.

A cluster speaks one HTTP version: Envoy cannot tell it by endpoint where some have no TLS. It is 2 while all endpoints
are meshed; with a plain-text endpoint among them, even a pod that is not ready yet, it is 1.1 for all, still over
mutual TLS to the meshed ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from harness.embedded.dataplane.compile.breaking import outlier_detection, reached_through_breakers
from harness.embedded.dataplane.compile.http import AUTHORITY_KEY, IDENTITY_KEY
from harness.embedded.dataplane.compile.names import (
    ALL_PODS,
    REMEMBERED,
    Client,
    Config,
    inbound_name,
    service_assignment,
    socket_address,
    stat_key,
    typed,
)
from harness.embedded.dataplane.compile.tls import client_sockets
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import Pod

_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_UNLIMITED: Final = 100_000  # defaults would refuse what Linkerd's 10,000-entry queues take
_COMMON: Final = {
    "connect_timeout": "1s",  # §2.8
    "lb_policy": "LEAST_REQUEST",  # §4.1: two random choices, the less loaded one
    "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
    "circuit_breakers": {
        "thresholds": [
            {
                "max_connections": _UNLIMITED,
                "max_pending_requests": _UNLIMITED,
                "max_requests": _UNLIMITED,
                "max_retries": _UNLIMITED,
            }
        ]
    },
}


_BY_IDENTITY: Final = {
    "fallback_policy": "ANY_ENDPOINT",
    "subset_selectors": [{"keys": [IDENTITY_KEY], "fallback_policy": "NO_FALLBACK"}],
}
"""For requests that ask for an identity, no endpoint is better than another's (§4.12)."""


def all_client_clusters(view: View, certificates: Path) -> Iterator[Config]:
    """All clusters that the route tables of clients can lead to."""
    http2 = {target: view.takes_http2(*target) for target in view.service_ports}
    breakers = tuple(reached_through_breakers(view))
    for client in view.clients:
        for (service, port), speaks_http2 in http2.items():
            assignment = service_assignment(service, port)
            yield client_cluster(client, assignment, certificates, http2=client.meshed and speaks_http2)
        for reached in breakers if client.meshed else ():
            assignment = service_assignment(reached.service, reached.port)
            cluster = client_cluster(client, assignment, certificates, http2=http2[reached.service, reached.port])
            yield {**cluster, "name": reached.cluster(client), **outlier_detection(reached.accrual)}
        yield _direct_cluster(client, certificates)


@lru_cache(REMEMBERED)
def _direct_cluster(client: Client, certificates: Path) -> Config:
    """To pods by their addresses (§1.7)."""
    direct = client_cluster(client, ALL_PODS, certificates, http2=False)
    subsets = {
        "fallback_policy": "NO_FALLBACK",
        "subset_selectors": [{"keys": [AUTHORITY_KEY], "single_host_per_subset": True}],
    }
    return {**direct, "lb_subset_config": subsets}


def local_cluster(pod: Pod, port: int) -> Config:
    """The application behind an inbound listener."""
    return _local(inbound_name(pod, port), pod.endpoint.pod_ip, pod.endpoint.app_ip, port)


@lru_cache(REMEMBERED)
def _local(name: str, pod_ip: str, app_ip: str, port: int) -> Config:
    endpoint = {"endpoint": {"address": socket_address(app_ip, port)}}
    return {
        **_COMMON,
        "name": name,
        "alt_stat_name": f"in_{stat_key(pod_ip)}_{port}",
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": _protocol(http2=False),
    }


@lru_cache(REMEMBERED)
def client_cluster(client: Client, assignment: str, certificates: Path, *, http2: bool) -> Config:
    """A client's cluster over one assignment."""
    cluster: Config = {
        **_COMMON,
        "name": client.cluster(assignment),
        "type": "EDS",
        "eds_cluster_config": {
            "eds_config": {"resource_api_version": "V3", "ads": {}},
            "service_name": assignment,
        },
        "upstream_bind_config": {"source_address": {"address": client.address, "port_value": 0}},
        "typed_extension_protocol_options": _protocol(http2=http2),
    }
    if client.meshed:
        cluster["lb_subset_config"] = _BY_IDENTITY
        cluster["transport_socket_matches"] = client_sockets(certificates, client.identity, http2=http2)
    return cluster


def _protocol(*, http2: bool) -> Config:
    version = {"http2_protocol_options": {"allow_connect": True}} if http2 else {"http_protocol_options": {}}
    return {_OPTIONS: typed("extensions.upstreams.http.v3.HttpProtocolOptions", explicit_http_config=version)}
