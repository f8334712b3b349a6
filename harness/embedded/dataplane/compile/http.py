"""HTTP connection managers: everything about a listener that no policy changes (§4.9, §4.13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from harness.embedded.dataplane.compile.names import Config, typed

AUTHORITY_KEY: Final = "at"
"""Load-balancing metadata of a request: the authority it names, always with a port."""
IDENTITY_KEY: Final = "identity"
"""Load-balancing metadata of an endpoint, and of a request that asks for one: whose certificate it shows."""
REQUIRE_ID_HEADER: Final = "l5d-require-id"
CLIENT_ID_HEADER: Final = "l5d-client-id"
CONNECTION_HEADER: Final = "l5d-proxy-connection"
"""By which a proxy tells the one before it to close the connection of its client."""
CLIENT_KEY: Final = "signalbox-client"
"""On its way through inbound filters: whose bucket of a rate limit a request takes from."""
WITHIN_TOTAL: Final = "signalbox-within-total"
"""On its way through inbound filters: the limit for all clients together has let the request pass."""
_TO_METADATA: Final = "envoy.filters.http.header_to_metadata"
_TO_METADATA_CONFIG: Final = "extensions.filters.http.header_to_metadata.v3.Config"
APP_KEY: Final = "signalbox-app"
"""Of a request that reaches a pod: the cluster of its application that speaks the request's HTTP version."""
_SPOKEN_HEADER: Final = "l5d-orig-proto"
"""Which HTTP version a client spoke, where proxies speak another to each other (§4.10)."""
_FORWARDED_PROTO: Final = "x-forwarded-proto"
_KEPT_PROTO: Final = "signalbox-forwarded-proto"
_OVERWRITE: Final = "OVERWRITE_IF_EXISTS_OR_ADD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionManager:
    """What tells one connection manager from another.

    table           name of the route table
    stat_prefix     without dots, which would end it
    filters         before the one that forwards
    early           what changes headers before a route is looked for
    """

    table: str
    stat_prefix: str
    replies: list[Config]
    filters: list[Config] = field(default_factory=list)
    early: list[Config] = field(default_factory=list)
    access_log: list[Config] = field(default_factory=list)
    attempt_log: list[Config] = field(default_factory=list)

    def network_filter(self) -> Config:
        """The filter of a filter chain."""
        manager = typed(
            "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            stat_prefix=self.stat_prefix,
            rds={"route_config_name": self.table, "config_source": {"resource_api_version": "V3", "ads": {}}},
            upgrade_configs=[{"upgrade_type": "websocket"}],
            http2_protocol_options={"allow_connect": True},  # WebSockets between meshed pods
            generate_request_id=False,
            server_header_transformation="PASS_THROUGH",
            use_remote_address=False,
            skip_xff_append=True,
            stream_idle_timeout="0s",
            request_timeout="0s",
            early_header_mutation_extensions=[_keep_forwarded_proto(), *self.early],
            local_reply_config={"mappers": self.replies},
            access_log=self.access_log,
            http_filters=[*self.filters, _restore_forwarded_proto(), self._router()],
        )
        return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}

    def _router(self) -> Config:
        router = typed(
            "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True, upstream_log=self.attempt_log
        )
        return {"name": "envoy.filters.http.router", "typed_config": router}


def stamp_client_identity() -> Config:
    """Tell the application who calls, and believe no client about it (§4.9)."""
    return header_mutation(
        [
            {"remove": CLIENT_ID_HEADER},
            written(CLIENT_ID_HEADER, "%DOWNSTREAM_PEER_DNS_SAN%"),
            {"remove": WITHIN_TOTAL},
            written(CLIENT_KEY, "id/%DOWNSTREAM_PEER_DNS_SAN%"),  # those without an identity are one client (§3.28)
        ]
    )


