"""Two looks at running proxies: what a window has, and what is left out of it and said."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

from harness.kube.client import Kube, PodAnswer
from harness.mesh.metrics import MeshedPod, increase
from harness.mesh.watch import Watched, watch

Proxies = dict[str, int | None]
"""The counter of each pod's proxy; None if it gives none."""


class FakeKube:
    """A cluster whose proxies stand at one set of values per look."""

    def __init__(self, *looks: Proxies) -> None:
        self.looks = list(looks)

    def objects(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[Any]:
        return [
            {
                "metadata": {"namespace": "b", "name": name, "uid": name},
                "spec": {"containers": [{"name": "linkerd-proxy"}]},
            }
            for name in self.looks[0]
        ]

    def pod_request(self, namespace: str, pod: str, port: int, path: str) -> PodAnswer:
        value = self.looks[0][pod]
        if value is None:
            return PodAnswer(503, b"")
        return PodAnswer(200, f"# TYPE response_total counter\nresponse_total {value}\n".encode())


def seen(*looks: Proxies, wanted: str = "") -> Watched:
    kube = FakeKube(*looks)
    seconds = count(100, 2)

    def pause(length: float) -> None:
        assert length == 8, "the two seconds that looking took belong to the window"
        kube.looks.pop(0)

    def is_wanted(pod: MeshedPod) -> bool:
        return wanted in pod.name

    return watch(cast(Kube, kube), is_wanted, 10, clock=lambda: float(next(seconds)), pause=pause)


def grown(watched: Watched) -> dict[str, int]:
    return {pod: n for (pod,), n in increase(watched.before, watched.after, "response_total", by=("pod",)).items()}


def test_a_window_has_the_difference_of_two_looks() -> None:
    watched = seen({"one": 5}, {"one": 12})
    assert grown(watched) == {"one": 7}
    assert watched.left_out == ()
    assert (watched.before.at, watched.after.at) == (100.0, 104.0)


def test_a_pod_that_starts_counts_from_zero() -> None:
    assert grown(seen({}, {"new": 3})) == {"new": 3}


def test_a_proxy_that_could_not_be_read_at_first_does_not_count_its_whole_life() -> None:
    watched = seen({"one": 5, "mute": None}, {"one": 6, "mute": 1000})
    assert grown(watched) == {"one": 1}
    assert watched.left_out == ("b/mute is left out: the proxy of pod b/mute does not give its metrics: HTTP 503",)


def test_a_pod_that_goes_away_is_left_out_and_said() -> None:
    watched = seen({"one": 5, "leaving": 9}, {"one": 6})
    assert grown(watched) == {"one": 1}
    assert [sentence.split(":")[0] for sentence in watched.left_out] == ["b/leaving is left out"]
    assert [pod.name for pod in watched.before.pods] == ["one"]


def test_only_wanted_proxies_are_read() -> None:
    assert grown(seen({"one": 5, "mute": None}, {"one": 6, "mute": None}, wanted="one")) == {"one": 1}
