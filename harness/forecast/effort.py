"""How many requests a verdict needs, and how long they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.forecast.asks import asks_of, share_of
from harness.scenario.claims import DEFAULT_TIMES
from harness.scenario.clusters import Pace
from harness.scenario.expectations import TABLE_RATE, Expectation, Metrics, Send, Watch
from harness.scenario.model import Scenario
from harness.scenario.sendable import ramp_requests
from harness.verdict.claims import ErrorBounds, Share


@dataclass(frozen=True, slots=True)
class Effort:
    """What one expectation costs.

    least    requests below which no test could say «holds» on average; of a table, and of `every`, exactly those sent
    most     requests after which the verdict is «inconclusive»
    seconds  for the least and the most
    """

    least: int
    most: int
    seconds: tuple[float, float]


def effort_of(scenario: Scenario, promise: Expectation | Watch, pace: Pace, bounds: ErrorBounds) -> Effort | None:
    """What an expectation costs; None if it sends nothing of its own.

    pace    what the profile allows: rates and windows are cut down to it
    bounds  of this claim; the chance to miss sets the number of requests
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

    share = share_of(scenario, promise)
    if share is None:
        sent = ramped or sum(ask.times or DEFAULT_TIMES for ask in asks)
        return Effort(sent, sent, (lasts(sent), lasts(sent)))
    claim = Share(target=share.is_, at_most=share.at_most, at_least=share.at_least, resolution=share.resolution)
    least, most = int(claim.band().least_responses(bounds)) + 1, claim.band().budget(bounds)
    least, most = max(least, ramped), max(most, ramped)
    return Effort(least, most, (lasts(least), lasts(most)))


def features_of(scenario: Scenario) -> Mapping[str, tuple[str, ...]]:
    """Features that the scenario touches, and the expectations that are evidence for each."""
    found: dict[str, list[str]] = {feature: [] for feature in scenario.spec.requires.features}
    for _, promise in scenario.expectations():
        for feature in promise.features or scenario.spec.requires.features:
            found.setdefault(feature, []).append(promise.expect)
    return {feature: tuple(names) for feature, names in found.items()}
