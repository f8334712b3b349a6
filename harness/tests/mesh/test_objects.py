"""Which ConfigMaps of a cluster are read: those that say what an NGINX answers, if they still do."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest

from harness.kube.client import JsonObject, Kube, KubeError
from harness.kube.objects import ObjectRef
from harness.mesh.objects import mesh_objects
from harness.oracle.fixed_answers import fixed_statuses
from harness.tests.oracle.cluster import manifests

MADE, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"


class Cluster:
    """The error injector of the tutorial; `configs` is what is got for its ConfigMap, or an error."""

    def __init__(self, config: JsonObject | KubeError | None) -> None:
        self.config = config
        self.asked: list[ObjectRef] = []

    def objects_if_served(self, api_version: str, kind: str) -> list[JsonObject]:
        found = manifests("booksapp/error-injector")
        return [one for one in found if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def get(self, ref: ObjectRef) -> JsonObject | None:
        self.asked.append(ref)
        if isinstance(self.config, KubeError):
            raise self.config
        return self.config


def config(**metadata: Any) -> JsonObject:
    (found,) = (one for one in copy.deepcopy(manifests("booksapp/error-injector")) if one["kind"] == "ConfigMap")
    found["metadata"] |= {"creationTimestamp": MADE, **metadata}
    return found


def known(answer: JsonObject | KubeError | None) -> dict[tuple[str, str], int]:
    cluster = Cluster(answer)
    found = dict(fixed_statuses(mesh_objects(cast(Kube, cluster))))
    assert cluster.asked == [ObjectRef("v1", "ConfigMap", "booksapp", "error-injector")]
    return found


def test_what_an_nginx_is_configured_by_is_read() -> None:
    assert known(config(managedFields=[{"time": MADE}])) == {("booksapp", "error-injector"): 500}


@pytest.mark.parametrize(
    "answer",
    [None, config(managedFields=[{"time": MADE}, {"time": LATER}]), KubeError(403, "Forbidden", "not allowed")],
)
def test_what_is_not_there_or_changed_or_secret_makes_nothing_known(answer: JsonObject | KubeError | None) -> None:
    assert known(answer) == {}


def test_a_cluster_that_fails_is_told() -> None:
    with pytest.raises(KubeError):
        known(KubeError(500, "InternalError", "broken"))
