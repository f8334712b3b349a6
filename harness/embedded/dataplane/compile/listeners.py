"""Listeners of pods. They are written once per pod: whatever a policy can change for HTTP is in route tables.

A change to a listener reaches open connections only when they drain, seconds later; a changed route table holds for
the next request. Connections that are not looked into have no route table: who may open them stands here (§3.7).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from harness.dialect import Dialect
from harness.embedded.dataplane.compile import counters
from harness.embedded.dataplane.compile.authorizations import access_filter, connection_access
from harness.embedded.dataplane.compile.http import (
    ConnectionManager,
    choose_application,
    close_when_told,
    remember_authority,
    require_identity,
    stamp_client_identity,
)
from harness.embedded.dataplane.compile.lines import line_filter
from harness.embedded.dataplane.compile.local_replies import inbound_replies, outbound_replies, unmeshed_replies
from harness.embedded.dataplane.compile.names import (
    HTTP_1,
    REMEMBERED,
    Client,
    Config,
    application_name,
    inbound_name,
    socket_address,
    stat_key,
    typed,
)
from harness.embedded.dataplane.compile.rate_limits import limit_filters
from harness.embedded.dataplane.compile.tls import server_socket
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.pods import ADMIN_PORT, OUTBOUND_PORT
from harness.resources.inbound import Authorization

_TLS_INSPECTOR: Final = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": typed("extensions.filters.listener.tls_inspector.v3.TlsInspector"),
}


@lru_cache(REMEMBERED)
def outbound(client: Client, dialect: Dialect) -> Config:
    """Where a pod's applications send everything, in origin form or absolute form."""
    key = stat_key(client.address)
    manager = ConnectionManager(
        table=client.table,
        stat_prefix=f"out_{key}",
        replies=outbound_replies(dialect) if client.meshed else unmeshed_replies(),
        filters=[line_filter(), close_when_told(), require_identity()]
        if client.meshed
        else [close_when_told(), remember_authority()],
        access_log=counters.outbound_counter(key) if client.meshed else [],
        attempt_log=counters.attempt_counter(key) if client.meshed else [],
    )
    return listener(client.table, client.address, OUTBOUND_PORT, [{"filters": [manager.network_filter()]}])


def inbound(view: View, pod: Pod, port: int, certificates: Path) -> Config:
    """What others reach when they dial this port of a meshed pod.

    TLS that asks for the pod's own identity ends here; other TLS is the application's and passes (§3.7).
    """
    policy, name = view.policy(pod, port), inbound_name(pod, port)
    # The routes of HTTP are in its table: whoever they let in, the listener stays the same.
    return _inbound(name, pod.endpoint.pod_ip, port, pod.identity, policy.authorizations, policy.is_http, certificates)


@lru_cache(REMEMBERED)
def _inbound(
    name: str,
    ip: str,
    port: int,
    identity: str,
    authorizations: tuple[Authorization, ...],
    is_http: bool,
    certificates: Path,
) -> Config:
    tunnel = [connection_access(authorizations), _pass_through(application_name(name, HTTP_1))]
    made = listener(
        name,
        ip,
        port,
        [
            {
                "name": "mesh",
                "filter_chain_match": {"transport_protocol": "tls", "server_names": [identity]},
                "transport_socket": server_socket(certificates, identity),
                "filters": [_inbound_http(name, ip, port, to_mesh=True)] if is_http else tunnel,
            },
            {
                "name": "plain",
                "filter_chain_match": {"transport_protocol": "raw_buffer"},
                "filters": [_inbound_http(name, ip, port, to_mesh=False)] if is_http else tunnel,
            },
            {"name": "opaque", "filter_chain_match": {"transport_protocol": "tls"}, "filters": tunnel},
        ],
    )
    return {**made, "listener_filters": [_TLS_INSPECTOR]}


def _inbound_http(name: str, ip: str, port: int, *, to_mesh: bool) -> Config:
    key = stat_key(ip)
    # A connection of the mesh carries requests of many, and no application behind the proxy's own port can fail.
    closed = [] if to_mesh or port == ADMIN_PORT else [close_when_told()]
    return ConnectionManager(
        table=name,
        stat_prefix=f"in_{key}_{port}_{'mesh' if to_mesh else 'plain'}",
        replies=inbound_replies(to_mesh=to_mesh),
        filters=[line_filter(), *closed, stamp_client_identity(), access_filter(), *limit_filters()],
        early=[choose_application(name, to_mesh=to_mesh)],
        access_log=counters.inbound_counter(key, port),
    ).network_filter()


def _pass_through(cluster: str) -> Config:
    proxy = typed("extensions.filters.network.tcp_proxy.v3.TcpProxy", stat_prefix="opaque", cluster=cluster)
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}


def listener(name: str, ip: str, port: int, filter_chains: list[Config]) -> Config:
    """A listener on one address, which it shares with nobody."""
    return {
        "name": name,
        "address": socket_address(ip, port),
        "enable_reuse_port": False,  # else another process's listener on this port goes unnoticed
        "filter_chains": filter_chains,
    }
