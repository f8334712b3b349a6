"""What retries make of the ways in which a request can end (§1.37, §2.9, §2.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from harness.oracle.outcome import Outcome, Reason

_CONDITIONS: Final[Mapping[int, str]] = MappingProxyType(
    {429: "resource-exhausted", 502: "unavailable", 503: "unavailable", 504: "deadline-exceeded"}
)
"""What a call is told in place of a status, in the words of retries under GRPCRoutes."""


def tried_again(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """The outcomes with the shares that they have after all attempts, each of which draws anew.

    What applications answer is not known: their shares are those of applications that give no answer to try again for.
    """
    failing = [outcome for outcome in outcomes if _is_tried_again(outcome)]
    retry = failing[0].limits.retry if failing else None
    if retry is None or len(failing) == len(outcomes):
        return outcomes
    lost = sum((outcome.probability for outcome in failing), Fraction(0))
    every_time = lost**retry.limit
    chances = sum((lost**attempt for attempt in range(retry.limit + 1)), Fraction(0))
    said = f"tried again up to {retry.limit} times, drawn anew each time: seen if every attempt ends so"
    return tuple(
        replace(one, probability=one.probability * every_time, reasons=(*one.reasons, Reason("§1.37", said)))
        if _is_tried_again(one)
        else replace(one, probability=one.probability * chances)
        for one in outcomes
    )


def _is_tried_again(outcome: Outcome) -> bool:
    """§2.10: answers of other proxies, and of nobody, if the status is asked for; redirects and what leads nowhere not.

    A backend that is none is an error and no answer: its 500 stays.
    """
    retry, status = outcome.limits.retry, outcome.status
    if retry is None or status is None or outcome.by == "app" or outcome.backend is None or outcome.location:
        return False
    waits = outcome.timing in ("fail-fast", "cut off")  # §2.10: fail-fast is tried again, whatever is asked for
    asked_for = any(low <= status <= high for low, high in retry.statuses)
    return waits or asked_for or _CONDITIONS.get(status) in retry.conditions
