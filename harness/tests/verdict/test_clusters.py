"""Responses that depend on each other hold a verdict back; the traps of traffic-verdicts 3.6 and 3.7, simulated."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from harness.verdict import Cause, Clusters, ErrorBounds, Share, ShareJudge, Verdict

TENTH = Share(target=0.1, resolution=0.05)
Source = Iterator[tuple[bool, int | None]]


def judged(responses: Source, claim: Share = TENTH, *, guarded: bool = True, batch: int = 50) -> ShareJudge:
    clusters = Clusters()
    judge = ShareJudge(claim, ErrorBounds(), clustering=clusters.design_effect if guarded else None)
    while judge.verdict is None:
        seen = [next(responses) for _ in range(batch)]
        for hit, connection in seen:
            clusters.add(hit, connection)
        judge.add(sum(hit for hit, _ in seen), len(seen))
    return judge


def independent(source: random.Random, rate: float, connections: int = 16) -> Source:
    while True:
        yield source.random() < rate, source.randrange(connections)


def per_connection(source: random.Random, rate: float, connections: int, kept_for: int) -> Source:
    """L4 balancing: the backend is drawn when a connection opens, and requests take any open connection."""
    numbers = list(range(connections))
    hits = [source.random() < rate for _ in numbers]
    left, fresh = [kept_for] * connections, connections
    while True:
        place = source.randrange(connections)
        yield hits[place], numbers[place]
        left[place] -= 1
        if not left[place]:
            hits[place], numbers[place], left[place], fresh = source.random() < rate, fresh, kept_for, fresh + 1


def bursts(source: random.Random, rate: float, length: int) -> Source:
    """A Markov chain: failures come `length` at a time on average."""
    hit, stay = False, 1 - 1 / length
    while True:
        hit = source.random() < (stay if hit else rate / (1 - rate) / length)
        yield hit, None


def smooth(rate_in: int) -> Source:
    """Weighted round robin: every so many-th request is a hit."""
    number = 0
    while True:
        number += 1
        yield number % rate_in == 0, 0


def verdicts(make: Callable[[random.Random], Source], runs: int, *, guarded: bool = True) -> list[ShareJudge]:
    return [judged(make(random.Random(seed)), guarded=guarded) for seed in range(runs)]


def share(judges: list[ShareJudge], verdict: Verdict) -> float:
    return sum(judge.verdict is verdict for judge in judges) / len(judges)


def test_independent_responses_are_judged_as_without_the_guard() -> None:
    guarded = verdicts(lambda source: independent(source, 0.1), 20)
    plain = verdicts(lambda source: independent(source, 0.1), 20, guarded=False)
    assert share(guarded, Verdict.HOLDS) == 1
    assert (
        sum(a.total == b.total for a, b in zip(guarded, plain, strict=True)) >= 19
    )  # chance 1/1000 each to be accused


@pytest.mark.parametrize("kept_for", [10**9, 100])
def test_a_backend_per_connection_breaks_nothing_that_can_be_seen_to_stick(kept_for: int) -> None:
    """Where all connections happen to lead to one backend nothing differs, so nothing can be seen: docs/verdicts.md."""
    claim = Share(target=0.5, resolution=0.1)
    plain: list[ShareJudge] = []
    guarded: list[ShareJudge] = []
    for seed in range(16):
        for guard, judges in ((False, plain), (True, guarded)):
            judge = judged(per_connection(random.Random(seed), 0.5, 8, kept_for), claim, guarded=guard)
            judges += [judge] if 0 < judge.hits < judge.total else []
    assert share(plain, Verdict.BROKEN) > 0.1  # the trap: a mesh that does as promised is called broken
    assert share(guarded, Verdict.BROKEN) == 0
    assert Cause.DEPENDENT in {judge.cause for judge in guarded}


def test_a_fresh_connection_for_each_request_is_the_cure() -> None:
    assert share(verdicts(lambda source: per_connection(source, 0.1, 16, 1), 20), Verdict.HOLDS) == 1


@pytest.mark.parametrize(("length", "most_broken"), [(2, 0.0), (5, 0.07)])
def test_bursts_break_nothing_that_keeps_its_share(length: int, most_broken: float) -> None:
    judges = verdicts(lambda source: bursts(source, 0.1, length), 16)
    assert share(judges, Verdict.BROKEN) <= most_broken


def test_bursts_at_the_edge_are_not_said_to_hold() -> None:
    guarded = verdicts(lambda source: bursts(source, 0.15, 5), 40)
    plain = verdicts(lambda source: bursts(source, 0.15, 5), 40, guarded=False)
    assert share(plain, Verdict.HOLDS) > 0.1  # the trap
    assert share(guarded, Verdict.HOLDS) <= 0.05


def test_round_robin_is_decided_sooner_not_later() -> None:
    judge = judged(smooth(10))
    assert judge.verdict is Verdict.HOLDS
    assert judge.total <= 700


def test_a_fault_that_is_not_there_is_broken_as_early_as_ever() -> None:
    judge = judged(independent(random.Random(1), 0.0))
    assert (judge.verdict, judge.total) == (Verdict.BROKEN, 300)


def test_a_known_design_effect_is_not_looked_for() -> None:
    with pytest.raises(ValueError, match="known before or found"):
        ShareJudge(TENTH, design_effect=1.25, clustering=lambda: 2.0)


def slow_failures(source: random.Random, timeout: float, rate: float = 500.0) -> Iterator[tuple[float, bool]]:
    """When each of 3,500 responses comes, and whether it is a failure, which takes until the timeout."""
    for index in range(3500):
        failed = source.random() < 0.1
        yield index / rate + (timeout if failed else 0.005), failed


def test_only_issue_order_is_right_about_slow_failures() -> None:
    """3.7: in the order of arrival the early ones are all fast successes, and the verdict is wrong every time."""
    by_arrival: list[Verdict | None] = []
    by_issue: list[Verdict | None] = []
    for seed in range(6):
        came = list(slow_failures(random.Random(seed), timeout=1.0))
        for order, judges in ((sorted(came), by_arrival), (came, by_issue)):
            judge = ShareJudge(TENTH)
            for _, failed in order:
                judge.add(int(failed), 1)
            judge.finish()
            judges.append(judge.verdict)
    assert set(by_arrival) == {Verdict.BROKEN}
    assert set(by_issue) == {Verdict.HOLDS}
