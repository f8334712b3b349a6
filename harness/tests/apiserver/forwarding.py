"""The official client's port-forward, without what it leaves open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes.stream import portforward

from harness.tests.apiserver.support import official, official_config


@contextmanager
def forwarded(kubeconfig: Path, namespace: str, pod: str, port: int) -> Iterator[Any]:
    """A connected socket to a port of a pod."""
    client = official_config.new_client_from_config(config_file=str(kubeconfig))
    connect = official.CoreV1Api(client).connect_get_namespaced_pod_portforward
    forward = portforward(connect, pod, namespace, ports=str(port))
    connection = forward.socket(port)
    connection.settimeout(10)
    try:
        yield connection
    finally:
        connection.close()
        for thread in threading.enumerate():
            if thread.name == f"Kubernetes port forward proxy: {port}":
                thread.join(10)
        forward.websocket.shutdown()  # it leaves the socket open if the server said goodbye first
        client.close()
