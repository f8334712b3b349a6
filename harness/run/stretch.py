"""The part of a story that is judged, for whoever runs it to see it break: every step is done, not all are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.scenario.expectations import Expectation


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where judging begins and ends.

    first  index of the first step that is judged; the steps before it are done and settled all the same
    last   index of the step after which the story ends; None: it is told to its end
    only   names of the expectations, and of the lines of `always`, that are asked; None: all of them
    hasty  end at the first broken expectation, rather than after its step
    """

    first: int = 0
    last: int | None = None
    only: frozenset[str] | None = None
    hasty: bool = False

    def asks(self, name: str) -> bool:
        """Whether the promise of this name is judged."""
        return self.only is None or name in self.only

    def of_step(self, index: int, then: Sequence[Expectation]) -> list[Expectation]:
        """The expectations of a step that are judged; those that save values always are: later ones need them."""
        return [one for one in then if (index >= self.first and self.asks(one.expect)) or _saves(one)]

    def ends_after(self, index: int) -> bool:
        """Whether the story ends with this step."""
        return self.last is not None and index >= self.last


def _saves(expectation: Expectation) -> bool:
    return expectation.each is not None and any(row.save for row in expectation.each.rows)


WHOLE = Stretch()
"""All of the story."""
