"""Who answered is counted from rest on: requests that an earlier claim has given up are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from harness.kube.client import Kube
from harness.mesh.metrics import MeshedPod, Sample, Snapshot
from harness.run import answered
from harness.run.answered import wait_until_at_rest
from harness.run.senders import Sender
from harness.tests.run.test_judging import SHARE, judging, loaded, sender

POD = MeshedPod("booksapp", "sender", "", "")
TWO = (
    SHARE
    + """\
        - expect: by-books
          send: {from: webapp, request: GET http://books:7002/x}
          every: {status: [200, 500], answered-by: books, times: 20}
        - expect: by-nobody
          send: {from: webapp, request: GET http://books:7002/x}
          every: {status: [200, 500], times: 20}
"""
)


def counting(*totals: int) -> Iterator[Snapshot]:
    for total in totals:
        labels = {"direction": "outbound", "dst_deployment": "books"}
        yield Snapshot(0.0, {POD: (Sample("response_total", labels, total), Sample("process_cpu_seconds", {}, total))})


def scrapes_until_rest(monkeypatch: pytest.MonkeyPatch, *totals: int, meshed: bool = True) -> int:
    made = list(counting(*totals))
    left = iter(made)
    monkeypatch.setattr(answered, "scrape", lambda *_: next(left))
    monkeypatch.setattr(answered, "AT_REST_SECONDS", 0.001)
    wait_until_at_rest(cast(Kube, None), Sender("webapp", POD, meshed, cast(Any, None)))
    return len(made) - len(list(left))


def test_rest_is_when_nothing_new_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scrapes_until_rest(monkeypatch, 10, 13, 14, 14, 15) == 4
    assert scrapes_until_rest(monkeypatch, 10, 10, 11) == 2


def test_without_a_proxy_there_is_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scrapes_until_rest(monkeypatch, 1, 2, meshed=False) == 0


def test_a_proxy_that_never_rests_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answered, "_PATIENCE_SECONDS", 0.05)
    assert 1 < scrapes_until_rest(monkeypatch, *range(10_000)) < 10_000


def test_only_a_claim_on_who_answered_waits_and_only_after_requests_that_were_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []
    scenario = loaded(tmp_path, TWO)
    fake, _ = sender(200, 500)  # half of them fail, so the share is decided early
    judges = judging(scenario, fake)
    monkeypatch.setattr("harness.run.judging.wait_until_at_rest", lambda kube, asked: waited.append(asked.name))
    told = []
    for _, expectation in scenario.scenario.expectations():
        judges.judge("only", expectation)
        told.append((expectation.expect, len(waited)))
    assert told == [("a-tenth-fails", 0), ("nothing-else", 0), ("by-books", 1), ("by-nobody", 1)]
