"""Weights that changed under a route's old name are proved by what is drawn."""

from __future__ import annotations

import math
import random
from typing import cast

import pytest

from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.changes import Change, NotYet
from harness.mesh.route_proof import MOST_DRAWS, ROUTE_COUNTER, log_odds, prove_shares, shares_changed
from harness.tests.mesh.fake_mesh import FakeMesh, pod, policy, series, witness


def route(**weights: int) -> JsonObject:
    backends = [{"name": name, "port": 7002, "weight": weight} for name, weight in weights.items()]
    parents = [{"group": "core", "kind": "Service", "name": "books", "port": 7002}]
    return policy("HTTPRoute", "split", {"parentRefs": parents, "rules": [{"backendRefs": backends}]})


def change(old: JsonObject, new: JsonObject) -> Change:
    return Change(ObjectRef.of(new), old, new)


def proof(changed: Change, drawing: dict[str, int], seed: int = 1) -> str:
    """What is said of a proxy that draws by these weights."""
    fake, chance = FakeMesh([pod("sender", "10.0.0.5")]), random.Random(seed)

    def send(url: str, times: int) -> None:
        for name in chance.choices(list(drawing), list(drawing.values()), k=times):
            labels = {"route_namespace": "booksapp", "route_name": "split", "backend_namespace": "booksapp"}
            fake.count("sender", series(ROUTE_COUNTER, **labels, backend_name=name, backend_port="7002"))

    shares = shares_changed(changed)
    assert shares is not None
    return prove_shares(cast(Kube, fake), changed, witness("sender", send), *shares)


@pytest.mark.parametrize("seed", range(20))
def test_new_weights_are_seen(seed: int) -> None:
    said = proof(change(route(a=90, b=10), route(a=50, b=50)), {"a": 50, "b": 50}, seed)
    assert "(a 90%/b 10% before, a 50%/b 50% now)" in said
    assert "cannot be told apart" not in said


@pytest.mark.parametrize("seed", range(20))
def test_old_weights_are_seen_too(seed: int) -> None:
    with pytest.raises(NotYet, match="still follows the old weights of HTTPRoute/split"):
        proof(change(route(a=90, b=10), route(a=50, b=50)), {"a": 90, "b": 10}, seed)


def test_a_backend_that_is_out_must_not_be_drawn() -> None:
    changed = change(route(a=50, b=50), route(a=0, b=100))
    assert "b x 20" in proof(changed, {"b": 1})
    with pytest.raises(NotYet):
        proof(changed, {"a": 50, "b": 50})


def test_weights_that_hardly_differ_are_said_to_be_unproved() -> None:
    said = proof(change(route(a=50, b=50), route(a=51, b=49)), {"a": 51, "b": 49})
    assert f"cannot be told apart by {MOST_DRAWS} requests" in said


def test_draws_that_neither_explains_are_said() -> None:
    assert "neither the old nor the new" in proof(change(route(a=50, b=50), route(a=0, b=100)), {"c": 1})


def test_only_changed_shares_count() -> None:
    assert shares_changed(change(route(a=1, b=1), route(a=50, b=50))) is None
    assert shares_changed(Change(ObjectRef.of(route(a=1)), None, route(a=1))) is None
    assert shares_changed(Change(ObjectRef.of(route(a=1)), route(a=1), None)) is None


def test_odds_are_those_of_the_draws() -> None:
    old, new = {("n", "a", "1"): 0.5, ("n", "b", "1"): 0.5}, {("n", "b", "1"): 1.0}
    assert log_odds({("n", "b", "1"): 3}, old, new) == pytest.approx(3 * math.log(2))
    assert log_odds({("n", "a", "1"): 1}, old, new) == -math.inf
    assert log_odds({("n", "a", "1"): 1}, new, old) == math.inf
    assert log_odds({("n", "c", "1"): 1}, old, new) is None
