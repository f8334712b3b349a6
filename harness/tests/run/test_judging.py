"""Expectations judged from a sender's stream: what is counted, what is not, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from harness.dialect import LINKERD_2_14
from harness.errors import ClusterLost
from harness.forecast.effort import effort_of
from harness.forecast.tested import bounds_of
from harness.kube.client import Kube
from harness.mesh.metrics import MeshedPod
from harness.run.bursts import plan_for_send
from harness.run.counting import counting
from harness.run.judging import Judging
from harness.run.looked_at import NOTHING
from harness.run.senders import Sender
from harness.scenario.clusters import Pace
from harness.scenario.loading import LoadedScenario, load
from harness.traffic.client import SenderClient
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import ALL_HEADERS, Plan
from harness.traffic.stream import Batch, Start, Summary, encode
from harness.verdict.budget import alpha_of_each
from harness.verdict.claims import ErrorBounds
from harness.verdict.judgement import Cause, Verdict

HEAD = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: made-up}
spec:
  description: Made up.
  senders:
    webapp: {namespace: booksapp, serviceAccount: webapp, meshed: false}
  steps:
    - name: only
      then:
"""
SHARE = """\
        - expect: a-tenth-fails
          send: {from: webapp, request: GET http://books:7002/x}
          share: {of: {status: 500}, is: 10%, resolution: 5pp}
        - expect: nothing-else
          about: a-tenth-fails
          every: {status: [200, 500]}
"""
EVERY = """\
        - expect: always-200
          send: {from: webapp, request: GET http://books:7002/x}
          every: {status: 200, times: 20}
"""


def outcome(index: int, status: int | None, error: Failure | None = None, **more: Any) -> Outcome:
    usual: dict[str, Any] = {"lag": 0.0, "latency": 0.01, "service_time": 0.01}
    return Outcome(index=index, scheduled=index / 100, status=status, error=error, **{**usual, **more})


def reported(answer: Outcome, plan: Plan) -> Outcome:
    """What a sender reports of an answer: no more than the plan keeps."""
    kept = {n: v for n, v in answer.headers.items() if n in plan.keep_headers or ALL_HEADERS in plan.keep_headers}
    return replace(answer, headers=kept, body_start=answer.body_start[: plan.body_start_bytes])


def sender(*fates: int | Failure, connections: int | None = None, **more: Any) -> tuple[Sender, list[Plan]]:
    """A sender whose requests meet these fates, again and again, up to the plan's limit.

    connections  how many it uses in turn; None if it does not say
    more         fields of every outcome
    """

    def made_of(index: int, fate: int | Failure) -> Outcome:
        known = more if connections is None else {**more, "connection": index % connections}
        if isinstance(fate, Failure):
            return outcome(index, None, fate, **known)
        return outcome(index, fate, **known)

    plans: list[Plan] = []

    @contextmanager
    def open_stream(body: bytes) -> Iterator[Iterator[bytes]]:
        plan = Plan.decode(body)
        plans.append(plan)
        yield lines(plan)

    def lines(plan: Plan) -> Iterator[bytes]:
        yield encode(Start(0.0))
        for first in range(0, plan.limit, 10):
            numbers = range(first, min(first + 10, plan.limit))
            made = (fates[n % len(fates)] for n in numbers)
            answers = (made_of(n, fate) for n, fate in zip(numbers, made, strict=True))
            yield encode(Batch(first, tuple(reported(answer, plan) for answer in answers)))
        yield encode(
            Summary(
                requests=plan.limit,
                not_sent=0,
                resent=0,
                lag_p99=0.0,
                achieved_rate=100.0,
                seconds=1.0,
                cpu_seconds=0.1,
            )
        )

    pod = MeshedPod("booksapp", "sender-webapp", "uid", "")
    return Sender("webapp", pod, meshed=False, client=SenderClient(open_stream)), plans


def loaded(tmp_path: Path, expectations: str) -> LoadedScenario:
    path = tmp_path / "made-up.yaml"
    path.write_text(HEAD + expectations, encoding="utf-8")
    return load(path)


