"""How long responses took, by their kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, floor, log10

from markupsafe import Markup

from harness.report.html.outcomes import KINDS, NAMES, Seen, seen
from harness.report.html.plot import Plot, Scale, legend
from harness.run.events import RequestsMade

FEWEST = 20
"""Fewer responses make no distribution."""
BARS_PER_DECADE = 12


def latency_plot(bursts: Sequence[RequestsMade]) -> Markup:
    """A histogram of latencies on a logarithmic axis, with quantiles; empty for a handful of responses."""
    taken = [one for made in bursts for one in seen(made) if one.kind != "none"]
    if sum(one.count for one in taken) < FEWEST:
        return Markup("")
    bars = _bars(taken)
    low, high = floor(log10(min(o.latency for o in taken) * 1000)), ceil(log10(max(o.latency for o in taken) * 1000))
    quantiles = [(name, quantile(taken, share)) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))]
    said = "Latency of responses: " + ", ".join(f"{name} {_ms(seconds * 1000)}" for name, seconds in quantiles)
    plot = Plot(
        Scale(10.0**low, 10.0 ** max(high, low + 1), logarithmic=True),
        Scale(0.0, max(sum(bar.values()) for bar in bars.values()) * 1.1),
        said,
    )
    for number, bar in sorted(bars.items()):
        left, right = (10.0 ** (n / BARS_PER_DECADE) for n in (number, number + 1))
        bottom = 0
        for kind in KINDS:
            plot.bar(left, right, bottom, bottom + bar[kind], f"k{kind}")
            bottom += bar[kind]
    for name, seconds in quantiles:
        plot.upright(seconds * 1000, f"quantile {name}")
    plot.axes(_ms, lambda y: f"{y:g}")
    told = Markup('<p class="quantiles">{}</p>').format(said.removeprefix("Latency of responses: "))
    return plot.html() + legend([(f"k{k}", NAMES[k]) for k in KINDS if any(one.kind == k for one in taken)]) + told


def quantile(taken: Sequence[Seen], share: float) -> float:
    """The latency that this share of the responses does not exceed, in seconds."""
    ordered, passed = sorted(taken, key=lambda one: one.latency), 0
    wanted = share * sum(one.count for one in ordered)
    for one in ordered:
        passed += one.count
        if passed >= wanted:
            return one.latency
    return ordered[-1].latency


def _bars(taken: Sequence[Seen]) -> dict[int, Counter[str]]:
    bars: dict[int, Counter[str]] = {}
    for one in taken:
        number = floor(log10(max(one.latency * 1000, 1e-3)) * BARS_PER_DECADE)
        bars.setdefault(number, Counter())[one.kind] += one.count
    return bars


def _ms(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"
