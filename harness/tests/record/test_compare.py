"""What two runs say about each other: only intervals of the same thing, and latencies of all responses."""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from harness.errors import Exit
from harness.record import Recorder, writer
from harness.record.compare import Compared, compare
from harness.record.reader import Record, read_record
from harness.run import events as ev
from harness.run.counting import counting
from harness.scenario.latency import Latency
from harness.traffic.outcome import Outcome
from harness.traffic.plan import Request
from harness.verdict import Cause, ErrorBounds, Share, SplitJudge
from harness.verdict.judgement import Judgement
from harness.verdict.share import ShareJudge


def split(promised: Mapping[str, float], seed: int) -> Judgement:
    """The verdict on a system that keeps its promise."""
    source, judge = random.Random(seed), SplitJudge(promised, 0.05)
    names, weights = list(promised), list(promised.values())
    while judge.verdict is None:
        drawn = source.choices(names, weights, k=20)
        judge.add({name: drawn.count(name) for name in names})
    return judge.judgement("responses")


def share(promised: float, hits: int, total: int) -> Judgement:
    judge = ShareJudge(Share(target=promised, resolution=0.05))
    judge.add(hits, total)
    judge.finish(Cause.TOO_LITTLE)
    return judge.judgement("responses")


def differ(before: Judgement, after: Judgement) -> bool:
    return Compared("s", "e", before, after, (None, None)).differs


def test_runs_of_equal_systems_do_not_differ_by_the_part_that_decides() -> None:
    told = [split({"a": 0.5, "b": 0.3, "c": 0.2}, seed) for seed in range(12)]
    assert len({round(one.hits / one.total, 1) for one in told}) > 1, "else the same part decides each"
    assert not any(differ(before, after) for before, after in permutations(told, 2))


def test_one_part_that_is_elsewhere_now_differs() -> None:
    kept, moved = SplitJudge({"a": 0.5, "b": 0.5}, 0.05), SplitJudge({"a": 0.5, "b": 0.5}, 0.05)
    kept.add({"a": 5000, "b": 5000})
    moved.add({"a": 9000, "b": 1000})
    assert differ(kept.judgement("responses"), moved.judgement("responses"))


def test_a_share_that_is_another_one_differs_but_not_another_claim() -> None:
    before, after = share(0.1, 100, 1000), share(0.1, 900, 1000)
    assert differ(before, after)
    assert not differ(before, share(0.9, 900, 1000))


def latency(seconds: float, beyond: float) -> Judgement:
    """The verdict on the same claim for responses of which a share is this slow."""
    outcome = Outcome(index=0, scheduled=0, lag=0, latency=0.01, service_time=0.01, status=200)
    slow = replace(outcome, latency=seconds, service_time=seconds)
    count = counting(Latency.model_validate({"p50": "..20ms", "p99": "..300ms"}), ErrorBounds())
    count.feed([slow if index < beyond * 5000 else outcome for index in range(5000)])
    count.finish(Cause.TOO_LITTLE)
    return count.judgement(5000)


def test_each_bound_of_a_latency_is_compared_with_itself() -> None:
    held, often, rarely = latency(0.01, 0), latency(0.1, 0.9), latency(0.5, 0.4)
    assert not differ(held, held)
    assert differ(held, often), "by the median"
    assert differ(often, rarely), "by both"
    assert not differ(latency(0.5, 0.4), latency(0.5, 0.41))


def recorded(path: Path, latencies: list[float]) -> Record:
    """One expectation and its burst with these latencies."""
    outcomes = tuple(
        Outcome(index=index, scheduled=index / 100, lag=0, latency=seconds, service_time=seconds, status=200)
        for index, seconds in enumerate(latencies)
    )
    with Recorder(path) as record:
        record(ev.RunStarted("embedded", "linkerd-2.14", ("s",)))
        record(ev.RequestsMade("s", "t", "e", "x", Request(url="http://books/"), 100, 0, outcomes))
        record(ev.ExpectationJudged(ev.ExpectationResult("s", "t", "e", "s.yaml:1", share(0.1, 100, 1000), 1.0)))
        record(ev.RunFinished(Exit.HELD, 1.0, ""))
    return read_record(path)


@pytest.mark.parametrize("individually", [1000, 0])
def test_the_median_is_that_of_all_responses(
    individually: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_OUTCOMES_OF_A_BURST", individually)
    record = recorded(tmp_path / "run.ndjson.gz", [0.01] * 1000 + [0.5] * 1500)
    (compared,) = compare(record, record)
    assert list(compared.medians) == pytest.approx([0.5, 0.5], rel=0.03)
