"""One API server for all tests here, and a namespace for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.tests.apiserver.support import Box, official, official_config, running_box

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
