"""The Prometheus text format: just enough to read the proxy's counters and to write Linkerd's."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Labels = Mapping[str, str]
_Key = tuple[tuple[str, str], ...]

_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of an exposition."""

    name: str
    labels: Labels
    value: float


def parse_samples(text: str) -> Iterator[Sample]:
    """The samples of an exposition in their order, comments left out."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            yield Sample(name, {key: _unescape(text) for key, text in _LABEL.findall(labels)}, float(value))


@dataclass(slots=True)
class _Histogram:
    """Counts per bucket, the last one for what is above all limits."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Exposition:
    """Series to be written; the same series added twice adds up."""

    _simple: dict[str, tuple[str, defaultdict[_Key, float]]] = field(default_factory=dict)
    _histograms: dict[str, tuple[tuple[float, ...], dict[_Key, _Histogram]]] = field(default_factory=dict)

    def add(self, name: str, labels: Labels, value: float, *, kind: Literal["counter", "gauge"] = "counter") -> None:
        """Add to a counter or a gauge."""
        _, series = self._simple.setdefault(name, (kind, defaultdict(float)))
        series[tuple(labels.items())] += value

    def observe(self, name: str, labels: Labels, limits: tuple[float, ...], value: float, count: int) -> None:
        """Add `count` observations of one value to a histogram with these upper limits."""
        _, series = self._histograms.setdefault(name, (limits, {}))
        key = tuple(labels.items())
        histogram = series.setdefault(key, _Histogram([0] * (len(limits) + 1)))
        histogram.counts[bisect_left(limits, value)] += count
        histogram.total += value * count

    def text(self) -> str:
        """Everything added, as a scraper reads it."""
        return "".join((*self._simple_lines(), *self._histogram_lines()))

    def _simple_lines(self) -> Iterator[str]:
        for name, (kind, series) in sorted(self._simple.items()):
            yield f"# TYPE {name} {kind}\n"
            for key, value in series.items():
                yield f"{name}{{{_format(key)}}} {_number(value)}\n"

    def _histogram_lines(self) -> Iterator[str]:
        for name, (limits, series) in sorted(self._histograms.items()):
            yield f"# TYPE {name} histogram\n"
            for key, histogram in series.items():
                labels = _format(key)
                seen = 0
                for limit, count in zip((*map(_number, limits), "+Inf"), histogram.counts, strict=True):
                    seen += count
                    yield f'{name}_bucket{{{labels},le="{limit}"}} {seen}\n'
                yield f"{name}_sum{{{labels}}} {_number(histogram.total)}\n{name}_count{{{labels}}} {seen}\n"


def _format(key: _Key) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in key)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 9))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unescape(text: str) -> str:
    return re.sub(r"\\.", lambda match: _ESCAPED.get(match[0], match[0]), text)
