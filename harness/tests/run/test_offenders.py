"""Which requests are shown when an expectation breaks: those that speak against it, three of different kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from harness.kube.client import Kube
from harness.run import events as ev
from harness.tests.run.test_judging import judging, loaded, sender
from harness.traffic.outcome import Failure
from harness.verdict.judgement import Verdict


class NoPods:
    """A cluster in which nothing runs.

    objects  those that decide what its mesh does
    """

    def __init__(self, objects: Sequence[dict[str, Any]] = ()) -> None:
        self._objects = objects

    def get(self, ref: object) -> None:
        return None

    def objects(self, *arguments: object) -> list[Any]:
        return []

    def objects_if_served(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        return [obj for obj in self._objects if (obj["apiVersion"], obj["kind"]) == (api_version, kind)]


def explained(
    tmp_path: Path, claim: str, *fates: int | Failure, objects: Sequence[dict[str, Any]] = (), **more: Any
) -> ev.FailureExplained:
    """What is told of a claim that these fates break.

    objects  what is on the cluster
    more     fields of every outcome
    """
    scenario = loaded(tmp_path, claim)
    fake, _ = sender(*fates, **more)
    judges = judging(scenario, fake)
    results = [judges.judge("only", expectation) for _, expectation in scenario.scenario.expectations()]
    (broken,) = (result for result in results if result.verdict is Verdict.BROKEN)
    judges.kube = cast(Kube, NoPods(objects))
    return judges.explain(broken)


EVERY = """\
        - expect: always-200
          send: {from: webapp, request: GET http://books:7002/x, headers: {x-a: "1"}}
          every: {status: 200, times: 20}
"""
SHARE = """\
        - expect: a-share
          send: {from: webapp, request: GET http://books:7002/x}
          share: {of: {status: 500}, %s, resolution: 5pp}
"""
TABLE = """\
        - expect: rows
          each:
            to: http://books:7002
            from: webapp
            times: 4
            rows:
              - {request: GET /x, status: [200, 404]}
              - {request: GET /y, status: 200}
"""
ABOUT = """\
        - expect: a-share
          send: {from: webapp, request: GET http://books:7002/x}
          share: {of: {status: 500}, at-most: 60%, resolution: 5pp}
        - expect: nothing-else
          about: a-share
          every: {status: [200, 500]}
"""


def test_every_shows_what_lacks_the_property(tmp_path: Path) -> None:
    (offence,) = explained(tmp_path, EVERY, 200, 200, 404).offences
    assert {outcome.status for outcome in offence.outcomes} == {404}
    assert (offence.method, offence.url, offence.headers) == ("GET", "http://books:7002/x", (("x-a", "1"),))
    assert offence.rule == "no responses with status 200"
    assert offence.total == 10
    assert offence.offending == 3


@pytest.mark.parametrize(
    ("claim", "fates", "shown", "rule"),
    [
        ("at-most: 5%", (500,), {500}, "too many responses with status 500"),
        ("is: 20%", (500,), {500}, "too many responses with status 500"),
        ("is: 50%", (200,), {200}, "too few responses with status 500; these are others"),
        ("at-least: 90%", (200,), {200}, "too few responses with status 500; these are others"),
    ],
)
def test_a_share_shows_what_is_too_many_or_in_the_way(
    tmp_path: Path, claim: str, fates: tuple[int, ...], shown: set[int], rule: str
) -> None:
    (offence,) = explained(tmp_path, SHARE % claim, *fates).offences
    assert {outcome.status for outcome in offence.outcomes} == shown
    assert offence.rule == rule
    assert len(offence.outcomes) == 3


def test_a_table_shows_the_rows_that_broke_it(tmp_path: Path) -> None:
    (offence,) = explained(tmp_path, TABLE, 200, 404).offences
    assert offence.url == "http://books:7002/y"
    assert offence.case == "row 2: responses with status 200"
    assert [outcome.status for outcome in offence.outcomes] == [404, 404]


def test_different_kinds_come_before_more_of_the_same(tmp_path: Path) -> None:
    (offence,) = explained(tmp_path, EVERY, 500, 500, 500, 500, 404, Failure.RESET).offences
    assert [(outcome.status, outcome.error) for outcome in offence.outcomes] == [
        (500, None),
        (404, None),
        (None, Failure.RESET),
    ]


def test_a_second_question_shows_requests_of_the_first(tmp_path: Path) -> None:
    (offence,) = explained(tmp_path, ABOUT, 200, 500, 302).offences
    assert {outcome.status for outcome in offence.outcomes} == {302}
