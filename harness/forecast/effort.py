"""How many requests a verdict needs, and how long they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.forecast.asks import asks_of
from harness.forecast.tested import bands_of, bounds_of
from harness.scenario.claims import DEFAULT_TIMES
from harness.scenario.clusters import Pace
from harness.scenario.expectations import TABLE_RATE, Expectation, Metrics, Send, Watch
from harness.scenario.model import Scenario
from harness.scenario.sendable import ramp_requests


@dataclass(frozen=True, slots=True)
class Effort:
    """What one expectation costs.

    least    requests below which no test could say «holds» on average; of a table, and of `every`, exactly those sent
    most     requests after which it is reasonable to stop undecided; no more than MAX_REQUESTS are ever sent
    seconds  for the least and the most
    """

    least: int
    most: int
    seconds: tuple[float, float]


def effort_of(scenario: Scenario, promise: Expectation | Watch, pace: Pace) -> Effort | None:
    """What an expectation costs, within the error bounds its author wrote; None if it sends nothing of its own.

    pace    what the profile allows: rates and windows are cut down to it
    """
    if isinstance(promise, Watch) or promise.about is not None:
        return None
    source = scenario.source_of(promise)
    if isinstance(source, Metrics):
        window = pace.window(source.during).total_seconds()
        return Effort(0, 0, (window, window))
    asks = asks_of(scenario, promise)
    if not asks:
        return None
    rate = pace.rate(source.rate if isinstance(source, Send) else TABLE_RATE)
    ramp = source.ramp if isinstance(source, Send) else None
    ramped, ahead = 0, 0.0
    if ramp is not None:
        ramped, ahead = ramp_requests(pace.rate(ramp.from_), rate, ramp.over), ramp.over.total_seconds()

    def lasts(requests: int) -> float:
        return ahead + max(0, requests - ramped) / rate

    bands = bands_of(scenario.claim_of(promise), bounds_of(scenario, promise))
    if not bands:
        sent = ramped or sum(ask.times or DEFAULT_TIMES for ask in asks)
        return Effort(sent, sent, (lasts(sent), lasts(sent)))
    least = max(ramped, *(int(band.least_responses(bounds)) + 1 for band, bounds in bands))
    most = max(least, *(band.budget(bounds) for band, bounds in bands))
    return Effort(least, most, (lasts(least), lasts(most)))


def features_of(scenario: Scenario) -> Mapping[str, tuple[str, ...]]:
    """Features that the scenario touches, and the expectations that are evidence for each."""
    found: dict[str, list[str]] = {feature: [] for feature in scenario.spec.requires.features}
    for _, promise in scenario.expectations():
        for feature in promise.features or scenario.spec.requires.features:
            found.setdefault(feature, []).append(promise.expect)
    return {feature: tuple(names) for feature, names in found.items()}
