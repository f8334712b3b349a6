"""One look at a cluster: the proxies' counters, the workloads, and whose pods they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.kube.client import Kube
from harness.mesh import watch
from harness.mesh.targets import DEPLOYMENT, Target
from harness.mesh.watch import EVERY_NAMESPACE
from harness.mesh.workloads import Workload, WorkloadKey, read_workloads

PodName = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cluster was at one moment.

    counters  of every proxy that handed them out, and why the others did not
    accounts  the ServiceAccount of every pod
    """

    counters: watch.Look
    deployments: Mapping[WorkloadKey, Workload]
    accounts: Mapping[PodName, str]

    @property
    def at(self) -> float:
        """Seconds of the monotonic clock."""
        return self.counters.snapshot.at


def read_cluster(kube: Kube, *, clock: Callable[[], float] = time.monotonic) -> Reading:
    """What the cluster is now.

    raises  KubeError, ClusterLost
    """
    pods = kube.objects("v1", "Pod")
    return Reading(
        counters=watch.look(kube, lambda pod: True, clock=clock),
        deployments=read_workloads(kube, Target(DEPLOYMENT, EVERY_NAMESPACE, "")),
        accounts={
            (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["spec"].get("serviceAccountName") or "default"
            for pod in pods
        },
    )
