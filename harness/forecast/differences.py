"""Where a cluster's mesh is known to do things in its own way: words for profiles, and what to tell of an outcome.

A profile lists the words that are true of its cluster under `differs` (fixtures/clusters.yaml).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.oracle import Outcome


@dataclass(frozen=True, slots=True)
class Known:
    """One difference.

    concerns    whether it shows in an outcome
    sentence    what this cluster does instead
    """

    concerns: Callable[[Outcome], bool]
    sentence: str


DIFFERENCES: Final[Mapping[str, Known]] = MappingProxyType(
    {
        "no-wait-before-504": Known(
            lambda outcome: outcome.timing in ("fail-fast", "cut off"),
            "this cluster answers 504 at once, and never 503: nobody waits 3 s for an endpoint (§1.28)",
        ),
        "refusals-are-told": Known(
            lambda outcome: outcome.by == "network",
            "here clients ask through a proxy, which answers 502 or 504 where a connection is refused (§1.8)",
        ),
        "no-weights-is-503": Known(
            lambda outcome: outcome.by == "client's proxy" and outcome.status is None,
            "this cluster answers 503 where the connection would be closed (§1.34)",
        ),
        "retries-go-elsewhere": Known(
            lambda outcome: outcome.limits.retry is not None,
            "here a retry goes to a backend not tried yet, and a late answer of an earlier attempt counts (§1.37)",
        ),
        "errors-keep-connections": Known(
            lambda outcome: 504 in outcome.also and outcome.by == "app",
            "this cluster keeps the connection open after a timeout, in every dialect (§2.2)",
        ),
    }
)


def told(outcome: Outcome, words: Iterable[str]) -> Iterator[str]:
    """The differences of a cluster that show in an outcome."""
    return (known.sentence for word in words if (known := DIFFERENCES.get(word)) and known.concerns(outcome))