def choose_application(cluster: str, *, to_mesh: bool) -> Config:
    """Let the application be spoken to in the HTTP version of the client; of another proxy's, as it says (§4.13)."""
    believed = "ADD_IF_ABSENT" if to_mesh else _OVERWRITE
    return _early(
        [
            {"append": {"header": {"key": _SPOKEN_HEADER, "value": "%PROTOCOL%"}, "append_action": believed}},
            written(APP_KEY, f"{cluster}|%REQ({_SPOKEN_HEADER})%"),
        ]
    )


def tell_spoken() -> Config:
    """On the way to another proxy by HTTP/2: what the client spoke (§4.10)."""
    return header_mutation([written(_SPOKEN_HEADER, "%PROTOCOL%")])


def close_when_told() -> Config:
    """Close an HTTP/1.1 connection after an answer that says so, and keep what it says to the proxies (§4.15, §4.16).

    A proxy says it to another by a header, as their connection carries other requests too; the proxy never passes on
    a `connection` header that a reply was given.
    """
    script = f"""
function envoy_on_response(handle)
  local told = handle:headers():get("{CONNECTION_HEADER}")
  if told then
    handle:headers():remove("{CONNECTION_HEADER}")
    if told == "close" then
      handle:streamInfo():drainConnectionUponCompletion()
    end
  end
end
"""
    config = typed("extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": script})
    return {"name": "envoy.filters.http.lua", "typed_config": config}


def require_identity() -> Config:
    """Let a request name the identity that whoever answers must have, by a header that goes no further (§4.12)."""
    rule = {
        "header": REQUIRE_ID_HEADER,
        "on_header_present": {"metadata_namespace": "envoy.lb", "key": IDENTITY_KEY},
        "remove": True,
    }
    return {"name": _TO_METADATA, "typed_config": typed(_TO_METADATA_CONFIG, request_rules=[rule])}


def remember_authority() -> Config:
    """Let a route to all pods choose the one that the request names: for clients outside the mesh."""
    return {"name": _TO_METADATA, "typed_config": _authority_rule()}


def remembered_authority() -> Config:
    """The `typed_per_filter_config` of a route to all pods, where the filter does something else elsewhere."""
    return {_TO_METADATA: _authority_rule()}


def _authority_rule() -> Config:
    complete = {"pattern": {"regex": "^([^:]+)$"}, "substitution": r"\1:80"}
    rule = {
        "header": ":authority",
        "on_header_present": {"metadata_namespace": "envoy.lb", "key": AUTHORITY_KEY, "regex_value_rewrite": complete},
    }
    return typed(_TO_METADATA_CONFIG, request_rules=[rule])


def _keep_forwarded_proto() -> Config:
    """The proxy adds x-forwarded-proto before any filter runs; this remembers what the client itself said."""
    return _early([{"remove": _KEPT_PROTO}, written(_KEPT_PROTO, f"%REQ({_FORWARDED_PROTO})%")])


def _early(mutations: list[Config]) -> Config:
    mutation = typed("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=mutations)
    return {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": mutation}


def _restore_forwarded_proto() -> Config:
    return header_mutation(
        [
            {"remove": _FORWARDED_PROTO},
            written(_FORWARDED_PROTO, f"%REQ({_KEPT_PROTO})%"),
            *(
                {"remove": name}
                for name in (_KEPT_PROTO, "x-envoy-internal", CLIENT_KEY, WITHIN_TOTAL, APP_KEY, _SPOKEN_HEADER)
            ),
        ]
    )


def header_mutation(mutations: list[Config]) -> Config:
    """A filter that changes request headers in this order."""
    config = typed(
        "extensions.filters.http.header_mutation.v3.HeaderMutation", mutations={"request_mutations": mutations}
    )
    return {"name": "envoy.filters.http.header_mutation", "typed_config": config}


def written(header: str, value: str) -> Config:
    """A mutation that gives a header this one value; none if the value is empty."""
    return {"append": {"header": {"key": header, "value": value}, "append_action": _OVERWRITE}}
