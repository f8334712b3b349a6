"""The oracle says of a survivor that no client can tell, or names the request that can."""

from __future__ import annotations

from typing import Any

import pytest

from harness.dialect import LINKERD_2_14
from harness.prove.edits import Edit
from harness.prove.equivalence import Told, ask_oracle
from harness.prove.mutant import Mutant, ObjectEdit, Tale
from harness.scenario.yaml_source import Location
from harness.tests.prove.tales import tale

SPLIT = tale("scenarios/tutorial/fault-injection.yaml")
ROUTED = tale("scenarios/tutorial/dynamic-request-routing.yaml")
CLOSED = tale("scenarios/tutorial/per-route-authorization.yaml")
BACKENDS: Location = ("spec", "rules", 0, "backendRefs")


def told(story: Tale, manifest: str, *edits: tuple[Location, Any], step: int = 0) -> Told:
    changes = tuple(ObjectEdit(f"manifests/{manifest}", 0, Edit(at, to)) for at, to in edits)
    mutant = Mutant("one thing", "x:1", "", step, changes)
    return ask_oracle(story, mutant.of(story), LINKERD_2_14, step=step)


def test_weights_of_the_same_proportion_are_equivalent() -> None:
    same = told(
        SPLIT, "booksapp/error-split-httproute.yaml", ((*BACKENDS, 0, "weight"), 9), ((*BACKENDS, 1, "weight"), 1)
    )
    assert same.equivalent.startswith("the oracle sees no difference in ")
    assert same.missing == ""


def test_another_weight_is_told_with_both_shares() -> None:
    other = told(SPLIT, "booksapp/error-split-httproute.yaml", ((*BACKENDS, 1, "weight"), 30))
    assert other.equivalent == ""
    assert other.missing == (
        "booksapp/webapp: GET http://books.booksapp:7002/books.json: "
        "90% booksapp/books, 10% booksapp/error-injector → 75% booksapp/books, 25% booksapp/error-injector"
    )


def test_a_request_is_found_that_the_scenario_does_not_send() -> None:
    at: Location = ("spec", "rules", 0, "matches", 0, "method")
    other = told(ROUTED, "podinfo/backend-router-httproute.yaml", (at, "GET"), step=1)
    assert other.missing == (
        "test/default: HEAD http://backend-a-podinfo.test:9898/env with x-request-id: alternative: "
        "test/backend-b-podinfo → test/backend-a-podinfo"
    )


def test_a_door_closed_to_the_kubelet_can_be_told() -> None:
    match: Location = ("spec", "rules", 0, "matches", 0, "path", "value")
    other = told(CLOSED, "booksapp/authors-probe-route-policy.yaml", (match, "/pong"), step=4)
    assert other.missing == "the kubelet's probe is let in by one of them and not by the other"


@pytest.mark.parametrize("key", ["given", "senders"])
def test_what_paper_does_not_know_is_left_open(key: str) -> None:
    edits = {
        "given": Edit(("spec", "steps", 0, "given"), []),
        "senders": Edit(("spec", "senders", "webapp", "meshed"), False),
    }
    mutant = Mutant("one thing", "x:1", "", 0, scenario=(edits[key],))
    assert ask_oracle(SPLIT, mutant.of(SPLIT), LINKERD_2_14, step=0) == Told()
