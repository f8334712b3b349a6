"""Claims of `always`: the same rules as for every other burst, over all that came back."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from harness.kube.client import Kube
from harness.run.always import StepChange, Watching, plan_for_watch
from harness.scenario.clusters import Pace
from harness.scenario.request_lines import parse_request
from harness.tests.run.test_judging import loaded, sender
from harness.traffic.outcome import Failure
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Judgement, Verdict

STEP = """\
        - expect: answers
          send: {from: webapp, request: GET http://books:7002/x}
          every: {status: 200, times: 1}
  always:
    - expect: all-the-time
      send: {from: webapp, request: GET http://books:7002/x}
"""


def watch(tmp_path: Path, claim: str, *fates: int | Failure) -> tuple[Judgement, int]:
    """The verdict on a claim that was watched for a moment, and how much of each body was asked for."""
    (line,) = loaded(tmp_path, f"{STEP}      {claim}\n").scenario.spec.always
    fake, plans = sender(*fates)
    watching = Watching(cast(Kube, None), line, fake, plan_for_watch(line, Pace.model_construct(), {"run.id": "ab"}))
    watching.begin()
    while len(watching._outcomes) < 1000:
        assert watching._thread is not None
        assert watching._thread.is_alive(), watching._error
        watching._thread.join(0.001)
    _, judgement, _ = watching.end(ErrorBounds())
    return judgement, plans[0].body_start_bytes


def test_all_that_came_back_is_judged(tmp_path: Path) -> None:
    judgement, _ = watch(tmp_path, "every: {status: 200}", 200)
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.total >= 1000


def test_one_failure_anywhere_breaks_every(tmp_path: Path) -> None:
    judgement, _ = watch(tmp_path, "every: {status: 200}", *[200] * 900, 503)
    assert judgement.verdict is Verdict.BROKEN


def test_requests_without_a_response_break_a_share_too(tmp_path: Path) -> None:
    judgement, _ = watch(tmp_path, "share: {of: {status: 5xx}, at-most: 0%, resolution: 1pp}", 200, Failure.RESET)
    assert judgement.verdict is Verdict.BROKEN
    assert "a response to each request" in judgement.promised


def test_bodies_are_kept_where_the_claim_looks_at_them(tmp_path: Path) -> None:
    assert watch(tmp_path, "every: {status: 200}", 200)[1] == 0
    assert watch(tmp_path, "every: {body-lacks: error}", 200)[1] > 0


def fell_into(tmp_path: Path, claim: str, *fates: int) -> list[str]:
    """What is told of a change that lasted for the second tenth of a second; a request is due every 10 ms."""
    (line,) = loaded(tmp_path, f"{STEP}      {claim}\n").scenario.spec.always
    fake, _ = sender(*fates)
    watching = Watching(cast(Kube, None), line, fake, plan_for_watch(line, Pace.model_construct(), {"run.id": "ab"}))
    watching.begin()
    while len(watching._outcomes) < 100:
        assert watching._thread is not None
        assert watching._thread.is_alive(), watching._error
        watching._thread.join(0.001)
    watching.end(ErrorBounds())
    change = StepChange("a new weight", watching._first + 0.0999, watching._first + 0.1999)
    return list(watching.fell_into([change]))


def test_each_change_is_told_with_the_requests_that_fell_into_it(tmp_path: Path) -> None:
    assert fell_into(tmp_path, "every: {status: 200}", 200) == [
        "10 requests fell into 'a new weight' (0.10 s), none of them wrong"
    ]
    assert fell_into(tmp_path, "every: {status: 200}", *[200] * 12, 503, *[200] * 9000) == [
        "10 requests fell into 'a new weight' (0.10 s), 1 of them wrong: 503 x 1"
    ]
    assert fell_into(tmp_path, "share: {of: {status: 5xx}, at-most: 5%, resolution: 5pp}", 200, 503) == [
        "10 requests fell into 'a new weight' (0.10 s), 5 of them responses with status 5xx"
    ]


def test_what_is_sent_all_the_time_has_its_values(tmp_path: Path) -> None:
    (line,) = loaded(tmp_path, f"{STEP}      every: {{status: 200}}\n").scenario.spec.always
    asks = line.send.model_copy(update={"request": parse_request("GET http://books:7002/${run.id}")})
    asked = line.model_copy(update={"send": asks})
    assert plan_for_watch(asked, Pace.model_construct(), {"run.id": "ab"}).request.url == "http://books:7002/ab"
