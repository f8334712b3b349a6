"""Port-forward and exec reach a pod past its inbound policy; another pod does not (§3.5a)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kubernetes.stream import stream

from harness.cluster import embedded
from harness.cluster.provider import Request
from harness.dialect import LINKERD_EDGE
from harness.tests.apiserver.forwarding import forwarded
from harness.tests.apiserver.support import official, official_config
from harness.tests.apiserver.test_deleting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]
NAMESPACE = "guarded"
PORT = 8080
_ASK = (
    "import sys, urllib.request, urllib.error\n"
    "try: print(urllib.request.urlopen(sys.argv[1], timeout=10).status)\n"
    "except urllib.error.HTTPError as error: print(error.code)\n"
)


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    cluster = embedded.create(
        Request("bypass", LINKERD_EDGE, keep=False), progress=lambda _: None, furnish=lambda _: None
    )
    yield cluster.kubeconfig
    embedded.delete(cluster)


@pytest.fixture(scope="module")
def core(kubeconfig: Path) -> Iterator[Any]:
    """A meshed server that nobody may call, and a meshed client."""
    client = official_config.new_client_from_config(config_file=str(kubeconfig))
    core = official.CoreV1Api(client)
    core.create_namespace({"metadata": {"name": NAMESPACE, "annotations": {"linkerd.io/inject": "enabled"}}})
    for name in ("server", "client"):
        labels, echo = {"app": name}, {"signalbox.dev/echo": "true"}
        container = {"name": "app", "image": "echo:1", "ports": [{"containerPort": PORT}]}
        metadata = {"name": name, "labels": labels, "annotations": echo}
        core.create_namespaced_pod(NAMESPACE, {"metadata": metadata, "spec": {"containers": [container]}})
        spec = {"selector": labels, "ports": [{"port": PORT}]}
        core.create_namespaced_service(NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    for name in ("server", "client"):
        until(partial(has_address, core, name), name)
    server = {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "Server",
        "metadata": {"name": "server"},
        "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "port": PORT, "proxyProtocol": "HTTP/1"},
    }
    assert ask(kubeconfig, "client", f"http://server.{NAMESPACE}:{PORT}/") == "200", "before there is a policy"
    official.CustomObjectsApi(client).create_namespaced_custom_object(
        "policy.linkerd.io", "v1beta3", NAMESPACE, "servers", server
    )
    yield core
    client.close()


def has_address(core: Any, name: str) -> bool:
    return any(subset.addresses for subset in core.read_namespaced_endpoints(name, NAMESPACE).subsets or ())


def ask(kubeconfig: Path, pod: str, url: str) -> str:
    """The status that a program in a pod gets."""
    client = official_config.new_client_from_config(config_file=str(kubeconfig))
    core = official.CoreV1Api(client)
    command = ["sh", "-c", 'url=$(eval echo "$2"); exec "$0" -c "$1" "$url"', sys.executable, _ASK, url]
    session = stream(
        core.connect_get_namespaced_pod_exec, pod, NAMESPACE, container="app", command=command, _preload_content=False
    )
    session.run_forever(timeout=20)
    said: str = session.read_stdout(timeout=0).strip() or session.read_stderr(timeout=0)
    session.sock.shutdown()
    client.close()
    return said


def answer(kubeconfig: Path, port: int, path: str) -> bytes:
    """The whole answer of the server pod to a request through port-forward."""
    said = b""
    with forwarded(kubeconfig, NAMESPACE, "server", port) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n".encode())
        while data := connection.recv(65536):
            said += data
    return said


def test_another_pod_is_denied(core: Any, kubeconfig: Path) -> None:
    assert ask(kubeconfig, "client", f"http://server.{NAMESPACE}:{PORT}/") == "403"


def test_port_forward_is_not(core: Any, kubeconfig: Path) -> None:
    assert answer(kubeconfig, PORT, "/").startswith(b"HTTP/1.1 200")


def test_exec_inside_the_server_is_not(core: Any, kubeconfig: Path) -> None:
    assert ask(kubeconfig, "server", f"http://$SIGNALBOX_BIND:{PORT}/") == "200"


def test_the_proxys_own_port_is_reached_through_port_forward(core: Any, kubeconfig: Path) -> None:
    assert answer(kubeconfig, 4191, "/metrics").startswith(b"HTTP/1.1 200")
