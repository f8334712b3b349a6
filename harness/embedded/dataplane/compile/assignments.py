"""Endpoints: shared by all clients, so that a pod's readiness is one small message."""

from __future__ import annotations

from harness.embedded.dataplane.compile.http import AUTHORITY_KEY, IDENTITY_KEY
from harness.embedded.dataplane.compile.names import ALL_PODS, Config, service_assignment, socket_address
from harness.embedded.dataplane.compile.tls import MESHED
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import ServiceKey


def service_endpoints(view: View, service: ServiceKey, port: int) -> Config:
    """The ready endpoints of a Service port."""
    ready = [(address.ip, number) for address, number in view.endpoints(service, port) if address.ready]
    return _assignment(service_assignment(service, port), [_endpoint(view, *target) for target in ready])


def all_pods(view: View) -> Config:
    """Every port of every pod, ready or not, to be dialled by address (§1.7)."""
    endpoints = []
    for pod in view.snapshot.pods:
        for port in view.ports_of(pod):
            endpoint = _endpoint(view, pod.endpoint.pod_ip, port)
            metadata = endpoint.setdefault("metadata", {}).setdefault("filter_metadata", {})
            metadata["envoy.lb"] = {AUTHORITY_KEY: f"{pod.endpoint.pod_ip}:{port}"}
            endpoints.append(endpoint)
    return _assignment(ALL_PODS, endpoints)


def _endpoint(view: View, ip: str, port: int) -> Config:
    endpoint: Config = {"endpoint": {"address": socket_address(ip, port)}}
    if view.is_meshed(ip, port):
        identity = view.pods[ip].identity
        endpoint["endpoint"]["hostname"] = identity
        seen = {"envoy.transport_socket_match": {MESHED: True}, "envoy.lb": {IDENTITY_KEY: identity}}
        endpoint["metadata"] = {"filter_metadata": seen}
    return endpoint


def _assignment(name: str, endpoints: list[Config]) -> Config:
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}] if endpoints else []}
