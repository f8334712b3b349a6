"""Plots as HTML: lines and areas in an SVG that stretches, text beside it that does not, so both fit any screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

from markupsafe import Markup, escape

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to percent of a plot's width or height."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """0 at the low end, 100 at the high one; what lies outside stands at the edge."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = log10(low), log10(high), log10(max(value, low))
        return round(100 * min(1.0, max(0.0, (value - low) / ((high - low) or 1.0))), 3)

    def ticks(self, most: int) -> list[float]:
        """Round values within the scale, few enough to be read."""
        if self.logarithmic:
            powers = range(ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9) + 1)
            return [10.0**power for power in powers][:: max(1, ceil(len(powers) / most))]
        step = _round_step((self.high - self.low) / most)
        first = ceil(self.low / step - 1e-9)
        return [round(n * step, 10) for n in range(first, floor(self.high / step + 1e-9) + 1)]


def _round_step(least: float) -> float:
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least - 1e-12)


@dataclass(slots=True)
class Plot:
    """Collects shapes in the order in which they are drawn.

    said  the plot in words, for those who do not see it
    tall  height in rem
    """

    x: Scale
    y: Scale
    said: str
    tall: float = 9.0
    _shapes: list[Markup] = field(default_factory=list)
    _texts: list[Markup] = field(default_factory=list)

    def line(self, points: Iterable[Point], style: str) -> None:
        """A line through points."""
        self._shapes.append(Markup('<polyline class="{}" points="{}"/>').format(style, self._way(points)))

    def steps(self, points: Sequence[Point], style: str) -> None:
        """A line that keeps each value until the next one."""
        way = [
            spot
            for (x, y), after in zip(points, [*points[1:], points[-1]], strict=True)
            for spot in ((x, y), (after[0], y))
        ]
        self.line(way, style)

    def area(self, lower: Sequence[Point], upper: Sequence[Point], style: str) -> None:
        """What lies between two lines."""
        way = self._way([*upper, *reversed(lower)])
        self._shapes.append(Markup('<polygon class="{}" points="{}"/>').format(style, way))

    def bar(self, left: float, right: float, low: float, high: float, style: str) -> None:
        """A filled rectangle."""
        x, y, top = self.x.at(left), self.y.at(low), self.y.at(high)
        width, height = max(0.0, round(self.x.at(right) - x, 3)), round(top - y, 3)
        if height > 0:
            shape = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>')
            self._shapes.append(shape.format(style, x, round(100 - top, 3), width, height))

    def upright(self, x: float, style: str) -> None:
        """A line from bottom to top."""
        self.line([(x, self.y.low), (x, self.y.high)], style)

    def level(self, y: float, style: str, label: str = "") -> None:
        """A line from left to right, named at its right end."""
        self.line([(self.x.low, y), (self.x.high, y)], style)
        if label:
            text = Markup('<span class="level" style="bottom:{}%">{}</span>')
            self._texts.append(text.format(self.y.at(y), label))

    def text(self, x: float, label: str, style: str) -> None:
        """A word at the top, above a place of the x axis."""
        self._texts.append(Markup('<span class="{}" style="left:{}%">{}</span>').format(style, self.x.at(x), label))

    def axes(self, x_label: Callable[[float], str], y_label: Callable[[float], str], *, most_y: int = 4) -> None:
        """Ticks with their values, and a faint line for each of the y axis."""
        for value in self.x.ticks(5):
            self._texts.append(
                Markup('<span class="x" style="left:{}%">{}</span>').format(self.x.at(value), x_label(value))
            )
        grid = []
        for value in self.y.ticks(most_y):
            self._texts.append(
                Markup('<span class="y" style="bottom:{}%">{}</span>').format(self.y.at(value), y_label(value))
            )
            grid.append(
                Markup('<polyline class="grid" points="{}"/>').format(
                    self._way([(self.x.low, value), (self.x.high, value)])
                )
            )
        self._shapes[:0] = grid

    def html(self) -> Markup:
        """The plot, one image to a screen reader."""
        return Markup(
            '<div class="frame" role="img" aria-label="{}" style="--tall:{}rem">'
            '<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{}</svg>{}</div>'
        ).format(self.said, self.tall, Markup("").join(self._shapes), Markup("").join(self._texts))

    def _way(self, points: Iterable[Point]) -> str:
        return " ".join(f"{self.x.at(x):g},{round(100 - self.y.at(y), 3):g}" for x, y in points)


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """What the colours mean: (style, words)."""
    items = (
        Markup('<li><i class="{}" aria-hidden="true"></i>{}</li>').format(style, escape(words))
        for style, words in entries
    )
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
