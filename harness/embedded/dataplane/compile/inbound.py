"""Route tables for what reaches a meshed pod: the default policy `all-unauthenticated` (§3.1, §3.3).

The table belongs to one port of one pod and to no listener, so that a policy changes only it.
"""

from __future__ import annotations

from typing import Final

from harness.embedded.dataplane.compile.names import Config, inbound_name, labelled
from harness.embedded.dataplane.snapshot import Pod

DEFAULT_ROUTE: Final = "default"
PROBE_ROUTE: Final = "probe"


def inbound_table(pod: Pod, port: int) -> Config:
    """All requests go to the application; those of the kubelet's probes are counted apart."""
    probes = [_route(pod, port, PROBE_ROUTE, _get(path)) for path in dict.fromkeys(pod.probe_paths.get(port, ()))]
    routes = [*probes, _route(pod, port, DEFAULT_ROUTE, {"prefix": "/"})]
    return {
        "name": inbound_name(pod, port),
        "validate_clusters": False,
        "virtual_hosts": [{"name": "server", "domains": ["*"], "routes": routes}],
    }


def _get(path: str) -> Config:
    return {"path": path, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}


def _route(pod: Pod, port: int, name: str, match: Config) -> Config:
    return {
        "match": match,
        "metadata": labelled(name),
        "route": {"cluster": inbound_name(pod, port), "timeout": "0s"},
    }
