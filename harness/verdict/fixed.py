"""How many responses a test of fixed size needs for the same claim with the same error bounds.

This is the yardstick for the sequential judge: it is what one would plan without it, and it has to be paid in full
even when the first few responses already tell.

Convention: exact binomial cut-offs. For a two-sided share alpha is split evenly over «too few» and «too many» at the
promised share itself, and each of the two caught shares is missed with a chance of at most beta. The size is the
smallest n at which this holds for n and for n + 1 responses: since counts are whole numbers single sizes fulfil it
earlier by luck of rounding, which nobody would plan with.
"""

from __future__ import annotations

from math import ceil

from harness.verdict.binomial import at_least, at_most
from harness.verdict.claims import Band, ErrorBounds, Share


def fixed_size(claim: Share | Band, bounds: ErrorBounds | None = None) -> int:
    """Responses that an exact binomial test of fixed size needs to keep both error bounds.

    For 90% ± 5pp at 1e-6 and 1e-3 these are 2735; for «at most 0%, resolution 1pp» 688.
    """
    band = claim.band() if isinstance(claim, Share) else claim
    plan = _FixedTest(band, bounds or ErrorBounds())
    total, before = plan.rough_size(), False
    while not plan.suffices(total):  # a size near the goal, from below
        total = ceil(total * 1.05)
    total = max(1, int(total / 1.1))
    while True:
        enough = plan.suffices(total)
        if enough and before:
            return total - 1
        before = enough
        total += 1


class _FixedTest:
    """Cut-offs of the test for growing sizes; they move little from one size to the next, so they are kept."""

    def __init__(self, band: Band, bounds: ErrorBounds) -> None:
        self.band = band
        self.beta = bounds.beta
        two_sided = band.detect_low is not None and band.detect_high is not None
        self.alpha = bounds.alpha / 2 if two_sided else bounds.alpha
        self.bounds = bounds

    def rough_size(self) -> int:
        return max(1, int(self.band.least_responses(self.bounds) / 2))

    def suffices(self, total: int) -> bool:
        """Whether both caught shares are missed seldom enough with `total` responses."""
        fewest, most = self._fewest(total), self._most(total)
        low, high = self.band.detect_low, self.band.detect_high
        return (low is None or at_least(fewest, total, low) - at_least(most + 1, total, low) <= self.beta) and (
            high is None or at_most(most, total, high) - at_most(fewest - 1, total, high) <= self.beta
        )

    def _most(self, total: int) -> int:
        """The largest count that the promised share exceeds with a chance of at most alpha."""
        if self.band.detect_high is None:
            return total
        rate = self.band.likely if self.band.high == self.band.detect_high else self.band.high
        below, enough = -1, total  # at_least(total + 1) is 0, so `enough` always satisfies the bound
        while enough - below > 1:
            middle = (below + enough) // 2
            below, enough = (below, middle) if at_least(middle + 1, total, rate) <= self.alpha else (middle, enough)
        return enough

    def _fewest(self, total: int) -> int:
        """The smallest count that the promised share falls short of with a chance of at most alpha."""
        if self.band.detect_low is None:
            return 0
        rate = self.band.likely if self.band.low == self.band.detect_low else self.band.low
        enough, above = 0, total + 1
        while above - enough > 1:
            middle = (enough + above) // 2
            enough, above = (middle, above) if at_most(middle - 1, total, rate) <= self.alpha else (enough, middle)
        return enough
