"""Hand-made readings of a cluster: what two proxies counted."""

from __future__ import annotations

from harness.dashboard.reading import Reading
from harness.mesh.metrics import MeshedPod, Sample, Snapshot
from harness.mesh.watch import Look
from harness.mesh.workloads import Workload

SUFFIX = "serviceaccount.identity.linkerd.cluster.local"
WEBAPP = MeshedPod("booksapp", "webapp-1", "u1", "webapp")
WEBAPP_2 = MeshedPod("booksapp", "webapp-2", "u4", "webapp")
BOOKS = MeshedPod("booksapp", "books-1", "u2", "books")
BARE = MeshedPod("booksapp", "sender", "u3", "")
ACCOUNTS = {
    (WEBAPP.namespace, WEBAPP.name): "webapp",
    (WEBAPP_2.namespace, WEBAPP_2.name): "webapp",
    (BOOKS.namespace, BOOKS.name): "books",
    (BARE.namespace, BARE.name): "default",
}
DEPLOYMENTS = {
    ("booksapp", "webapp"): Workload("booksapp", "webapp", 2, 2),
    ("booksapp", "books"): Workload("booksapp", "books", 1, 1),
}


def reading(
    at: float, pods: dict[MeshedPod, tuple[Sample, ...]], *, unread: dict[MeshedPod, str] | None = None
) -> Reading:
    return Reading(Look(Snapshot(at, pods), unread or {}), DEPLOYMENTS, ACCOUNTS)


def nothing(at: float, *pods: MeshedPod) -> Reading:
    return reading(at, dict.fromkeys(pods, ()))


def responses(direction: str, classification: str, value: float, **labels: str) -> tuple[Sample, ...]:
    """A series of responses that took between 1 and 2 ms, and its requests."""
    series = {"direction": direction, **labels}
    answered = {**series, "classification": classification}
    return (
        Sample("request_total", series, value),
        Sample("response_total", answered, value),
        Sample("response_latency_ms_bucket", {**answered, "le": "1"}, 0.0),
        Sample("response_latency_ms_bucket", {**answered, "le": "2"}, value),
        Sample("response_latency_ms_bucket", {**answered, "le": "+Inf"}, value),
    )


def to_books(classification: str, value: float, **labels: str) -> tuple[Sample, ...]:
    """What a client's proxy counts of its requests to books."""
    where = {"dst_namespace": "booksapp", "dst_deployment": "books", "dst_pod": "books-1", "tls": "true"}
    return responses("outbound", classification, value, **where, server_id=f"books.booksapp.{SUFFIX}", **labels)


def from_webapp(classification: str, value: float, **labels: str) -> tuple[Sample, ...]:
    """What books' proxy counts of webapp's requests."""
    return responses("inbound", classification, value, tls="true", client_id=f"webapp.booksapp.{SUFFIX}", **labels)
