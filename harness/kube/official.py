"""The official client, which this module alone imports: it takes half a second, and most commands never need it.

`harness.kube.client` imports this module when it first talks to a cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client as k8s
from kubernetes import config as k8s_config
from kubernetes.config.incluster_config import InClusterConfigLoader
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from urllib3.exceptions import HTTPError

REFUSED: Final = (DynamicApiError, k8s.ApiException)
NOT_SERVED: Final = ResourceNotFoundError
NO_ANSWER: Final = HTTPError
UNUSABLE: Final = (k8s_config.ConfigException, yaml.YAMLError, TypeError, AttributeError, ValueError)
"""What loading says of a file that is no kubeconfig: the client expects the shape of one and looks no further."""


def api_of(kubeconfig: Path) -> Any:
    """The API of a kubeconfig's current context; raises one of UNUSABLE."""

    def load(configuration: Any) -> None:
        # The client writes keys into files; beside the kubeconfig they go when the cluster goes, even if we are killed.
        k8s_config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig),
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=str(kubeconfig.parent),
        )

    return _api(load)


def api_around(account: Path) -> Any:
    """The API that a pod's ServiceAccount leads to, with its token read again as it is renewed; raises UNUSABLE."""
    loader = InClusterConfigLoader(str(account / "token"), str(account / "ca.crt"))  # type: ignore[no-untyped-call]
    return _api(loader.load_and_set)


def dynamic(api: Any, cache: Path) -> Any:
    """A client of every kind that the API serves; what discovery finds is kept in a file."""
    return DynamicClient(api, cache_file=str(cache))  # type: ignore[no-untyped-call]


def _api(load: Callable[[Any], None]) -> Any:
    configuration = k8s.Configuration()
    load(configuration)
    return k8s.ApiClient(configuration)
