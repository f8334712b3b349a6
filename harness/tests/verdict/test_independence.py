"""Per-connection choice and bursts are noticed; independent and regular responses are not accused."""

import random
from collections import Counter
from itertools import pairwise, permutations

import pytest

from harness.verdict import Dependence, Runs


def seen(responses: list[bool]) -> Dependence:
    runs = Runs()
    runs.add(responses)
    return runs.dependence()


def count_runs(responses: tuple[bool, ...]) -> int:
    return 1 + sum(a is not b for a, b in pairwise(responses))


@pytest.mark.parametrize(("hits", "misses"), [(1, 5), (3, 3), (2, 5), (4, 3)])
def test_the_chance_of_few_runs_is_exact(hits: int, misses: int) -> None:
    arrangements = sorted(set(permutations([True] * hits + [False] * misses)))
    by_runs = Counter(count_runs(arrangement) for arrangement in arrangements)
    for arrangement in arrangements:
        fewer = sum(times for runs, times in by_runs.items() if runs <= count_runs(arrangement))
        assert seen(list(arrangement)).chance == pytest.approx(fewer / len(arrangements))


def test_independent_responses_are_accused_no_more_often_than_promised() -> None:
    source = random.Random(11)
    runs = [seen([source.random() < 0.1 for _ in range(300)]) for _ in range(600)]
    accused = sum(run.warning(level=0.02) is not None for run in runs)
    assert accused <= 12 + 3 * 12**0.5  # 600 x 0.02, and three deviations of the simulation itself


def test_connections_that_are_kept_for_twenty_requests_are_noticed() -> None:
    source = random.Random(5)
    responses = [hit for _ in range(40) for hit in [source.random() < 0.1] * 20]
    warning = seen(responses).warning()
    assert warning is not None
    assert "800 of them are worth about" in warning
    assert "connection" in warning


def test_bursts_are_noticed_and_their_design_effect_is_theirs() -> None:
    source, responses, hit = random.Random(3), [], False
    for _ in range(4000):  # a Markov chain: failures come five at a time, one tenth of all
        hit = source.random() < (0.8 if hit else 0.2 / 9)
        responses.append(hit)
    dependence = seen(responses)
    assert dependence.warning() is not None
    assert dependence.correlation == pytest.approx(0.8 - 0.2 / 9, abs=0.06)
    assert dependence.design_effect == pytest.approx(8, rel=0.35)


def test_round_robin_is_not_accused() -> None:
    dependence = seen([number % 10 == 0 for number in range(1000)])
    assert dependence.warning() is None
    assert dependence.design_effect == 1


@pytest.mark.parametrize("responses", [[], [True], [False] * 700, [True] * 700])
def test_responses_all_alike_say_nothing(responses: list[bool]) -> None:
    assert seen(responses).warning() is None


def test_batches_do_not_matter() -> None:
    source = random.Random(2)
    responses = [source.random() < 0.3 for _ in range(200)]
    parts = Runs()
    for start in range(0, 200, 7):
        parts.add(responses[start : start + 7])
    assert parts.dependence() == seen(responses)
