"""Hand-made counters of proxies."""

from __future__ import annotations

from harness.mesh.metrics import MeshedPod, Sample, Snapshot

WEBAPP = MeshedPod("booksapp", "webapp-1", "u1", "webapp")
BOOKS = MeshedPod("booksapp", "books-1", "u2", "books")
OTHER_BOOKS = MeshedPod("library", "books-9", "u3", "books")


def responses(direction: str, classification: str, value: float, **labels: str) -> Sample:
    return Sample("response_total", {"direction": direction, "classification": classification, **labels}, value)


def bucket(le: str, value: float, direction: str = "inbound", **labels: str) -> Sample:
    return Sample("response_latency_ms_bucket", {"direction": direction, "le": le, **labels}, value)


def connections(direction: str, peer: str, value: float) -> Sample:
    return Sample("tcp_open_connections", {"direction": direction, "peer": peer}, value)


def empty(*pods: MeshedPod) -> Snapshot:
    return Snapshot(0.0, dict.fromkeys(pods, ()))


def after_ten_seconds(pods: dict[MeshedPod, tuple[Sample, ...]]) -> Snapshot:
    return Snapshot(10.0, pods)
