"""Under which numbers the Gateway API's text has what Linkerd's rules say too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from harness.oracle.outcome import Outcome

SAME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "§1.6": "E15",
        "§1.7": "E17",
        "§1.8": "E15",
        "§1.9": "E20",
        "§1.17": "E3",
        "§1.18": "E4",
        "§1.23": "E57",
        "§1.26": "E61",
        "§1.30": "E54",
        "§1.33": "E55",
        "§1.34": "E55",
        "§1.46": "E22",
        "§1.48": "E33",
        "§1.57": "E44",
    }
)
"""By the numbers of Linkerd's rules; those that begin with E are the Gateway API's own already."""


def numbered(outcome: Outcome) -> Outcome:
    """The outcome with the numbers of the Gateway API's rules in its chain of reasons."""
    reasons = tuple(replace(reason, rule=SAME.get(reason.rule, reason.rule)) for reason in outcome.reasons)
    return replace(outcome, reasons=reasons)
