"""Two looks at the counters of running proxies, some time apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.errors import ClusterLost, EnvironmentFailed
from harness.kube.client import Kube
from harness.mesh.counting import only_pods
from harness.mesh.metrics import MeshedPod, Sample, Snapshot, meshed_pods, scrape

Wanted = Callable[[MeshedPod], bool]
EVERY_NAMESPACE = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The counters of running proxies at one moment.

    unread  a sentence for each proxy that did not hand them out
    """

    snapshot: Snapshot
    unread: Mapping[MeshedPod, str]


@dataclass(frozen=True, slots=True)
class Watched:
    """The counters at both ends of a window.

    left_out  a sentence for each proxy whose counts the window does not have
    """

    before: Snapshot
    after: Snapshot
    left_out: tuple[str, ...]


def watch(
    kube: Kube,
    wanted: Wanted,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Watched:
    """The counters of the wanted proxies now, and after so many seconds.

    A proxy that starts in between counts from zero. One that cannot be read at both ends is left out and named: half
    of its counts would pass for the whole.

    raises  ClusterLost
    """
    first = look(kube, wanted, clock=clock)
    pause(max(0.0, first.snapshot.at + seconds - clock()))
    return between(first, look(kube, wanted, clock=clock))


def between(earlier: Look, later: Look) -> Watched:
    """The window between two looks, without the proxies that it does not have whole."""
    first, last = earlier.snapshot, later.snapshot
    unread = {**earlier.unread, **later.unread}
    gone = {pod: "it went away while its counters were watched" for pod in first.pods if pod not in last.pods}
    sentences = gone | unread
    return Watched(
        before=only_pods(first, lambda pod: pod not in sentences),
        after=only_pods(last, lambda pod: pod not in sentences),
        left_out=tuple(f"{pod.namespace}/{pod.name} is left out: {sentences[pod]}" for pod in sorted(sentences)),
    )


def look(kube: Kube, wanted: Wanted, *, clock: Callable[[], float] = time.monotonic) -> Look:
    """What can be read now, and why the rest cannot.

    raises  ClusterLost
    """
    pods = [pod for pod in meshed_pods(kube, EVERY_NAMESPACE) if wanted(pod)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        read = list(pool.map(lambda pod: _read(kube, pod), pods))
    unread = {pod: one for pod, one in zip(pods, read, strict=True) if isinstance(one, str)}
    return Look(Snapshot(clock(), _joined(one for one in read if isinstance(one, Snapshot))), unread)


def _read(kube: Kube, pod: MeshedPod) -> Snapshot | str:
    try:
        return scrape(kube, [pod])
    except ClusterLost:
        raise
    except EnvironmentFailed as error:
        return error.message


def _joined(snapshots: Iterable[Snapshot]) -> dict[MeshedPod, tuple[Sample, ...]]:
    return {pod: samples for one in snapshots for pod, samples in one.pods.items()}
