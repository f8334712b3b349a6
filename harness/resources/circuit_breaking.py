"""When a Service's endpoints are given up for a while: its failure-accrual annotations (§4.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from harness.resources.document import Problem
from harness.resources.durations import parse_gateway_duration

MODE: Final = "balancer.linkerd.io/failure-accrual"
CONSECUTIVE: Final = f"{MODE}-consecutive-"
_COUNT: Final = re.compile(r"\+?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MOST: Final = 2**32 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FailureAccrual:
    """How many failures in a row take an endpoint out, and for how long (§4.3).

    jitter_ratio  how much is added to a penalty at most, as a part of it
    """

    max_failures: int = 7
    min_penalty: timedelta = timedelta(seconds=1)
    max_penalty: timedelta = timedelta(minutes=1)
    jitter_ratio: float = 0.5


def parse_failure_accrual(annotations: Mapping[str, str]) -> tuple[FailureAccrual | None, tuple[Problem, ...]]:
    """What the annotations of a Service ask for, None for no breaking, and what is wrong with them.

    Anything wrong disables breaking, and so does the absence of the mode, whatever else is written (§4.3).
    """
    mode = annotations.get(MODE)
    if mode is None:
        return None, ()
    if mode != "consecutive":
        return None, (Problem(f"metadata.annotations.{MODE}", f"unsupported failure accrual mode: {mode}"),)
    problems: list[Problem] = []
    usual = FailureAccrual()
    found = FailureAccrual(
        max_failures=_read(annotations, "max-failures", _count, usual.max_failures, problems),
        min_penalty=_read(annotations, "min-penalty", parse_gateway_duration, usual.min_penalty, problems),
        max_penalty=_read(annotations, "max-penalty", parse_gateway_duration, usual.max_penalty, problems),
        jitter_ratio=_read(annotations, "jitter-ratio", _ratio, usual.jitter_ratio, problems),
    )
    if not problems and (problem := _penalty_problem(found)):
        problems.append(problem)
    return (None if problems else found), tuple(problems)


def _penalty_problem(found: FailureAccrual) -> Problem | None:
    place = f"metadata.annotations.{CONSECUTIVE}max-penalty"
    if found.min_penalty > found.max_penalty:
        return Problem(place, f"min_penalty ({found.min_penalty}) cannot exceed max_penalty ({found.max_penalty})")
    return Problem(place, "max_penalty cannot be zero") if not found.max_penalty else None


def _read(annotations: Mapping[str, str], name: str, parse: Callable[[str], T], usual: T, problems: list[Problem]) -> T:
    text = annotations.get(CONSECUTIVE + name)
    if text is None:
        return usual
    try:
        return parse(text)
    except ValueError as invalid:  # a DurationInvalid is one too
        problems.append(Problem(f"metadata.annotations.{CONSECUTIVE}{name}", str(invalid)))
        return usual


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text) or int(text) > _MOST:
        raise ValueError(f"'{text}' is no count of failures")
    return int(text)


def _ratio(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f"'{text}' is no number")
    if float(text) < 0:
        raise ValueError("jitter cannot be negative")
    if float(text) > 100:
        raise ValueError("jitter cannot be greater than 100")
    return float(text)
