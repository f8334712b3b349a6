"""What the proxy answers when it cannot forward: Linkerd's statuses, empty bodies, one header (§4.15, §4.16).

Calls of gRPC get a status of gRPC instead: Linkerd's, which are not those that the proxy would choose
(linkerd2-proxy 29637b64f, app/core/src/errors/respond.rs).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.dialect import Dialect
from harness.embedded.dataplane.compile.http import CONNECTION_HEADER, IDENTITY_KEY
from harness.embedded.dataplane.compile.names import METADATA, Config, typed
from harness.resources.grpc_routes import KIND as GRPC_ROUTE

ERROR_HEADER: Final = "l5d-proxy-error"
PEER_HEADERS: Final = (ERROR_HEADER,)
"""Set by another proxy: no application sees them (§0.8). `http.close_when_told` sees to l5d-proxy-connection."""
UNMESHED_HEADER: Final = "signalbox-error"
"""For clients outside the mesh, where no proxy of Linkerd's would answer at all."""

_NO_ENDPOINT: Final = "response.code_details == 'no_healthy_upstream'"
_OTHER_IDENTITY: Final = f"{_NO_ENDPOINT} && has(metadata.filter_metadata['envoy.lb'].{IDENTITY_KEY})"
_CONNECT_TIMEOUT: Final = "response.code_details.contains('connection_timeout')"
_BROKEN: Final = "response.code_details.contains('upstream_reset_before_response_started')"
_REQUEST_TIMEOUT: Final = "response.code_details == 'response_timeout'"
_TRY_TIMEOUT: Final = "response.code_details.contains('per_try_timeout')"
_IS_GRPC: Final = "'content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc')"
_UNKNOWN: Final = 2
"""GRPCRoutes have proxies give the status 500, which gRPC has not (linkerd2 b24cd4059, policy-controller/grpc)."""
_DEADLINE_EXCEEDED: Final = 4
_NOT_FOUND: Final = 5
_PERMISSION_DENIED: Final = 7
_RESOURCE_EXHAUSTED: Final = 8
_FAILED_PRECONDITION: Final = 9
_INTERNAL: Final = 13
_UNAVAILABLE: Final = 14
_NO_BACKEND: Final = "response.code_details == 'cluster_not_found'"
_OF_CALLS: Final = f"xds.route_metadata.filter_metadata['{METADATA}'].route.contains('/{GRPC_ROUTE}/')"
"""The request has come to a GRPCRoute."""
_REDIRECTED: Final = "response.code_details == 'direct_response' && response.code >= 300 && response.code < 400"
_NO_ROUTE: Final = "response.code_details == 'direct_response' && response.code == 404"
_DENIED: Final = "response.code_details.startsWith('rbac_access_denied')"
_LIMITED: Final = "response.code_details == 'local_rate_limited'"
_PEERS: Final = "client %DOWNSTREAM_REMOTE_ADDRESS%: server: %DOWNSTREAM_LOCAL_ADDRESS%"
# Routes that answer by themselves, and missing backends, bring their own header.
_UNEXPECTED: Final = "!(response.code_details in ['direct_response', 'cluster_not_found'])"


def outbound_replies(dialect: Dialect) -> list[Config]:
    """For what a meshed pod's applications send; the first that fits counts."""
    late = dialect.timeout_closes_connection  # §2.2
    return [
        # For other requests, the routes have said it all.
        _grpc_reply(_NO_ROUTE, "", "", _NOT_FOUND),
        _grpc_reply(_REDIRECTED, "", "", _NOT_FOUND),
        _grpc_reply(f"{_NO_BACKEND} && {_OF_CALLS}", "", "", _UNKNOWN),
        _grpc_reply(_NO_BACKEND, "", "", _FAILED_PRECONDITION),
        *_both(_TRY_TIMEOUT, "HTTP response timeout of the backend", ERROR_HEADER, _DEADLINE_EXCEEDED, closes=late),
        *_both(_REQUEST_TIMEOUT, "HTTP response timeout", ERROR_HEADER, _DEADLINE_EXCEEDED, closes=late),
        *_both(
            *(_OTHER_IDENTITY, "no endpoint has the required identity", ERROR_HEADER, _UNAVAILABLE),
            status=502,
            closes=True,
        ),
        *_both(_NO_ENDPOINT, "service in fail-fast", ERROR_HEADER, _DEADLINE_EXCEEDED, status=504, closes=True),
        *_both(_CONNECT_TIMEOUT, "connect timed out", ERROR_HEADER, _DEADLINE_EXCEEDED, status=504, closes=True),
        *_both(_BROKEN, "%RESPONSE_CODE_DETAILS%", ERROR_HEADER, _UNAVAILABLE, status=502, closes=True),
        *_both(_UNEXPECTED, "%RESPONSE_CODE_DETAILS%", ERROR_HEADER, _INTERNAL, closes=True),
    ]


