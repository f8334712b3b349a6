"""podinfo's own metrics in Prometheus' text format: requests by status, and how long they took."""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(slots=True)
class _Histogram:
    """`counts` of observations per bucket, one more for those above all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


class Metrics:
    """Counts answered requests."""

    def __init__(self) -> None:
        self._totals: Counter[int] = Counter()
        self._took: dict[tuple[str, str, int], _Histogram] = {}

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answer; `path` is a route's label, so that there are few of them."""
        self._totals[status] += 1
        histogram = self._took.setdefault((method, path, status), _Histogram())
        histogram.counts[bisect.bisect_left(BUCKETS, seconds)] += 1
        histogram.seconds += seconds

    def text(self) -> str:
        """All of them, to be scraped."""
        lines = [
            "# HELP http_request_duration_seconds Seconds spent serving HTTP requests.",
            "# TYPE http_request_duration_seconds histogram",
        ]
        for (method, path, status), histogram in sorted(self._took.items()):
            lines += _histogram(f'method="{method}",path="{path}",status="{status}"', histogram)
        lines += [
            "# HELP http_requests_total The total number of HTTP requests.",
            "# TYPE http_requests_total counter",
            *(f'http_requests_total{{status="{status}"}} {total}' for status, total in sorted(self._totals.items())),
        ]
        return "\n".join(lines) + "\n"


def _histogram(labels: str, histogram: _Histogram) -> list[str]:
    name = "http_request_duration_seconds"
    lines, total = [], 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), histogram.counts, strict=True):
        total += count
        lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
    return [*lines, f"{name}_sum{{{labels}}} {histogram.seconds!r}", f"{name}_count{{{labels}}} {total}"]
