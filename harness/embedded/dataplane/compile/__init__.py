"""A moment of the cluster as resources of the proxy: pure, no I/O, the same answer for the same input.

snapshot ── view ─┬─ listeners      what a pod has for life            (http, local_replies, counters, tls)
                  ├─ clusters       who may be dialled, and how        (breaking, tls)
                  ├─ assignments    who is ready
                  ├─ outbound       which route answers                (precedence, matching, forwarding, backends)
                  ├─ inbound        who may ask a pod for what       (precedence, matching, authorizations, rate_limits)
                  └─ ingress        the way in from outside
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.embedded.dataplane.compile import ingress, listeners
from harness.embedded.dataplane.compile.assignments import all_pods, service_endpoints
from harness.embedded.dataplane.compile.clusters import all_client_clusters, local_clusters
from harness.embedded.dataplane.compile.inbound import inbound_table
from harness.embedded.dataplane.compile.names import Client, Config, Resources
from harness.embedded.dataplane.compile.outbound import outbound_tables
from harness.embedded.dataplane.compile.refusal import refusal
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import Pod, Snapshot

__all__ = ["Config", "Resources", "compile_snapshot", "refusal"]


def compile_snapshot(snapshot: Snapshot, certificates: Path) -> Resources:
    """Everything the proxy needs to know.

    snapshot      its routes have passed `refusal`
    certificates  the directory of the files that `identity.Identities` writes
    """
    view = View.of(snapshot)
    meshed = [(pod, port) for pod in snapshot.pods for port in _inbound_ports(view, pod)]
    return Resources(
        clusters=_by("name", _clusters(view, meshed, certificates)),
        assignments=_by("cluster_name", _assignments(view)),
        routes=_by("name", _tables(view, meshed)),
        listeners=_by("name", _listeners(view, meshed, certificates)),
    )


def _inbound_ports(view: View, pod: Pod) -> list[int]:
    return sorted(view.inbound.get(pod.endpoint.pod_ip, ()))


def _clusters(view: View, meshed: list[tuple[Pod, int]], certificates: Path) -> Iterable[Config]:
    yield from all_client_clusters(view, certificates)
    if view.snapshot.ingress is not None:
        yield from ingress.clusters(view, view.snapshot.ingress, certificates)
    for pod, port in meshed:
        yield from local_clusters(pod, port)


def _assignments(view: View) -> Iterable[Config]:
    for service, port in view.service_ports:
        yield service_endpoints(view, service, port)
    yield all_pods(view)


def _tables(view: View, meshed: list[tuple[Pod, int]]) -> Iterable[Config]:
    yield from outbound_tables(view)
    if view.snapshot.ingress is not None:
        yield ingress.table(view, view.snapshot.ingress)
    for pod, port in meshed:
        yield inbound_table(view, pod, port)


def _listeners(view: View, meshed: list[tuple[Pod, int]], certificates: Path) -> Iterable[Config]:
    for pod in view.snapshot.pods:
        yield listeners.outbound(Client.of(pod), view.snapshot.dialect)
    if view.snapshot.ingress is not None:
        yield ingress.listener(view.snapshot.ingress)
    for pod, port in meshed:
        yield listeners.inbound(view, pod, port, certificates)


def _by(key: str, configs: Iterable[Config]) -> dict[str, Config]:
    return {config[key]: config for config in configs}
