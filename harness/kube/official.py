"""The official client, which this module alone imports: it takes half a second, and most commands never need it.

`harness.kube.client` imports this module when it first talks to a cluster.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client as k8s
from kubernetes import config as k8s_config
from kubernetes.config.incluster_config import InClusterConfigLoader
from kubernetes.dynamic import DynamicClient, LazyDiscoverer
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from urllib3.exceptions import HTTPError

REFUSED: Final = (DynamicApiError, k8s.ApiException)
NOT_SERVED: Final = ResourceNotFoundError
NO_ANSWER: Final = HTTPError
UNUSABLE: Final = (k8s_config.ConfigException, yaml.YAMLError, TypeError, AttributeError, ValueError, OSError)
"""What loading says of a file that is no kubeconfig: the client expects the shape of one and looks no further."""
_NOWHERE: Final = os.path.join(os.devnull, "nowhere")
"""Names no file and never will: what is below a device cannot come to be."""


def api_of(kubeconfig: Path, scratch: Path) -> Any:
    """The API of a kubeconfig's current context; raises one of UNUSABLE.

    scratch  the directory that the client writes keys into, which it cannot use from memory
    """

    def load(configuration: Any) -> None:
        k8s_config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig),
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=str(scratch),
        )

    return _api(load)


def api_around(account: Path) -> Any:
    """The API that a pod's ServiceAccount leads to, with its token read again as it is renewed; raises UNUSABLE."""
    loader = InClusterConfigLoader(str(account / "token"), str(account / "ca.crt"))  # type: ignore[no-untyped-call]
    return _api(loader.load_and_set)


def dynamic(api: Any) -> Any:
    """A client of every kind that the API serves, which finds out anew what that is."""
    return DynamicClient(api, cache_file=_NOWHERE, discoverer=_Discovery)  # type: ignore[no-untyped-call]


class _Discovery(LazyDiscoverer):
    """Discovery without the file that the client keeps it in, which would stay with the user for ever."""

    def _write_cache(self) -> None:
        pass


def _api(load: Callable[[Any], None]) -> Any:
    configuration = k8s.Configuration()
    load(configuration)
    return k8s.ApiClient(configuration)
