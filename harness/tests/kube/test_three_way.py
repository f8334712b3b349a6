"""The patch that brings an object to a manifest without touching what others added."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kube.apply import Ledger, three_way
from harness.kube.objects import ObjectRef

SCALARS = st.one_of(st.integers(), st.text(max_size=3), st.booleans(), st.lists(st.integers(), max_size=2))
TREES = st.recursive(
    SCALARS, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8
).filter(lambda tree: isinstance(tree, dict))


def merged(live: Any, patch: Any) -> Any:
    """RFC 7386, literally."""
    if not isinstance(patch, dict):
        return patch
    out = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


@pytest.mark.parametrize(
    ("last", "desired", "live", "patch"),
    [
        ({}, {"a": 1}, {"a": 1, "b": 2}, {}),
        ({"b": 2}, {"a": 1}, {"a": 1, "b": 2}, {"b": None}),
        ({}, {"l": [1]}, {"l": [1, 2]}, {"l": [1]}),
        ({"m": {"x": 1}}, {"m": {"y": 2}}, {"m": {"x": 1, "z": 3}}, {"m": {"y": 2, "x": None}}),
    ],
    ids=["others-keys-stay", "dropped-key-goes", "lists-whole", "nested"],
)
def test_patch(last: Any, desired: Any, live: Any, patch: Any) -> None:
    assert three_way(last, desired, live) == patch


@given(desired=TREES, live=TREES)
def test_applying_the_patch_reaches_the_manifest_and_a_second_apply_is_empty(desired: Any, live: Any) -> None:
    after = merged(live, three_way({}, desired, live))
    assert three_way(desired, desired, after) == {}


def test_the_ledger_keeps_the_first_state_only() -> None:
    ledger, ref = Ledger(), ObjectRef("v1", "ConfigMap", "a", "b")
    ledger.remember(ref, None)
    ledger.remember(ref, {"data": {"x": "1"}})
    assert ledger.entries() == [(ref, None)]
