"""A state of pods is that of all of them: one that differs, or none at all, ends it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from harness.kube.client import Kube
from harness.run.states import judge_state
from harness.scenario.claims import ResourceState
from harness.verdict.judgement import Verdict


class Pods:
    """A cluster whose pods are seen in these states, one after the other, and then no more changes."""

    def __init__(self, *states: Mapping[str, bool]) -> None:
        self._states = list(states)

    def observe(self, *_: object, **__: object) -> Iterator[dict[str, Any]]:
        while len(self._states) > 1:
            yield shown(self._states.pop(0))
        yield from itertools.repeat(shown(self._states[0]), 1)


def shown(state: Mapping[str, bool]) -> dict[str, Any]:
    status = {True: "True", False: "False"}
    return {
        name: {
            "metadata": {"name": name},
            "status": {"conditions": [{"type": "Ready", "status": status[ready]}]},
        }
        for name, ready in state.items()
    }


def judged(claim: dict[str, str], *states: Mapping[str, bool]) -> tuple[Verdict, str]:
    state = ResourceState.model_validate({"pods": "ns/app=a", **claim})
    judgement = judge_state(cast(Kube, Pods(*states)), state)
    return judgement.verdict, judgement.seen


READY = {"condition": "Ready", "for": "100ms"}


def test_all_pods_ready_all_the_time_hold() -> None:
    assert judged(READY, {"a": True, "b": True}) == (Verdict.HOLDS, "Ready for 0.1 s without a break")


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({"a": True, "b": False}, "b is not Ready"),
        ({"a": False, "b": False}, "a is not Ready, b is not Ready"),
        ({}, "no pod"),
    ],
)
def test_one_pod_that_is_not_ready_or_none_breaks(last: dict[str, bool], told: str) -> None:
    verdict, seen = judged(READY, {"a": True, "b": True}, last)
    assert verdict is Verdict.BROKEN
    assert seen.endswith(f": {told}")


def test_not_ready_for_a_while_is_of_all_pods_too() -> None:
    unready = {"condition": "not Ready", "for": "100ms"}
    assert judged(unready, {"a": False})[0] is Verdict.HOLDS
    assert judged(unready, {"a": False}, {"a": False, "b": True})[0] is Verdict.BROKEN


def test_within_needs_all_of_them_at_once() -> None:
    soon = {"condition": "Ready", "within": "100ms"}
    assert judged(soon, {"a": True, "b": False}, {"a": True, "b": True})[0] is Verdict.HOLDS
    verdict, seen = judged(soon, {"a": True, "b": False})
    assert (verdict, seen) == (Verdict.BROKEN, "not within 0.1 s: b is not Ready")
