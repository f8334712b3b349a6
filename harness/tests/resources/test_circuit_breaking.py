"""Which annotations of a Service break circuits, and which mistakes disable that (§4.3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.resources.circuit_breaking import CONSECUTIVE, MODE, FailureAccrual, parse_failure_accrual


def annotated(mode: str = "consecutive", **more: str) -> dict[str, str]:
    return {MODE: mode} | {CONSECUTIVE + name.replace("_", "-"): value for name, value in more.items()}


def test_the_mode_alone_takes_the_defaults() -> None:
    assert parse_failure_accrual(annotated()) == (
        FailureAccrual(7, timedelta(seconds=1), timedelta(minutes=1), 0.5),
        (),
    )


def test_everything_can_be_said() -> None:
    annotations = annotated(max_failures="3", min_penalty="500ms", max_penalty="2m", jitter_ratio="0.0")
    expected = FailureAccrual(3, timedelta(milliseconds=500), timedelta(minutes=2), 0.0)
    assert parse_failure_accrual(annotations) == (expected, ())


def test_without_the_mode_nothing_breaks() -> None:
    assert parse_failure_accrual({f"{CONSECUTIVE}max-failures": "3"}) == (None, ())


@pytest.mark.parametrize(
    ("annotations", "problem"),
    [
        (annotated("unified"), "unsupported failure accrual mode: unified"),
        (annotated(""), "unsupported failure accrual mode"),
        (annotated(max_failures="-1"), "'-1' is no count"),
        (annotated(max_failures="4294967296"), "'4294967296' is no count"),
        (annotated(max_failures="3.0"), "'3.0' is no count"),
        (annotated(min_penalty="1.5s"), "min-penalty"),
        (annotated(min_penalty="2m"), "cannot exceed"),
        (annotated(min_penalty="0", max_penalty="0"), "cannot be zero"),
        (annotated(jitter_ratio="-0.1"), "cannot be negative"),
        (annotated(jitter_ratio="100.1"), "cannot be greater than 100"),
        (annotated(jitter_ratio="half"), "'half' is no number"),
    ],
)
def test_anything_wrong_disables_it(annotations: dict[str, str], problem: str) -> None:
    accrual, problems = parse_failure_accrual(annotations)
    assert accrual is None
    assert problem in "; ".join(map(str, problems))