def judging(scenario: LoadedScenario, fake: Sender, **more: Any) -> Judging:
    settings: dict[str, Any] = {
        "pace": Pace.model_construct(),
        "dialect": LINKERD_2_14,
        "emit": lambda event: None,
        "check": lambda: None,
    }
    return Judging(scenario, cast(Kube, None), {"webapp": fake}, **{**settings, **more})


def judge_all(tmp_path: Path, expectations: str, *fates: int | Failure, **more: Any) -> list[Any]:
    scenario = loaded(tmp_path, expectations)
    fake, _ = sender(*fates)
    judges = judging(scenario, fake, **more)
    return [judges.judge("only", expectation) for _, expectation in scenario.scenario.expectations()]


def test_a_share_holds_and_a_second_question_is_asked_of_the_same_responses(tmp_path: Path) -> None:
    share, every = judge_all(tmp_path, SHARE, *[200] * 9, 500)
    assert (share.verdict, every.verdict) == (Verdict.HOLDS, Verdict.HOLDS)
    assert share.requests == share.judgement.total
    assert every.requests == 0
    assert every.judgement.total == share.judgement.total
    assert share.place == f"{tmp_path / 'made-up.yaml'}:11"


def test_a_second_question_can_break_alone(tmp_path: Path) -> None:
    share, every = judge_all(tmp_path, SHARE, *[200] * 8, 204, 500)
    assert (share.verdict, every.verdict) == (Verdict.HOLDS, Verdict.BROKEN)
    assert "204" in every.judgement.seen


def test_no_failure_at_all_is_broken_early(tmp_path: Path) -> None:
    share, _ = judge_all(tmp_path, SHARE, 200)
    assert share.verdict is Verdict.BROKEN
    assert share.requests <= 400
    assert share.answered == f"200 x {share.requests}"


def test_lost_requests_are_no_evidence_for_a_share_but_have_a_bound_of_their_own(tmp_path: Path) -> None:
    share, _ = judge_all(tmp_path, SHARE, *[200] * 8, 500, Failure.RESET)
    assert share.verdict is Verdict.BROKEN
    assert "a response to each request" in share.judgement.promised


def test_a_lost_request_breaks_every(tmp_path: Path) -> None:
    (every,) = judge_all(tmp_path, EVERY, *[200] * 5, Failure.TIMEOUT)
    assert every.verdict is Verdict.BROKEN
    assert "timeout" in every.judgement.seen


def test_every_asks_as_often_as_written(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, EVERY)
    fake, plans = sender(200)
    judges = judging(scenario, fake)
    result = judges.judge("only", scenario.scenario.expectation("always-200"))
    assert (result.verdict, result.requests, plans[0].limit) == (Verdict.HOLDS, 20, 20)


def test_a_sender_that_cannot_follow_is_inconclusive_because_it_is_late(tmp_path: Path) -> None:
    (every,) = judge_all(tmp_path, EVERY, 200, Failure.NOT_SENT)
    assert every.verdict is Verdict.INCONCLUSIVE
    assert every.judgement.cause is Cause.LATE


def test_the_profile_slows_the_rate(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, EVERY)
    fake, plans = sender(200)
    judges = judging(scenario, fake, pace=Pace.model_validate({"max-rate": "7/s"}))
    judges.judge("only", scenario.scenario.expectation("always-200"))
    assert plans[0].rate_per_second == 7


def test_a_fresh_connection_for_each_request_is_asked_for(tmp_path: Path) -> None:
    for written, fresh in (("", False), (", connections: kept", False), (", connections: fresh", True)):
        scenario = loaded(tmp_path, EVERY.replace("books:7002/x}", f"books:7002/x{written}}}"))
        fake, plans = sender(200)
        judging(scenario, fake).judge("only", scenario.scenario.expectation("always-200"))
        assert plans[0].fresh_connections is fresh


