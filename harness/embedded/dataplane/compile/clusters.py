"""Clusters: for each client one over every Service port, one over all pods; and one before each application.

Envoy cannot tell the HTTP version by endpoint where some have no TLS. It is 2 while all endpoints are meshed, and each
request says what its client spoke, as that is what the application will be spoken to; with a plain-text endpoint among
them, even a pod that is not ready yet, it is the client's for all, still over mutual TLS to the meshed ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Final

from harness.embedded.dataplane.compile.breaking import outlier_detection, reached_through_breakers
from harness.embedded.dataplane.compile.http import AUTHORITY_KEY, IDENTITY_KEY, tell_spoken
from harness.embedded.dataplane.compile.names import (
    ALL_PODS,
    HTTP_1,
    HTTP_2,
    REMEMBERED,
    Client,
    Config,
    application_name,
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
_HTTP_1: Final[Config] = {"http_protocol_options": {}}
_HTTP_2: Final[Config] = {"http2_protocol_options": {"allow_connect": True}}
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


class Spoken(Enum):
    """The HTTP version in which a client's cluster speaks to its endpoints."""

    HTTP_1 = "1.1"
    HTTP_2 = "2, without TLS"
    UPGRADED = "2, to other proxies, which learn what the client spoke"
    CLIENTS = "the client's"


def all_client_clusters(view: View, certificates: Path) -> Iterator[Config]:
    """All clusters that the route tables of clients can lead to."""
    spoken = {target: Spoken.UPGRADED if view.takes_http2(*target) else Spoken.CLIENTS for target in view.service_ports}
    breakers = tuple(reached_through_breakers(view))
    for client in view.clients:
        for (service, port), version in spoken.items():
            assignment = service_assignment(service, port)
            yield client_cluster(client, assignment, certificates, version if client.meshed else Spoken.CLIENTS)
        for reached in breakers if client.meshed else ():
            assignment = service_assignment(reached.service, reached.port)
            cluster = client_cluster(client, assignment, certificates, spoken[reached.service, reached.port])
            yield {**cluster, "name": reached.cluster(client), **outlier_detection(reached.accrual)}
        yield _direct_cluster(client, certificates)


@lru_cache(REMEMBERED)
def _direct_cluster(client: Client, certificates: Path) -> Config:
    """To pods by their addresses (§1.7)."""
    direct = client_cluster(client, ALL_PODS, certificates, Spoken.CLIENTS)
    subsets = {
        "fallback_policy": "NO_FALLBACK",
        "subset_selectors": [{"keys": [AUTHORITY_KEY], "single_host_per_subset": True}],
    }
    return {**direct, "lb_subset_config": subsets}


def local_clusters(pod: Pod, port: int) -> Iterator[Config]:
    """The application behind an inbound listener, by each HTTP version."""
    for version, options in ((HTTP_1, _HTTP_1), (HTTP_2, _HTTP_2)):
        name = application_name(inbound_name(pod, port), version)
        yield {
            **_local(name, pod.endpoint.pod_ip, pod.endpoint.app_ip, port),
            "typed_extension_protocol_options": _protocol(explicit_http_config=options),
        }


@lru_cache(REMEMBERED)
def _local(name: str, pod_ip: str, app_ip: str, port: int) -> Config:
    endpoint = {"endpoint": {"address": socket_address(app_ip, port)}}
    return {
        **_COMMON,
        "name": name,
        "alt_stat_name": f"in_{stat_key(pod_ip)}_{port}",
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


@lru_cache(REMEMBERED)
def client_cluster(client: Client, assignment: str, certificates: Path, spoken: Spoken) -> Config:
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
        "typed_extension_protocol_options": _client_protocol(spoken),
    }
    if client.meshed:
        cluster["lb_subset_config"] = _BY_IDENTITY
        cluster["transport_socket_matches"] = client_sockets(certificates, client.identity)
    return cluster


def _client_protocol(spoken: Spoken) -> Config:
    if spoken in (Spoken.HTTP_1, Spoken.HTTP_2):
        return _protocol(explicit_http_config=_HTTP_1 if spoken is Spoken.HTTP_1 else _HTTP_2)
    if spoken is Spoken.CLIENTS:
        return _protocol(use_downstream_protocol_config={**_HTTP_1, **_HTTP_2})
    codec = typed("extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    last = {"name": "envoy.filters.http.upstream_codec", "typed_config": codec}
    return _protocol(explicit_http_config=_HTTP_2, http_filters=[tell_spoken(), last])


def _protocol(**settings: object) -> Config:
    return {_OPTIONS: typed("extensions.upstreams.http.v3.HttpProtocolOptions", **settings)}
