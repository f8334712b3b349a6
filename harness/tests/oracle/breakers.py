"""When circuits may break (§4.3): not before an endpoint has failed so many times in a row."""

from __future__ import annotations

from collections import Counter

from harness.oracle import Outcome
from harness.tests.dataplane.live import Answer
from harness.tests.oracle.drawn import Asked

_Circuit = tuple[object, ...]

GIVEN_UP = "service in fail-fast"
"""What the embedded mesh says if no endpoint is left."""


class Breakers:
    """Failures in a row, by who asked whom through which Service, from the moment a set of manifests is in force.

    One bound only: an endpoint comes back after a while, and how soon is the machine's business.
    """

    def __init__(self) -> None:
        self._failed: Counter[_Circuit] = Counter()

    def wrong(self, outcome: Outcome, answer: Answer, asked: Asked, reached: int) -> str:
        """Why this answer cannot be right, "" if it can; `reached` is how often the application was asked for it."""
        if outcome.breaking is None:
            return ""
        circuit = (asked.sender, outcome.routed, outcome.backend, outcome.workload)
        retry = outcome.limits.retry
        tried = reached or 1 + (retry.limit if retry else 0)  # a connection that is closed reaches no application
        self._failed[circuit] = self._failed[circuit] + tried if answer.status >= 500 else 0
        most = max(self._failed.values())
        early = answer.error == GIVEN_UP and most < outcome.breaking.max_failures
        return f"given up after {most} failures" if early else ""
