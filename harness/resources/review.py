"""The webhook's answer to one object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.resources.document import Problem


class Review(NamedTuple):
    """The webhook's answer: any denial refuses the object; warnings are shown and change nothing.

    Each is one sentence that begins with the path of the field, such as `spec.rules[0].matches[0].path.value: …`.
    """

    denials: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def as_sentences(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Problems as a review words them."""
    return tuple(str(problem) for problem in problems)
