"""What a client can learn about the mesh from the API alone, where a Linkerd installation would say it too."""

from __future__ import annotations

import yaml

from harness.dialect import Dialect
from harness.embedded.apiserver.api import Api

NAMESPACE = "linkerd"
CONFIG = "linkerd-config"
CONTROL_PLANE = "signalbox.dev/control-plane"
"""Annotation of the ConfigMap: who decides what a Linkerd installation's Deployments would."""


def publish_mesh_config(api: Api, dialect: Dialect) -> None:
    """Create the namespace `linkerd` with the ConfigMap in which every installation states its version."""
    api.create("namespaces", {"metadata": {"name": NAMESPACE}})
    values = {"linkerdVersion": dialect.version, "clusterDomain": "cluster.local"}
    config = {
        "metadata": {"name": CONFIG, "annotations": {CONTROL_PLANE: "embedded"}},
        "data": {"values": yaml.safe_dump(values)},
    }
    api.create("configmaps", config, namespace=NAMESPACE)
