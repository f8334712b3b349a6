"""What came back over time, with the steps of the story drawn in."""

from __future__ import annotations

from collections import Counter, defaultdict

from markupsafe import Markup

from harness.report.html.outcomes import KINDS, NAMES, Seen, seen
from harness.report.html.plot import Plot, Scale, legend
from harness.report.story import ALWAYS, ScenarioTold
from harness.report.words import MARKS
from harness.verdict.judgement import Verdict

MOST_BARS = 160


def timeline(scenario: ScenarioTold) -> Markup:
    """Responses per second, stacked by kind; empty if no request was sent."""
    everything = [one for made in scenario.requests for one in seen(made)]
    if not everything:
        return Markup("")
    width = _bar_seconds(scenario.end - scenario.begin)
    bars = _bars(everything, scenario.begin, width)
    highest = max(sum(bar.values()) for bar in bars.values()) / width
    plot = Plot(
        Scale(0.0, scenario.end - scenario.begin), Scale(0.0, highest * 1.05), _in_words(scenario, everything), 12
    )
    _draw_steps(plot, scenario)
    for begin, bar in sorted(bars.items()):
        low = 0.0
        for kind in KINDS:
            high = low + bar[kind] / width
            plot.bar(begin, begin + width, low, high, f"k{kind}")
            low = high
    _draw_verdicts(plot, scenario)
    plot.axes(lambda x: f"{x:g} s", lambda y: f"{y:g}/s")
    shown = [kind for kind in KINDS if any(one.kind == kind for one in everything)]
    entries = [(f"k{kind}", NAMES[kind]) for kind in shown]
    return plot.html() + legend([*entries, ("settled", "change in force"), ("judged", "verdict")])


def _bar_seconds(length: float) -> float:
    return next(
        width
        for width in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 600)
        if length / width <= MOST_BARS or width == 600
    )


def _bars(everything: list[Seen], zero: float, width: float) -> dict[float, Counter[str]]:
    bars: dict[float, Counter[str]] = defaultdict(Counter)
    for one in everything:
        bars[round(int((one.at - zero) / width) * width, 6)][one.kind] += one.count
    return bars


def _draw_steps(plot: Plot, scenario: ScenarioTold) -> None:
    for number, step in enumerate((s for s in scenario.steps if s.name != ALWAYS), 1):
        begin, end = step.begin - scenario.begin, step.end - scenario.begin
        plot.bar(begin, end, plot.y.low, plot.y.high, "odd" if number % 2 else "even")
        plot.text((begin + end) / 2, str(number), "step")
        if step.settled_at is not None:
            plot.upright(step.settled_at - scenario.begin, "settled")


def _draw_verdicts(plot: Plot, scenario: ScenarioTold) -> None:
    for result in scenario.results:
        at = scenario.judged_at[result.name] - scenario.begin
        plot.upright(at, f"judged {result.verdict}")
        if result.verdict is not Verdict.HOLDS:
            plot.text(at, MARKS[result.verdict], f"verdict {result.verdict}")


def _in_words(scenario: ScenarioTold, everything: list[Seen]) -> str:
    counts: Counter[str] = Counter()
    for one in everything:
        counts[one.kind] += one.count
    told = ", ".join(f"{counts[kind]} {NAMES[kind]}" for kind in KINDS if counts[kind])
    return f"Responses per second over {scenario.seconds:.0f} seconds of {scenario.name}: {told}"
