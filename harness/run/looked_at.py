"""What claims look at in responses: a burst keeps that much of each, and no claim is judged by what was not kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.scenario.claims import Criteria
from harness.traffic.plan import ALL_HEADERS, Plan


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Parts of responses.

    headers  lower-case names; `*` is all
    bodies   whether bodies are looked into
    """

    headers: frozenset[str] = frozenset()
    bodies: bool = False

    @classmethod
    def by(cls, criteria: Criteria) -> LookedAt:
        """What must be known of each response to tell whether it has these properties."""
        names = frozenset(name.lower() for name in criteria.header or ())
        return cls(names, criteria.body_has is not None or criteria.body_lacks is not None)

    def __or__(self, other: LookedAt) -> LookedAt:
        return LookedAt(self.headers | other.headers, self.bodies or other.bodies)

    def not_kept_by(self, plan: Plan) -> Iterator[str]:
        """What of it a plan has not kept, in words."""
        kept = set(plan.keep_headers)
        if ALL_HEADERS not in kept:
            yield from (f"header {name}" for name in sorted(self.headers - kept))
        if self.bodies and not plan.body_start_bytes:
            yield "bodies"


NOTHING: Final = LookedAt()
EVERYTHING: Final = LookedAt(frozenset({ALL_HEADERS}), bodies=True)
"""For requests whose claims are not all known when they are sent."""
