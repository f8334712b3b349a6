"""What all reports call things."""

from __future__ import annotations

from harness.errors import Exit
from harness.verdict.judgement import Verdict

WORDS = {Verdict.HOLDS: "holds", Verdict.BROKEN: "BROKEN", Verdict.INCONCLUSIVE: "INCONCLUSIVE"}


def after_count(verdict: Verdict, count: int) -> str:
    """The word after a number: «1 holds», «66 hold», «2 BROKEN»."""
    return "hold" if verdict is Verdict.HOLDS and count != 1 else WORDS[verdict]


MARKS = {Verdict.HOLDS: "✓", Verdict.BROKEN: "✗", Verdict.INCONCLUSIVE: "?"}
SUMMARY = {
    Exit.HELD: "every expectation holds",
    Exit.BROKEN: "an expectation is broken",
    Exit.INCONCLUSIVE: "inconclusive, nothing is broken",
    Exit.ENVIRONMENT: "the environment failed",
    Exit.INPUT: "bad input",
    Exit.INTERRUPTED: "interrupted",
}
