"""The controllers every cluster runs, and the objects it starts with."""

from __future__ import annotations

from harness.embedded.apiserver.api import Api
from harness.embedded.controllers.deployment import DeploymentController
from harness.embedded.controllers.endpoints import EndpointsController
from harness.embedded.controllers.garbage import GarbageCollector
from harness.embedded.controllers.job import JobController
from harness.embedded.controllers.loop import Controller
from harness.embedded.controllers.namespaces import NamespaceController, furnish_namespaces
from harness.embedded.controllers.replicaset import ReplicaSetController

FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def standard_controllers(api: Api) -> list[Controller]:
    """One of each, for a `ControllerLoop` that starts before the first object exists."""
    return [
        GarbageCollector(api),
        NamespaceController(api),
        DeploymentController(api),
        ReplicaSetController(api),
        JobController(api),
        EndpointsController(api),
    ]


def create_first_namespaces(api: Api, root_ca: str) -> None:
    """Create the namespaces every cluster has, furnished, and keep all namespaces furnished from now on.

    root_ca  PEM of the cluster's certificate authority, for the ConfigMap kube-root-ca.crt
    """
    furnish_namespaces(api, root_ca)
    for name in FIRST_NAMESPACES:
        api.create("namespaces", {"metadata": {"name": name}})
