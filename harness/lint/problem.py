"""One finding, before it has a file and a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong at one place of one document.

    index   of the document among those given
    path    like `spec.rules[0].matches[1].path`; "" for the document itself
    """

    index: int
    path: str
    code: str
    sentence: str
