"""Which meshes `known-gap` and `requires.mesh` mean: Linkerd's two rows of releases, put in one order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.scenario.mesh_range import gap_is_open, parse_mesh_range, release_order

IN_ORDER = [
    "edge-23.4.1",
    "stable-2.13.0",
    "stable-2.13.7",
    "edge-23.4.2",
    "edge-23.8.3",
    "stable-2.14",
    "stable-2.14.4",
    "stable-2.14.10",
    "edge-23.9.1",
    "edge-23.10.1",
    "edge-24.2.4",
    "stable-2.15.0",
    "edge-24.7.5",
    "edge-24.8.2",
    "stable-2.16.1",
    "edge-24.11.8",
    "stable-2.17.0",
    "edge-25.4.4",
    "stable-2.18.0",
    "edge-25.10.7",
    "stable-2.19.0",
    "edge-26.6.3",
    "stable-2.20.0",
    "edge-26.8.3",
]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(IN_ORDER)))
def test_releases_are_in_order(older: str, newer: str) -> None:
    assert release_order(older) < release_order(newer)


@pytest.mark.parametrize(
    ("text", "dialect", "is_open"),
    [
        ("linkerd", LINKERD_2_14, True),
        ("linkerd", LINKERD_EDGE, True),
        ("gateway-api", LINKERD_EDGE, False),
        ("linkerd-edge", LINKERD_EDGE, True),
        ("linkerd-edge", LINKERD_2_14, False),
        ("linkerd-2.14", LINKERD_2_14, True),
        ("linkerd >= edge-24.7.5", LINKERD_2_14, False),
        ("linkerd >= edge-24.7.5", LINKERD_EDGE, True),
        ("linkerd < edge-24.7.5", LINKERD_2_14, True),
        ("linkerd < edge-24.7.5", LINKERD_EDGE, False),
        ("linkerd >= stable-2.14.10", LINKERD_2_14, True),
        ("linkerd > stable-2.14.10", LINKERD_2_14, False),
        ("linkerd <= stable-2.14.10", LINKERD_2_14, True),
        ("linkerd == stable-2.14.10", LINKERD_2_14, True),
        ("linkerd == stable-2.14.9", LINKERD_2_14, False),
        ("linkerd-edge >= edge-27.1.1", LINKERD_EDGE, False),
        ("linkerd-edge >= edge-24.7.5", LINKERD_2_14, False),
    ],
)
def test_a_gap_is_open_where_its_versions_are(text: str, dialect: Dialect, is_open: bool) -> None:
    assert gap_is_open(text, dialect) is is_open


def test_the_very_release_that_is_named_counts_as_written() -> None:
    exactly = replace(LINKERD_EDGE, version="edge-24.7.5")
    gaps = [f"linkerd {compared} edge-24.7.5" for compared in (">=", ">", "<=", "<", "==")]
    assert [gap_is_open(gap, exactly) for gap in gaps] == [True, False, True, False, True]


@pytest.mark.parametrize("text", ["linkerd", "linkerd-2.14", "linkerd >= edge-24.7.5", "linkerd < stable-2.14.10"])
def test_a_range_prints_as_written(text: str) -> None:
    assert str(parse_mesh_range(text)) == text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("linkerd>=edge-24.7.5", "'linkerd>=edge-24.7.5' names no meshes; write linkerd, or linkerd >= edge-24.7.5"),
        (2.14, "2.14 names no meshes; write linkerd, or linkerd >= edge-24.7.5"),
        ("linkrd >= edge-24.7.5", "no mesh is called 'linkrd'; did you mean 'linkerd'?"),
        ("linkerd >= 2.16", "'2.16' is no release; write one like edge-24.7.5 or stable-2.14.10"),
        (
            "linkerd >= stable-2.99.0",
            "'stable-2.99.0' cannot be put in order with edge releases; known series are 2.13 to 2.20",
        ),
    ],
)
def test_what_names_no_mesh_is_quoted(wrong: object, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_mesh_range(wrong)
    assert str(caught.value) == sentence
