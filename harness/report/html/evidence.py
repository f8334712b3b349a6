"""How a verdict on a share came about: the share with its interval, and the evidence as it grew."""

from __future__ import annotations

from markupsafe import Markup

from harness.report.html.plot import Plot, Scale, legend
from harness.run.events import ExpectationResult
from harness.run.trail import Trail


def share_plot(result: ExpectationResult) -> Markup:
    """The share seen after each look, with its interval and what must be told apart; empty without a trail."""
    trail = result.trail
    if trail is None or len(trail.points) < 2:
        return Markup("")
    last = trail.points[-1]
    low, high = _range(trail)
    plot = Plot(Scale(0.0, last.total), Scale(low, high), _share_in_words(result, trail))
    if trail.caught_above is not None:
        plot.bar(0, last.total, trail.caught_above, high, "caught")
    if trail.caught_below is not None:
        plot.bar(0, last.total, low, trail.caught_below, "caught")
    plot.area([(p.total, p.low) for p in trail.points], [(p.total, p.high) for p in trail.points], "interval")
    plot.level(
        trail.promised, "promised", f"promised {trail.promised * 100:.3g}%" if trail.promised not in (0, 1) else ""
    )
    plot.line([(p.total, p.hits / p.total) for p in trail.points], "seen")
    plot.axes(lambda x: f"{x:g}", lambda y: f"{y * 100:g}%")
    entries = [("seen", "share seen"), ("interval", "interval"), ("promised", "promised"), ("caught", "must be caught")]
    return plot.html() + legend(entries)


def evidence_plot(result: ExpectationResult) -> Markup:
    """The evidence for either verdict after each look; at 1 it decides. Empty without a trail."""
    trail = result.trail
    if trail is None or len(trail.points) < 2:
        return Markup("")
    last = trail.points[-1]
    lowest = min(-0.25, *(max(-1.5, min(p.holds, p.broken)) for p in trail.points))
    said = f"Evidence after {last.total} responses: {last.holds:.2f} for holds, {last.broken:.2f} for broken; 1 decides"
    plot = Plot(Scale(0.0, last.total), Scale(lowest, 1.25), said)
    plot.level(1.0, "bound", "decides")
    plot.line([(p.total, p.holds) for p in trail.points], "for-holds")
    plot.line([(p.total, p.broken) for p in trail.points], "for-broken")
    plot.axes(lambda x: f"{x:g}", lambda y: f"{y:g}")
    return plot.html() + legend([("for-holds", "for holds"), ("for-broken", "for broken"), ("bound", "decides at 1")])


def _range(trail: Trail) -> tuple[float, float]:
    """What is worth seeing: both edges, the promise, and the interval once it has become narrow."""
    later = trail.points[len(trail.points) // 3 :]
    marks = [trail.promised, *(edge for edge in (trail.caught_below, trail.caught_above) if edge is not None)]
    low = min(*marks, *(p.low for p in later))
    high = max(*marks, *(p.high for p in later))
    room = 0.15 * (high - low)
    return max(0.0, low - room), min(1.0, high + room)


def _share_in_words(result: ExpectationResult, trail: Trail) -> str:
    last = trail.points[-1]
    return (
        f"Share seen: {last.hits} of {last.total}, between {last.low:.1%} and {last.high:.1%}; "
        f"promised {result.judgement.promised}"
    )
