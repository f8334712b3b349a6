"""Counters of requests: the proxy's stats access logger with tags that are rewritten into Linkerd's labels (§5).

Each counter is one request or attempt with all its tags, latency among them in whole milliseconds: so every sum
and histogram that Linkerd exports is exact, and fresh the moment a response was read.
"""

from __future__ import annotations

from typing import Final

from harness.embedded.dataplane.compile.http import WITHIN_TOTAL
from harness.embedded.dataplane.compile.names import METADATA, Config, typed

PREFIX: Final = "sb"
"""Of all counters here, in the proxy's own namespace of names."""
INBOUND: Final = "in"
"""Requests that reached a pod, with what its policy decided (§5.5, §5.6)."""
ATTEMPT: Final = "try"
"""Attempts of a pod at an endpoint, retries included (§5.5)."""
OUTBOUND: Final = "out"
"""Requests that a pod's applications made, answered in whatever way."""

ALLOWED: Final = "allowed"
"""The `decision` about a request that some authorization let in."""

_ROUTE: Final = {"route": f"%METADATA(ROUTE:{METADATA}:route)%"}
_OUTCOME: Final = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "grpc": "%GRPC_STATUS_NUMBER%"}
_ACCESS: Final = {
    "authz": "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_effective_policy_id)%",
    "decision": "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_engine_result)%",
    "within_total": f"%REQ({WITHIN_TOTAL})%",
}
_LATENCY: Final = {"ms": "%COMMON_DURATION(DS_RX_BEG:DS_TX_BEG:ms)%"}
_ATTEMPT_LATENCY: Final = {"ms": "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:ms)%"}
_UPSTREAM: Final = {"cluster": "%UPSTREAM_CLUSTER%"}


def inbound_counter(pod_key: str, port: int) -> list[Config]:
    """For the connection manager of an inbound listener."""
    client = {"port": str(port), "client": "%DOWNSTREAM_PEER_DNS_SAN%"}
    return _counter(INBOUND, {"pod": pod_key, **client, **_ROUTE, **_ACCESS, **_OUTCOME, **_LATENCY})


def attempt_counter(pod_key: str) -> list[Config]:
    """For the router of an outbound listener."""
    target = {**_UPSTREAM, "host": "%UPSTREAM_HOST%"}
    return _counter(ATTEMPT, {"pod": pod_key, **target, **_ROUTE, **_OUTCOME, **_ATTEMPT_LATENCY})


def outbound_counter(pod_key: str) -> list[Config]:
    """For the connection manager of an outbound listener."""
    return _counter(OUTBOUND, {"pod": pod_key, **_UPSTREAM, **_ROUTE, **_OUTCOME, **_LATENCY})


def _counter(name: str, tags: dict[str, str]) -> list[Config]:
    stat = {"name": name, "tags": [{"name": tag, "value_format": value} for tag, value in tags.items()]}
    logger = typed(
        "extensions.access_loggers.stats.v3.Config", stat_prefix=PREFIX, counters=[{"value_fixed": 1, "stat": stat}]
    )
    return [{"name": "envoy.access_loggers.stats", "typed_config": logger}]
