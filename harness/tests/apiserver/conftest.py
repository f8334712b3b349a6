"""One API server for all tests here, and a namespace for each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.tests.apiserver.support import (
    WIDGET_CRD,
    Box,
    official,
    official_config,
    official_dynamic,
    running_box,
)

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(tmp_path_factory.mktemp("box")) as running:
        yield running


@pytest.fixture
def api_client(box: Box) -> Iterator[Any]:
    """The official client, set up from the kubeconfig."""
    made = official_config.new_client_from_config(config_file=str(box.kubeconfig))
    yield made
    made.rest_client.pool_manager.clear()
    made.close()


@pytest.fixture
def core(api_client: Any) -> Any:
    return official.CoreV1Api(api_client)


@pytest.fixture
def apps(api_client: Any) -> Any:
    return official.AppsV1Api(api_client)


@pytest.fixture
def namespace(core: Any) -> str:
    name = f"test-{next(_NUMBERS)}"
    core.create_namespace({"metadata": {"name": name}})
    return name


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def dynamic(api_client: Any, tmp_path: Path) -> Any:
    """The official client of any kind; what it finds out it keeps in a file of the test's."""
    return official_dynamic.DynamicClient(api_client, cache_file=str(tmp_path / "discovery.json"))


@pytest.fixture
def widgets(box: Box, api_client: Any) -> Any:
    """The typed client's door to custom objects, with the Widget kind defined."""
    extensions = official.ApiextensionsV1Api(api_client)
    if not any(
        item.metadata.name == "widgets.example.com" for item in extensions.list_custom_resource_definition().items
    ):
        extensions.create_custom_resource_definition(WIDGET_CRD)
    return official.CustomObjectsApi(api_client)


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """A port that sends everything back, then says bye when the client has finished."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.sendall(b"bye")

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