def unmeshed_replies() -> list[Config]:
    """For what an unmeshed pod sends: where its connection would have been refused or broken, 502 and no connection."""
    return [
        _reply(_NO_ENDPOINT, "no endpoint is ready", UNMESHED_HEADER, status=502, closes=True),
        _reply(_CONNECT_TIMEOUT, "connect timed out", UNMESHED_HEADER, status=504, closes=True),
        _reply(_BROKEN, "%RESPONSE_CODE_DETAILS%", UNMESHED_HEADER, status=502, closes=True),
        _reply(_UNEXPECTED, "%RESPONSE_CODE_DETAILS%", UNMESHED_HEADER, closes=True),
    ]


def inbound_replies(*, to_mesh: bool) -> list[Config]:
    """For what reaches a meshed pod; only other proxies are told why (§3.24)."""
    header = ERROR_HEADER if to_mesh else ""
    return [
        *_both(_NO_ROUTE, f"{_PEERS}: no route found for request", header, _NOT_FOUND),
        *_both(_DENIED, f"{_PEERS}: unauthorized request on route", header, _PERMISSION_DENIED),
        *_both(_LIMITED, f"{_PEERS}: rate limit exceeded", header, _RESOURCE_EXHAUSTED),
        *_both(_CONNECT_TIMEOUT, "connect timed out", header, _DEADLINE_EXCEEDED, status=504, closes=True),
        *_both(_BROKEN, "%RESPONSE_CODE_DETAILS%", header, _UNAVAILABLE, status=502, closes=True),
        *_both(_UNEXPECTED, "%RESPONSE_CODE_DETAILS%", header, _INTERNAL, closes=True),
    ]


def ingress_replies() -> list[Config]:
    """For whoever calls from outside: what Traefik says."""
    return [
        _reply(_NO_ENDPOINT, "", "", body="no available server\n"),
        _reply(_CONNECT_TIMEOUT, "", "", status=504, body="Gateway Timeout"),
        _reply(_BROKEN, "", "", status=502, body="Bad Gateway"),
    ]


def explained(header: str, message: str) -> list[Config]:
    """A `response_headers_to_add` that says why; percent signs in the message begin the proxy's own variables."""
    return [{"header": {"key": header, "value": message}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]


def closing() -> Config:
    """One more of a `response_headers_to_add`: the answer ends the connection."""
    return explained(CONNECTION_HEADER, "close")[0]


def literal_value(text: str) -> str:
    """A header value without variables."""
    return text.replace("%", "%%")


def _both(
    condition: str, message: str, header: str, grpc_status: int, *, status: int | None = None, closes: bool = False
) -> Iterator[Config]:
    """The reply to a call of gRPC, and to any other request."""
    yield _grpc_reply(condition, message, header, grpc_status, closes=closes)
    yield _reply(condition, message, header, status=status, closes=closes)


def _grpc_reply(condition: str, message: str, header: str, grpc_status: int, *, closes: bool = False) -> Config:
    """The message goes to whoever is told the reason in a header (§3.24)."""
    reply = _reply(f"{_IS_GRPC} && {condition}", message, header, closes=closes)
    told = explained("grpc-message", message) if header else []
    return {
        **reply,
        "headers_to_add": [*reply.get("headers_to_add", ()), *explained("grpc-status", str(grpc_status)), *told],
    }


def _reply(
    condition: str, message: str, header: str, *, status: int | None = None, body: str = "", closes: bool = False
) -> Config:
    expression = typed("extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=condition)
    reply: Config = {
        "filter": {"extension_filter": {"name": "cel", "typed_config": expression}},
        "body": {"inline_string": body},
    }
    headers = [*(explained(header, message) if header else ()), *([closing()] if closes else ())]
    if headers:
        reply["headers_to_add"] = headers
    if status is not None:
        reply["status_code"] = status
    return reply