def test_nothing_is_called_broken_on_a_cluster_that_has_died(tmp_path: Path) -> None:
    def died() -> None:
        raise ClusterLost("Envoy was killed")

    with pytest.raises(ClusterLost, match="Envoy was killed"):
        judge_all(tmp_path, EVERY, 503, check=died)


SAVING = """\
        - expect: what-was-made-can-be-read
          each:
            from: webapp
            times: 1
            rows:
              - {request: POST http://books:7002/books.json, status: 201, save: {book: json.id}}
              - {request: "GET http://books:7002/books/${book}.json", status: 200}
        - expect: and-again
          send: {from: webapp, request: "GET http://books:7002/books/${book}.json"}
          every: {status: 200, times: 5}
"""


def test_what_needs_a_value_that_nothing_has_saved_is_not_asked(tmp_path: Path) -> None:
    table, later = judge_all(tmp_path, SAVING, 503)
    assert table.verdict is Verdict.BROKEN
    assert table.requests == 1
    assert "it was not asked, because nothing has saved the value 'book'" in table.judgement.seen
    assert (later.verdict, later.requests) == (Verdict.INCONCLUSIVE, 0)


def test_a_second_question_about_what_was_not_asked_has_no_answer(tmp_path: Path) -> None:
    asked = "        - expect: of-that\n          about: and-again\n          every: {by: app}\n"
    *_, second = judge_all(tmp_path, SAVING + asked, 503)
    assert second.verdict is Verdict.INCONCLUSIVE


def late(tmp_path: Path, claim: str, lag: float) -> Any:
    """The verdict on a claim whose every response took 0.3 s, `lag` of it because the sender was late."""
    scenario = loaded(
        tmp_path,
        f"""\
        - expect: soon
          send: {{from: webapp, request: GET http://books:7002/x}}
          {claim}
""",
    )
    fake, _ = sender(200, latency=0.3, lag=lag, service_time=0.3 - lag)
    return judging(scenario, fake).judge("only", scenario.scenario.expectation("soon"))


@pytest.mark.parametrize(
    ("claim", "in_time", "too_late"),
    [
        ("latency: {p90: ..200ms}", Verdict.BROKEN, Verdict.INCONCLUSIVE),
        # «At least so slow» counts from when a request really left: lag cannot make it true, and does not hide it.
        ("latency: {p90: 200ms..}", Verdict.HOLDS, Verdict.BROKEN),
        ("latency: {p90: 140ms..}", Verdict.HOLDS, Verdict.HOLDS),
        ("every: {faster-than: 200ms}", Verdict.BROKEN, Verdict.INCONCLUSIVE),
        # What holds or breaks although the sender was late stands.
        ("latency: {p90: ..100ms}", Verdict.BROKEN, Verdict.BROKEN),
        ("latency: {p90: ..900ms}", Verdict.HOLDS, Verdict.HOLDS),
        ("latency: {p90: 900ms..}", Verdict.BROKEN, Verdict.BROKEN),
        ("every: {faster-than: 900ms}", Verdict.HOLDS, Verdict.HOLDS),
        ("every: {faster-than: 100ms}", Verdict.BROKEN, Verdict.BROKEN),
    ],
)
def test_a_verdict_that_lag_may_have_caused_is_refused(
    tmp_path: Path, claim: str, in_time: Verdict, too_late: Verdict
) -> None:
    assert late(tmp_path, claim, 0.001).verdict is in_time
    result = late(tmp_path, claim, 0.15)
    assert result.verdict is too_late
    assert (result.judgement.cause is Cause.LATE) is (too_late is Verdict.INCONCLUSIVE)
    assert any("left 150 ms late or more" in note for note in result.notes)


def test_a_run_keeps_its_budget_however_many_claims_it_makes(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SHARE)
    fake, _ = sender(*[200] * 9, 500)
    judges = judging(scenario, fake, alpha=alpha_of_each(1000, 1e-4))
    for _, expectation in scenario.scenario.expectations():
        judges.judge("only", expectation)
    assert judges.alphas == pytest.approx([1e-7, 0.0])
    assert alpha_of_each(3) == ErrorBounds().alpha


