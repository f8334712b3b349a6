"""How resources are written on the command line."""

from __future__ import annotations

import re

import pytest

from harness.errors import InputError
from harness.mesh.metrics import MeshedPod
from harness.mesh.targets import DEPLOYMENT, NAMESPACE, POD, SERVICE, Target, parse_targets


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deploy", [Target(DEPLOYMENT, "b", "")]),
        ("deployments", [Target(DEPLOYMENT, "b", "")]),
        ("deploy books", [Target(DEPLOYMENT, "b", "books")]),
        ("po one two", [Target(POD, "b", "one"), Target(POD, "b", "two")]),
        ("pod/one svc/two", [Target(POD, "b", "one"), Target(SERVICE, "b", "two")]),
        ("ns", [Target(NAMESPACE, "", "b")]),
        ("ns other", [Target(NAMESPACE, "", "other")]),
    ],
)
def test_spellings(words: str, expected: list[Target]) -> None:
    assert list(parse_targets(words.split(), "b")) == expected


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("deployd", "did you mean 'deploy'?"),
        ("deploy/", "no name"),
        ("deploy a deploy/b", "write the kind once"),
        ("deploy/a b", "'b' is no kind"),
    ],
)
def test_mistakes(words: str, hint: str) -> None:
    with pytest.raises(InputError, match=re.escape(hint)):
        parse_targets(words.split(), "b")


def test_a_target_holds_the_pods_that_are_its_own() -> None:
    pod = MeshedPod("b", "books-1", "u", "books")
    assert Target(DEPLOYMENT, "b", "books").holds(pod)
    assert Target(DEPLOYMENT, "", "").holds(pod)
    assert Target(NAMESPACE, "", "b").holds(pod)
    assert Target(POD, "b", "books-1").holds(pod)
    assert not Target(DEPLOYMENT, "c", "books").holds(pod)
    assert not Target(DEPLOYMENT, "b", "book").holds(pod)
    assert not Target(NAMESPACE, "", "c").holds(pod)
    assert not Target(SERVICE, "b", "books").holds(pod)
