"""What must be so before a cluster is made or touched: every check in one list, each with its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import EnvironmentFailed


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    what    what is wanted
    seen    what was found
    remedy  what to do if it does not hold, one line
    """

    what: str
    holds: bool
    seen: str
    remedy: str

    def __str__(self) -> str:
        if self.holds:
            return f"✓ {self.what}: {self.seen}"
        return f"✗ {self.what}: {self.seen}\n    remedy: {self.remedy}"


def require(subject: str, checks: Sequence[Check]) -> None:
    """Return if every check holds.

    raises  EnvironmentFailed that lists all that do not, and how many do
    """
    failed = [check for check in checks if not check.holds]
    if not failed:
        return
    head = f"{subject} cannot be had: {len(failed)} of {len(checks)} checks failed"
    raise EnvironmentFailed("\n".join([head, *(f"  {line}" for check in failed for line in str(check).splitlines())]))
