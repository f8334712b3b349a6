"""What the verdict engine tests for a claim as the language writes it: which rates, within which error bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.scenario.claims import Share
from harness.scenario.expectations import Claim, Promise
from harness.scenario.latency import Latency, LatencyBound
from harness.scenario.model import Scenario
from harness.scenario.split import Split
from harness.verdict import claims
from harness.verdict.claims import Band, ErrorBounds

DEFAULTS: Final = ErrorBounds()


def bounds_of(scenario: Scenario, promise: Promise, alpha: float = DEFAULTS.alpha) -> ErrorBounds:
    """The error bounds of a claim: its own, else the scenario's, else `alpha` and the usual beta."""
    written = (promise.verdict, scenario.spec.verdict)
    false_alarm = next((w.false_alarm for w in written if w and w.false_alarm is not None), alpha)
    miss = next((w.miss for w in written if w and w.miss is not None), DEFAULTS.beta)
    return ErrorBounds(false_alarm, miss)


def tested_share(claim: Share) -> claims.Share:
    """The verdict engine's form of a share claim."""
    return claims.Share(target=claim.is_, at_most=claim.at_most, at_least=claim.at_least, resolution=claim.resolution)


def tested_bound(bound: LatencyBound) -> Band:
    """One end of a quantile's range, as a share that must not be exceeded."""
    return Band(likely=0.0, low=0.0, high=bound.at_most, detect_low=None, detect_high=bound.at_most)


def bands_of(claim: Claim, bounds: ErrorBounds) -> tuple[tuple[Band, ErrorBounds], ...]:
    """Everything that is tested of the responses, each within its part of the bounds; nothing for other claims."""
    bands = tuple(_bands(claim))
    each = bounds.shared_by(len(bands)) if bands else bounds
    return tuple((band, each) for band in bands)


def _bands(claim: Claim) -> Iterator[Band]:
    match claim:
        case Share():
            yield tested_share(claim).band()
        case Split():
            for share in claim.shares.values():
                yield claims.Share(target=share, resolution=claim.resolution).band()
        case Latency():
            yield from map(tested_bound, claim.bounds())
