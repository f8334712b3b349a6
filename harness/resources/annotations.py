"""What route and Service annotations ask for: timeouts and retries (§2.6, §2.7, §2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from harness.resources.document import Problem
from harness.resources.durations import parse_gateway_duration

_STATUS: Final = re.compile(r"\+?0*([1-5][0-9][0-9])")
_COUNT: Final = re.compile(r"\+?0*([0-9]{1,5})")
_NAMED_STATUSES: Final[Mapping[str, tuple[int, int]]] = {"5xx": (500, 599), "gateway-error": (502, 504)}
GRPC_CONDITIONS: Final = ("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable")
_PREFIX: Final = "metadata.annotations"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AnnotatedTimeouts:
    """`timeout.linkerd.io/request`, `/response` and `/idle`; None if not written (§2.7)."""

    request: timedelta | None = None
    response: timedelta | None = None
    idle: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HttpRetry:
    """`retry.linkerd.io/http` or `/grpc`, `/limit` and `/timeout` (§2.9).

    limit       attempts beyond the first
    timeout     how long an attempt may take to answer; None is no limit
    statuses    closed ranges of retried status codes; empty if only limit or timeout is written
    conditions  what of gRPC is retried under GRPCRoutes, in the annotation's words; empty likewise
    """

    limit: int = 1
    timeout: timedelta | None = None
    statuses: tuple[tuple[int, int], ...] = ()
    conditions: tuple[str, ...] = ()


def parse_timeout_annotations(annotations: Mapping[str, str]) -> tuple[AnnotatedTimeouts, tuple[Problem, ...]]:
    """The timeouts that the annotations ask for, and what is wrong with them."""
    problems: list[Problem] = []
    request, response, idle = (
        _read(annotations, f"timeout.linkerd.io/{name}", parse_gateway_duration, problems)
        for name in ("request", "response", "idle")
    )
    return AnnotatedTimeouts(request, response, idle), tuple(problems)


def parse_http_retry(annotations: Mapping[str, str]) -> tuple[HttpRetry | None, tuple[Problem, ...]]:
    """The retries that the annotations ask for (None if none of them is written), and what is wrong with them.

    A limit of 0 counts as not written, and so does a timeout of 0 (§2.9).
    """
    problems: list[Problem] = []
    limit, timeout = _limit_and_timeout(annotations, problems)
    statuses = _read(annotations, "retry.linkerd.io/http", _parse_statuses, problems)
    if not limit and not timeout and statuses is None:
        return None, tuple(problems)
    return HttpRetry(limit or 1, timeout or None, statuses or ()), tuple(problems)


def parse_grpc_retry(annotations: Mapping[str, str]) -> tuple[HttpRetry | None, tuple[Problem, ...]]:
    """The retries of calls under GRPCRoutes, by the same rules (linkerd2 b24cd4059, outbound/index/grpc.rs)."""
    problems: list[Problem] = []
    limit, timeout = _limit_and_timeout(annotations, problems)
    conditions = _read(annotations, "retry.linkerd.io/grpc", _parse_conditions, problems)
    if not limit and not timeout and conditions is None:
        return None, tuple(problems)
    return HttpRetry(limit or 1, timeout or None, conditions=conditions or ()), tuple(problems)


def _limit_and_timeout(annotations: Mapping[str, str], problems: list[Problem]) -> tuple[int | None, timedelta | None]:
    limit = _read(annotations, "retry.linkerd.io/limit", _parse_count, problems)
    return limit, _read(annotations, "retry.linkerd.io/timeout", parse_gateway_duration, problems)


def _parse_conditions(text: str) -> tuple[str, ...]:
    for word in text.split(","):
        if word.lower() not in GRPC_CONDITIONS:
            raise ValueError(f"'{word}' in '{text}' is none of {', '.join(GRPC_CONDITIONS)}")
    return tuple(dict.fromkeys(word.lower() for word in text.split(",")))


def _read(annotations: Mapping[str, str], key: str, parse: Callable[[str], T], problems: list[Problem]) -> T | None:
    if key not in annotations:
        return None
    try:
        return parse(annotations[key])
    except ValueError as invalid:  # a DurationInvalid is one too
        problems.append(Problem(f"{_PREFIX}.{key}", str(invalid)))
        return None


def _parse_count(text: str) -> int:
    count = _COUNT.fullmatch(text)
    if count is None or int(count[1]) > 65_535:
        raise ValueError(f"'{text}' is not a count from 0 to 65535")
    return int(count[1])


def _parse_statuses(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(_parse_status_range(word, text) for word in text.split(","))


def _parse_status_range(word: str, text: str) -> tuple[int, int]:
    if word.lower() in _NAMED_STATUSES:
        return _NAMED_STATUSES[word.lower()]
    first, _, last = word.partition("-")
    low, high = _STATUS.fullmatch(first), _STATUS.fullmatch(last or first)
    if low is None or high is None or int(low[1]) > int(high[1]) or word.endswith("-"):
        raise ValueError(f"'{word}' in '{text}' is none of a status, a range such as 500-504, 5xx, gateway-error")
    return int(low[1]), int(high[1])
