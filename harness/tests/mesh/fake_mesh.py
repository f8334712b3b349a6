"""A cluster that answers what settling asks of the API and of proxies; what the proxies count is up to the test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.kube.client import KubeError, PodAnswer
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.changes import Witness
from harness.mesh.metrics import MeshedPod

Series = tuple[str, tuple[tuple[str, str], ...]]


def series(name: str, **labels: str) -> Series:
    return name, tuple(sorted(labels.items()))


@dataclass(slots=True)
class FakeMesh:
    """Implements what is used of `Kube`; `counted` holds the counters by pod name."""

    stored: list[JsonObject] = field(default_factory=list)
    counted: dict[str, Counter[Series]] = field(default_factory=dict)
    answers: list[PodAnswer] = field(default_factory=list)

    def get(self, ref: ObjectRef) -> JsonObject | None:
        return next((one for one in self.stored if ObjectRef.of(one) == ref), None)

    def objects(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[JsonObject]:
        found = [one for one in self.stored if (one["apiVersion"], one["kind"]) == (api_version, kind)]
        if not found and kind not in ("Pod", "Service"):
            raise KubeError(404, "NotFound", f"no {kind}")
        return [one for one in found if namespace in (None, one["metadata"]["namespace"])]

    def pod_request(self, namespace: str, pod: str, port: int, path: str, **_: Any) -> PodAnswer:
        """Its counters; `answers` replaces them, once each."""
        if self.answers:
            return self.answers.pop(0)
        lines = [
            f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels)}}} {count}"
            for (name, labels), count in self.counted.get(pod, Counter()).items()
        ]
        return PodAnswer(200, "\n".join([*lines, ""]).encode())

    def count(self, pod: str, what: Series, times: int = 1) -> None:
        self.counted.setdefault(pod, Counter())[what] += times


def pod(name: str, ip: str, *, app: str = "authors", account: str = "authors") -> JsonObject:
    """A running meshed pod in namespace booksapp that declares port 7001 as `service`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "booksapp", "uid": f"uid-{name}", "labels": {"app": app}},
        "spec": {
            "serviceAccountName": account,
            "containers": [
                {"name": "app", "ports": [{"name": "service", "containerPort": 7001}]},
                {"name": "linkerd-proxy"},
            ],
        },
        "status": {"phase": "Running", "podIP": ip},
    }


def service(name: str = "authors") -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "booksapp"},
        "spec": {
            "clusterIP": "10.0.0.9",
            "selector": {"app": name},
            "ports": [{"port": 7001, "targetPort": "service"}],
        },
    }


def policy(kind: str, name: str, spec: JsonObject, **more: Any) -> JsonObject:
    version = {"Server": "v1beta3", "HTTPRoute": "v1beta3"}.get(kind, "v1alpha1")
    metadata = {"name": name, "namespace": "booksapp", "generation": 1}
    return {"apiVersion": f"policy.linkerd.io/{version}", "kind": kind, "metadata": metadata, "spec": spec, **more}


def witness(sender: str, send: Callable[[str, int], None], *, url: str = "http://authors:7001/authors.json") -> Witness:
    """A meshed sender pod's GET."""
    return Witness(MeshedPod("booksapp", sender, f"uid-{sender}", ""), True, "GET", url, send)
