"""The dashboard's numbers are the sender's own, and what it cannot see it says."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.kube.apply import Applier, Ledger
from harness.run.senders import start_senders
from harness.scenario.model import PodSender
from harness.tests.dashboard.conftest import RUN, Town
from harness.tests.dashboard.events import Frame, busy, is_live, rows, watching
from harness.tests.dashboard.gate import Gate, gate_before
from harness.traffic.plan import Plan, Request

HOST = "linkerd-viz.local"
SENT = 200
PLAN = Plan(request=Request(method="GET", url="http://books:7002/books/1.json"), rate_per_second=200, limit=SENT)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.xdist_group("dashboard")]


def test_an_edge_has_exactly_the_senders_counts(town: Town, ledger: Ledger) -> None:
    """With a fault, so that there are failures to be counted too."""
    town.apply(ledger, "booksapp/error-injector.yaml", "booksapp/error-split-httproute.yaml")
    session = town.session
    spec = {"town": PodSender.model_validate({"namespace": "booksapp", "serviceAccount": "webapp"})}
    sender = start_senders(session.kube, session.cluster, Applier(session.kube, RUN), ledger, spec, RUN)["town"]
    source = f"booksapp/sender-town-{RUN}"

    def counted(frame: Frame) -> bool:
        return sum(int(edge["requests"]) for edge in rows(frame, "edges") if edge["source"] == source) == SENT

    statuses = Counter[int | None]()
    with watching(f"http://{session.cluster.ingress}/", host=HOST) as seen:
        seen.until(is_live)
        with sender.client.send(PLAN) as sending:
            statuses.update(outcome.status for outcomes in sending for outcome in outcomes)
        assert statuses.total() == SENT
        frame = seen.until(counted)
    edges = {edge["destination"]: edge for edge in rows(frame, "edges") if edge["source"] == source}
    assert edges["booksapp/error-injector"]["requests"] == statuses[500] > 0
    assert edges["booksapp/error-injector"]["success"] == "0.00%"
    assert edges["booksapp/books"]["requests"] == statuses[200]
    assert edges["booksapp/books"]["success"] == "100.00%"
    assert edges["booksapp/books"]["client"] == "webapp.booksapp"


@contextmanager
def _dashboard(kubeconfig: Path) -> Iterator[str]:
    """The program outside of the cluster; gives its URL."""
    command = [sys.executable, "-m", "harness.dashboard", "--kubeconfig", str(kubeconfig), "--port", "0"]
    with subprocess.Popen([*command, "--period", "0.2"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.fixture
def gate(town: Town, tmp_path: Path) -> Iterator[Gate]:
    with gate_before(town.session.cluster.kubeconfig, tmp_path) as gate:
        yield gate


def test_it_says_whose_proxy_does_not_answer_and_recovers(town: Town, gate: Gate) -> None:
    names = [pod["metadata"]["name"] for pod in town.session.kube.objects("v1", "Pod", "booksapp")]
    books = next(name for name in names if name.startswith("books-"))
    with _dashboard(gate.kubeconfig) as url, watching(url) as seen:
        assert seen.until(lambda frame: {"books", "webapp"} <= busy(frame))["view"]["notes"] == []
        gate.denied.add(f"/pods/{books}:4191/proxy")
        frame = seen.until(lambda frame: bool(frame["view"]["notes"]) and "webapp" in busy(frame))
        (note,) = frame["view"]["notes"]
        assert note.startswith(f"booksapp/{books} is left out: ")
        assert "HTTP 403" in note
        assert frame["problem"] == ""
        assert "books" not in busy(frame), "half of its counts would pass for the whole"
        gate.denied.clear()
        seen.until(lambda frame: "books" in busy(frame) and not frame["view"]["notes"])


def test_it_says_that_the_api_server_is_gone_or_refuses_and_recovers(gate: Gate) -> None:
    with _dashboard(gate.kubeconfig) as url, watching(url) as seen:
        seen.until(is_live)
        gate.shut()
        told = seen.until(lambda frame: bool(frame["problem"]))
        assert "does not answer" in told["problem"]
        assert rows(told, "workloads"), "the last numbers stay to be looked at"
        gate.open()
        seen.until(is_live)
        gate.denied.add("/api/v1/pods")
        assert "HTTP 403" in seen.until(lambda frame: bool(frame["problem"]))["problem"]
        gate.denied.clear()
        seen.until(is_live)