def test_responses_that_stick_to_their_connection_are_no_evidence(tmp_path: Path) -> None:
    """Four connections to one backend each: a tenth of the share is claimed, a quarter is seen, nothing is decided."""
    scenario = loaded(tmp_path, SHARE)
    fake, _ = sender(200, 200, 200, 500, connections=4)
    result = judging(scenario, fake).judge("only", scenario.scenario.expectation("a-tenth-fails"))
    assert (result.verdict, result.judgement.cause) == (Verdict.INCONCLUSIVE, Cause.DEPENDENT)
    assert any("backend chosen per connection" in note for note in result.notes)


SPLIT = """\
        - expect: split
          send: {from: webapp, request: GET http://books:7002/x, connections: %s}
          split: {header: {server: {a: 90%%, b: 10%%}}, resolution: 5pp}
"""


@pytest.mark.parametrize(("connections", "verdict"), [(8, Verdict.INCONCLUSIVE), (400, Verdict.BROKEN)])
def test_outside_the_mesh_a_few_connections_that_drew_alike_are_no_evidence(
    tmp_path: Path, connections: int, verdict: Verdict
) -> None:
    """That none of eight draws is the one in ten is no surprise; of four hundred it is out of the question."""
    scenario = loaded(tmp_path, SHARE)
    fake, _ = sender(200, connections=connections)
    result = judging(scenario, fake).judge("only", scenario.scenario.expectation("a-tenth-fails"))
    assert result.verdict is verdict
    assert any("write connections: fresh" in note for note in result.notes)


@pytest.mark.parametrize(("kind", "verdict"), [("kept", Verdict.INCONCLUSIVE), ("fresh", Verdict.BROKEN)])
def test_so_it_is_with_a_split_unless_connections_are_fresh(tmp_path: Path, kind: str, verdict: Verdict) -> None:
    scenario = loaded(tmp_path, SPLIT % kind)
    fake, _ = sender(200, connections=8, headers={"server": "a"})
    result = judging(scenario, fake).judge("only", scenario.scenario.expectation("split"))
    assert result.verdict is verdict


def test_a_bound_on_one_side_is_no_claim_about_a_draw(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SHARE.replace("is: 10%, resolution: 5pp", "at-most: 1%, resolution: 1pp"))
    fake, _ = sender(200, connections=2)
    result = judging(scenario, fake).judge("only", scenario.scenario.expectation("a-tenth-fails"))
    assert result.verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("claim", "least"),
    [
        ("every: {status: 200, times: 30}", 30),
        ("share: {of: {status: 500}, is: 10%, resolution: 5pp}", 634),
        ("share: {of: {status: 500}, is: 10%, resolution: 5pp}\n          verdict: {miss: 10%}", 212),
        ("split: {body-has: {a: 90%, b: 10%}, resolution: 5pp}", 634),
        ("latency: {p50: ..1s}", 10),
        ("latency: {p99: ..1s}", 688),
    ],
)
def test_what_a_claim_takes_is_known_beforehand(tmp_path: Path, claim: str, least: int) -> None:
    step = (
        f"        - expect: x\n          send: {{from: webapp, request: GET http://books:7002/x}}\n          {claim}\n"
    )
    scenario = loaded(tmp_path, step).scenario
    promise = scenario.expectation("x")
    effort = effort_of(scenario, promise, Pace.model_construct())
    assert effort is not None
    assert effort.least == pytest.approx(least, abs=1)
    judge = promise.every or promise.share or promise.split or promise.latency
    assert judge is not None
    assert effort.most == counting(judge, bounds_of(scenario, promise)).limit


def test_no_claim_sends_more_than_a_sender_does(tmp_path: Path) -> None:
    """The budget of 50% told from 50.1% is above eleven million."""
    send = loaded(tmp_path, SHARE).scenario.expectation("a-tenth-fails").send
    assert send is not None
    assert plan_for_send(send, NOTHING, Pace(), 11_000_000).limit == 1_000_000
