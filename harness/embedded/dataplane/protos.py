"""The border to protobuf, where types end: dictionaries become the messages that the proxy reads."""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import Any, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryResponse
from google.protobuf import any_pb2, json_format

from harness.embedded.dataplane.compile.names import Config
from harness.embedded.pods import DataplaneError

# A message inside an Any can be read from a dictionary only if its module is loaded.
for _module in (
    "access_loggers.filters.cel.v3.cel",
    "access_loggers.stats.v3.stats",
    "filters.http.header_mutation.v3.header_mutation",
    "filters.http.header_to_metadata.v3.header_to_metadata",
    "filters.http.local_ratelimit.v3.local_rate_limit",
    "filters.http.lua.v3.lua",
    "filters.http.rbac.v3.rbac",
    "filters.http.router.v3.router",
    "filters.http.upstream_codec.v3.upstream_codec",
    "filters.listener.tls_inspector.v3.tls_inspector",
    "filters.network.rbac.v3.rbac",
    "filters.network.http_connection_manager.v3.http_connection_manager",
    "filters.network.tcp_proxy.v3.tcp_proxy",
    "http.early_header_mutation.header_mutation.v3.header_mutation",
    "transport_sockets.tls.v3.tls",
    "upstreams.http.v3.http_protocol_options",
):
    import_module(f"envoy.extensions.{_module}_pb2")


class Kind(Enum):
    """Types of resources; the value names them in errors."""

    CLUSTER = "cluster"
    ASSIGNMENT = "endpoints"
    ROUTE = "route table"
    LISTENER = "listener"

    @property
    def url(self) -> str:
        """The type in requests and responses."""
        return f"type.googleapis.com/{_MESSAGES[self].DESCRIPTOR.full_name}"

    @property
    def is_whole(self) -> bool:
        """True if every response carries all resources of the type, and what is not in it is gone."""
        return self in (Kind.CLUSTER, Kind.LISTENER)


_MESSAGES: Final[dict[Kind, Any]] = {
    Kind.CLUSTER: Cluster,
    Kind.ASSIGNMENT: ClusterLoadAssignment,
    Kind.ROUTE: RouteConfiguration,
    Kind.LISTENER: Listener,
}
KIND_BY_URL: Final = {kind.url: kind for kind in Kind}


_REFRESH_CLUSTER_ON_RETRY: Final = bytes((14 << 3, 1))
"""`refresh_cluster_on_retry: true` of envoy.config.route.v3.RetryPolicy, field 14, as it is sent."""


def pack(kind: Kind, name: str, config: Config) -> Any:
    """The resource as a protobuf `Any`; raises DataplaneError with its name and the field that does not exist."""
    try:
        message = json_format.ParseDict(config, _MESSAGES[kind]())
    except json_format.ParseError as error:
        raise DataplaneError(f"{kind.value} '{name}' is not a valid message: {error}") from error
    if kind is Kind.ROUTE:
        _draw_on_retry(message)
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _draw_on_retry(table: Any) -> None:
    """Let another attempt draw another backend (§1.37): the proxy's field for this is not in the package's messages."""
    for route in (route for host in table.virtual_hosts for route in host.routes):
        if route.route.HasField("retry_policy"):
            route.route.retry_policy.MergeFromString(_REFRESH_CLUSTER_ON_RETRY)


def response(kind: Kind, version: int, nonce: str, resources: list[Any]) -> Any:
    """A discovery response with these packed resources."""
    return DiscoveryResponse(version_info=str(version), nonce=nonce, type_url=kind.url, resources=resources)
