"""How likely a whole run is red by bad luck alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.verdict.claims import ErrorBounds
from harness.verdict.wording import count, percent

RUN_BUDGET = 1e-4
"""The chance that a run is red by bad luck alone, however many claims it makes."""


def alpha_of_each(claims: int, budget: float = RUN_BUDGET) -> float:
    """The alpha of each of so many claims that keeps a whole run within its budget; never above the usual one.

    claims  how many the run makes at most, 0 or more
    """
    return min(ErrorBounds().alpha, budget / max(1, claims))


def alpha_of_next(made: int, budget: float) -> float:
    """The alpha of one more claim where nobody knows how many follow: all there will ever be stay within the budget.

    made  how many claims there were before; the shares 1/2, 1/6, 1/12… of the budget add up to all of it and no more
    """
    return min(ErrorBounds().alpha, budget / ((made + 1) * (made + 2)))


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """The bound on a false «broken» anywhere in a run.

    claims  claims that could be broken by chance
    bound   at most this is the chance that at least one of them is; no assumption on how they depend on each other
    """

    claims: int
    bound: float

    def sentence(self) -> str:
        """The bound as a report prints it."""
        if not self.claims:
            return "nothing in this run can turn red by bad luck: no claim rests on chance"
        return (
            f"the chance that this run is red by bad luck is at most {percent(self.bound)} "
            f"({count(self.claims, 'statistical claim')})"
        )


def false_alarms(alphas: Iterable[float]) -> FalseAlarms:
    """Add up the chances of a false «broken», one per claim; a claim that needs no chance counts as 0."""
    at_stake = [alpha for alpha in alphas if alpha > 0]
    return FalseAlarms(len(at_stake), min(1.0, sum(at_stake)))
