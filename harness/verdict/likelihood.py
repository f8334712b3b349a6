"""Likelihoods of counted responses, and the intervals that follow from them. Counts may be fractions."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, lgamma, log

_HALVINGS = 40
"""Steps of an interval's bisection: 2^-40 is far below anything printed."""


def log_likelihood(rate: float, hits: float, misses: float) -> float:
    """Logarithm of the chance of one given sequence with these counts; an impossible sequence gives -inf."""
    if (hits and rate <= 0) or (misses and rate >= 1):
        return -inf
    return (hits * log(rate) if hits else 0.0) + (misses * log(1 - rate) if misses else 0.0)


def log_sum(logs: Sequence[float]) -> float:
    """Logarithm of the sum of the numbers whose logarithms are given; -inf for none."""
    top = max(logs, default=-inf)
    return top if top in (inf, -inf) else top + log(sum([exp(value - top) for value in logs]))


def divergence(rate: float, other: float) -> float:
    """Evidence per response, in nats, that a share of `rate` gives against `other` (Kullback-Leibler divergence)."""
    total = 0.0
    for p, q in ((rate, other), (1 - rate, 1 - other)):
        if p > 0:
            total += p * log(p / q) if q > 0 else inf
    return total


def anytime_interval(hits: float, misses: float, level: float) -> tuple[float, float]:
    """Shares not excluded by the counts; the truth is ever excluded, at any of many looks, with chance 1 - level.

    level   between 0 and 1
    source  mixture of likelihoods over Jeffreys' prior (Robbins, Ann. Math. Stat. 41, 1970)
    """
    mixed = _log_beta(hits + 0.5, misses + 0.5) - _log_beta(0.5, 0.5)
    return not_excluded(hits, misses, mixed + log(1 - level))


def not_excluded(hits: float, misses: float, log_threshold: float) -> tuple[float, float]:
    """The rates whose likelihood reaches the threshold; they form an interval around the share seen."""
    if hits + misses == 0:
        return 0.0, 1.0
    seen = hits / (hits + misses)
    return _edge(seen, 0.0, hits, misses, log_threshold), _edge(seen, 1.0, hits, misses, log_threshold)


def _edge(kept: float, end: float, hits: float, misses: float, log_threshold: float) -> float:
    if log_likelihood(end, hits, misses) >= log_threshold:
        return end
    excluded = end
    for _ in range(_HALVINGS):
        middle = (kept + excluded) / 2
        if log_likelihood(middle, hits, misses) >= log_threshold:
            kept = middle
        else:
            excluded = middle
    return excluded


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
