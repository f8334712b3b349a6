"""What the proxies of a mesh counted, read from their own admin port through the API server.

The proxies are asked directly (`:4191/metrics`), so no Prometheus, no scrape interval and no extrapolation stands
between a request and its count. The same code reads every cluster.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from prometheus_client.parser import text_string_to_metric_families

from harness.errors import EnvironmentFailed
from harness.kube.client import Kube
from harness.kube.objects import JsonObject

ADMIN_PORT = 4191
PROXY_CONTAINER = "linkerd-proxy"
DEPLOYMENT_LABEL = "linkerd.io/proxy-deployment"
MOST_SERIES = 50_000
"""So many parsed series are kept, about 50 MB: the proxies of a namespace show a few thousand."""

Labels = Mapping[str, str]
Where = Callable[[Labels], bool]


@dataclass(frozen=True, slots=True, order=True)
class MeshedPod:
    """A pod with a proxy; uid tells a restarted namesake apart."""

    namespace: str
    name: str
    uid: str
    deployment: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one moment."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters of several proxies at one moment.

    at  seconds of the monotonic clock
    """

    at: float
    pods: Mapping[MeshedPod, tuple[Sample, ...]]


class ScrapeDenied(EnvironmentFailed):
    """The pod's own policy keeps its metrics from us."""


def is_meshed(pod: JsonObject) -> bool:
    """Whether a pod really carries a proxy container (native sidecars are init containers)."""
    spec = pod["spec"]
    containers = [*spec.get("containers", []), *spec.get("initContainers", [])]
    return any(container["name"] == PROXY_CONTAINER for container in containers)


def meshed_pods(kube: Kube, namespace: str, deployment: str | None = None) -> list[MeshedPod]:
    """The pods of a namespace that have a proxy and are not going away, or those of one Deployment.

    One that has not started yet is left out: nobody answers for it, and it has counted nothing.
    """
    labels = f"{DEPLOYMENT_LABEL}={deployment}" if deployment else ""
    found = []
    for pod in kube.objects("v1", "Pod", namespace, labels):
        metadata = pod["metadata"]
        pending = (pod.get("status") or {}).get("phase") == "Pending"
        if is_meshed(pod) and not pending and not metadata.get("deletionTimestamp"):
            owner = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL, "")
            found.append(MeshedPod(metadata["namespace"], metadata["name"], metadata["uid"], owner))
    return sorted(found)


def scrape(kube: Kube, pods: Iterable[MeshedPod], *, clock: Callable[[], float] = time.monotonic) -> Snapshot:
    """The counters of these proxies now.

    raises  ScrapeDenied if a pod's policy closes the port, EnvironmentFailed if a proxy gives no metrics otherwise
    """
    wanted = list(pods)
    with ThreadPoolExecutor(max_workers=8) as pool:
        texts = list(pool.map(lambda pod: _metrics_text(kube, pod), wanted))
    return Snapshot(clock(), {pod: parse(text) for pod, text in zip(wanted, texts, strict=True)})


def _metrics_text(kube: Kube, pod: MeshedPod) -> str:
    answer = kube.pod_request(pod.namespace, pod.name, ADMIN_PORT, "metrics")
    # A proxy refuses without a word (§3.24); the API server, for a pod that is gone or a right that we lack, has one.
    if answer.status in (403, 404) and not answer.body:
        raise ScrapeDenied(
            f"the inbound policy of pod {pod.namespace}/{pod.name} denies its metrics: port {ADMIN_PORT} answers HTTP "
            f"{answer.status} to the API server, which asks without an identity and from the node's network",
            "let it in, by an AuthorizationPolicy for a Server of port linkerd-admin with no required authentication",
        )
    if answer.status != 200:
        raise EnvironmentFailed(
            f"the proxy of pod {pod.namespace}/{pod.name} does not give its metrics: HTTP {answer.status}",
            "check that the pod is running and its proxy ready",
        )
    return answer.body.decode()


def parse(text: str) -> tuple[Sample, ...]:
    """The samples of a Prometheus text."""
    return tuple(_sample(line) for line in text.splitlines() if line and not line.startswith("#"))


def _sample(line: str) -> Sample:
    end = line.rfind("}") + 1 or line.find(" ")
    name, labels = _series(line[:end])
    return Sample(name, labels, float(line[end:].split()[0]))


@lru_cache(maxsize=MOST_SERIES)
def _series(text: str) -> tuple[str, Labels]:
    """Name and labels of a series, read once: a proxy that is asked again shows mostly the same ones."""
    (family,) = text_string_to_metric_families(f"{text} 0\n")
    (sample,) = family.samples
    return sample.name, sample.labels


def increase(
    before: Snapshot, after: Snapshot, name: str, *, by: tuple[str, ...] = (), where: Where = lambda labels: True
) -> Counter[tuple[str, ...]]:
    """How much a counter grew between two snapshots, grouped by label values.

    A pod that was not there before counts from zero (its counters did). `pod`, `namespace` and `deployment` may be
    grouped by as well: they are the pod's own, unless the series has such a label itself.
    """
    grown: Counter[tuple[str, ...]] = Counter()
    for pod, samples in after.pods.items():
        own = {"pod": pod.name, "namespace": pod.namespace, "deployment": pod.deployment}
        start = _values(before.pods.get(pod, ()), name)
        for sample in samples:
            if sample.name != name or not where(sample.labels):
                continue
            delta = sample.value - start.get(_key(sample.labels), 0.0)
            group = tuple(sample.labels.get(label, own.get(label, "")) for label in by)
            grown[group] += round(max(0.0, delta))
    return grown


def _key(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def _values(samples: Iterable[Sample], name: str) -> dict[frozenset[tuple[str, str]], float]:
    return {_key(sample.labels): sample.value for sample in samples if sample.name == name}


def gauge(snapshot: Snapshot, name: str, *, by: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """A gauge summed over pods, grouped by label values or by the pods' own names."""
    total: dict[tuple[str, ...], float] = defaultdict(float)
    for pod, samples in snapshot.pods.items():
        own = {"pod": pod.name, "namespace": pod.namespace, "deployment": pod.deployment}
        for sample in samples:
            if sample.name == name:
                total[tuple(sample.labels.get(label, own.get(label, "")) for label in by)] += sample.value
    return total


def is_probe(labels: Labels) -> bool:
    """Whether an inbound series counts probes and scrapes rather than application traffic (§3.3, §5.14)."""
    by_route = labels.get("route_kind") == "default" and labels.get("route_name") == "probe"
    return by_route or labels.get("target_port") == str(ADMIN_PORT) or labels.get("srv_port") == str(ADMIN_PORT)
