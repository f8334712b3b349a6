"""No rule about outcomes is forgotten: each is named where the oracle follows it, or docs/explain.md says why not."""

from __future__ import annotations

import re

from harness.tests.oracle.cluster import ROOT

COUNTS = {1: 74, 2: 14, 3: 30, 4: 16}
"""How many rules sections 1 to 4 of the semantics have."""
RULES = {f"§{section}.{number}" for section, count in COUNTS.items() for number in range(1, count + 1)}


def named(text: str) -> set[str]:
    return set(re.findall(r"§\d+\.\d+", text)) & RULES


def listed() -> set[str]:
    """The rules of the table in the docs that are not followed."""
    return {
        rule
        for row in re.findall(r"^\| (§.*?) \|", (ROOT / "docs/explain.md").read_text(), re.M)
        for rule in named(row)
    }


def followed() -> set[str]:
    return {rule for path in (ROOT / "harness/oracle").glob("*.py") for rule in named(path.read_text())}


def test_every_rule_is_followed_or_listed() -> None:
    assert sorted(RULES - followed() - listed()) == []


def test_what_is_followed_is_not_listed() -> None:
    assert sorted(followed() & listed()) == []
