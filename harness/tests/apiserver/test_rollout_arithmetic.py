"""The arithmetic of a rollout, by simulation: any number of steps, pods that become ready in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.embedded.controllers.rollout import Bounds, Scaled, recreate_step, rolling_bounds, rolling_step


@pytest.mark.parametrize(
    ("desired", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", Bounds(10, 3, 2)),
        (1, "25%", "25%", Bounds(1, 1, 0)),
        (3, 0, "10%", Bounds(3, 0, 1)),
        (2, 1, 5, Bounds(2, 1, 2)),
        (0, "25%", "25%", Bounds(0, 0, 0)),
    ],
)
def test_bounds_round_surge_up_and_unavailability_down(
    desired: int, surge: int | str, unavailable: int | str, expected: Bounds
) -> None:
    assert rolling_bounds(desired, surge, unavailable) == expected


@given(st.data(), st.integers(1, 12), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3))
def test_every_rollout_ends_and_stays_within_its_bounds(
    data: st.DataObject, desired: int, surge: int, unavailable: int, broken: int
) -> None:
    bounds = rolling_bounds(desired, surge, unavailable)
    sets = {"old": [desired, desired], "broken": [min(broken, bounds.most - desired), 0], "new": [0, 0]}
    for _ in range(200):
        served = sum(ready for _, ready in sets.values())
        old = [Scaled(name, *sets[name]) for name in ("old", "broken")]
        step = rolling_step(bounds, Scaled("new", *sets["new"]), old)
        for name, replicas in step.items():
            sets[name] = [replicas, min(replicas, sets[name][1])]
        assert sum(replicas for replicas, _ in sets.values()) <= bounds.most
        assert sum(ready for _, ready in sets.values()) >= min(bounds.fewest_available, served)
        waiting = sets["new"][0] - sets["new"][1]
        if not step and not waiting:
            break
        sets["new"][1] += data.draw(st.integers(0 if step else 1, waiting)) if waiting else 0
    assert sets == {"old": [0, 0], "broken": [0, 0], "new": [desired, desired]}


def test_pods_that_serve_nobody_go_first() -> None:
    old = [Scaled("good", 3, 3), Scaled("broken", 1, 0)]
    assert rolling_step(Bounds(3, 1, 0), Scaled("new", 0, 0), old) == {"broken": 0}


def test_recreate_waits_until_the_last_old_pod_is_gone() -> None:
    assert recreate_step(2, Scaled("new", 0, 0), [Scaled("old", 2, 2)], old_pods_left=True) == {"old": 0}
    assert recreate_step(2, Scaled("new", 0, 0), [Scaled("old", 0, 0)], old_pods_left=True) == {}
    assert recreate_step(2, Scaled("new", 0, 0), [Scaled("old", 0, 0)], old_pods_left=False) == {"new": 2}
