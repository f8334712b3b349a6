"""Exact tails of the binomial distribution."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

_NEGLIGIBLE = 1e-17
"""A term this much smaller than the sum so far, beyond the mode, ends a tail: the rest is below rounding."""


def chance_of(hits: int, total: int, rate: float) -> float:
    """Chance of exactly `hits` among `total` independent responses with share `rate`."""
    if not 0 <= hits <= total:
        return 0.0
    if rate <= 0 or rate >= 1:
        return float(hits == (total if rate >= 1 else 0))
    ways = lgamma(total + 1) - lgamma(hits + 1) - lgamma(total - hits + 1)
    return exp(ways + hits * log(rate) + (total - hits) * log1p(-rate))


def at_most(hits: int, total: int, rate: float) -> float:
    """Chance of `hits` or fewer among `total` independent responses with share `rate`."""
    if hits < 0:
        return 0.0
    if hits >= total or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    if hits > total * rate:  # sum the shorter, smaller tail
        return 1 - at_most(total - hits - 1, total, 1 - rate)
    term, chance, odds = chance_of(hits, total, rate), 0.0, (1 - rate) / rate
    while term > _NEGLIGIBLE * chance:
        chance += term
        term *= hits / (total - hits + 1) * odds
        hits -= 1
    return chance


def at_least(hits: int, total: int, rate: float) -> float:
    """Chance of `hits` or more among `total` independent responses with share `rate`."""
    return at_most(total - hits, total, 1 - rate)
