"""Shares of answers that the weights of a route do not make, unless an app answers now so and now so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from harness.forecast.asks import asks_of, share_of
from harness.forecast.contradiction import (
    contradictions,
    exact,
    is_certain,
    is_held_to_rules,
    is_possible,
    predictions,
    share_in_words,
)
from harness.forecast.timeline import Moment
from harness.oracle import Prediction
from harness.oracle.outcome import Key
from harness.scenario.claims import Share
from harness.scenario.expectations import Expectation, Watch
from harness.scenario.model import Scenario
from harness.scenario.units import format_percent


@dataclass(frozen=True, slots=True)
class UnlikeWeights:
    """A promised share that is none of those which apps that always answer alike can make behind these weights."""

    wanted: str
    prediction: Prediction

    @property
    def sentence(self) -> str:
        """What was promised, and what the weights are."""
        parts = ", ".join(
            f"{_name(who)} {format_percent(float(part))}" for who, part in _by_workload(self.prediction).items()
        )
        return (
            f"{self.prediction.request} of {self.prediction.sender} is promised {self.wanted}, and requests go to "
            f"{parts}: apps that always answer alike make no such share"
        )


def unlike_weights(scenario: Scenario, moment: Moment, promise: Expectation | Watch) -> Iterator[UnlikeWeights]:
    """The share of a promise that may be kept, if weights are drawn for its requests and no sum of them is near it.

    Where a probe is locked out (§3.13), it must be so before and after.
    """
    share = share_of(scenario, promise)
    if share is None or share.is_ is None or not is_held_to_rules(moment, promise):
        return
    if any(contradictions(scenario, moment, promise)):
        return
    for ask in asks_of(scenario, promise):
        found = predictions(moment, ask)
        if found and all(_is_far(prediction, share) for prediction in found):
            yield UnlikeWeights(share_in_words(share), found[0])


def _is_far(prediction: Prediction, share: Share) -> bool:
    if not prediction.exact or len(_by_workload(prediction)) < 2 or any(one.also for one in prediction.outcomes):
        return False
    open_, sums = defaultdict[Key | None, Fraction](Fraction), {Fraction(0)}
    for outcome in prediction.outcomes:
        if is_certain(outcome, share.of):
            sums = {known + outcome.probability for known in sums}
        elif is_possible(outcome, share.of):
            open_[outcome.workload] += outcome.probability
    for part in open_.values():
        sums |= {known + part for known in sums}
    claimed, slack = exact(share.claimed), exact(share.resolution)
    return all(abs(known - claimed) >= slack for known in sums)


def _by_workload(prediction: Prediction) -> dict[Key | None, Fraction]:
    parts = defaultdict[Key | None, Fraction](Fraction)
    for outcome in prediction.outcomes:
        if outcome.by == "app":
            parts[outcome.workload] += outcome.probability
    return dict(parts)


def _name(workload: Key | None) -> str:
    return workload[1] if workload else "somebody"
