"""How much work a rule can be for an object: known before it is evaluated, for nothing can stop it afterwards.

An upper bound, and a rough one: a macro (`all`, `exists`, `map` …) looks at every element of a collection, and one
inside another does so for each element of the outer one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

BUDGET: Final = 1_000_000
"""Steps for all rules of one write: half a second at most; a real API server allows as much for one rule."""
LONGEST_RULE: Final = 4096
"""Characters of one expression; the engine parses by recursion, and ten times as many take the process down."""

_QUOTED = re.compile(
    r"//[^\n]*"  # a comment may hold quotes, and quotes may hold two slashes: whatever begins first counts
    r"|[rR][bB]?(?:'[^']*'|\"[^\"]*\")"
    r"|\"\"\"(?:\\.|.)*?\"\"\"|'''(?:\\.|.)*?'''"
    r"|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'",
    re.DOTALL,
)
_MACRO = r"\.\s*(?:all|exists|exists_one|existsOne|map|filter|transformList|transformMap|transformMapEntry)\s*\("
_STEP = re.compile(rf"{_MACRO}|[()]")
_CHARACTERS: Final = 10_000
"""Of a text that is searched: as much work as one step."""


def steps(expression: str, *values: Any) -> int:
    """The most steps that evaluating `expression` on these values takes."""
    depths, written, summed, splits = _form(expression)
    if not depths:
        return 1
    elements, characters = _largest(values)
    elements = max(max(elements, characters if splits else 0) * summed, written)
    return sum(int(elements**depth) for depth in depths) * (1 + characters // _CHARACTERS)


@cache
def _form(expression: str) -> tuple[tuple[int, ...], int, int, bool]:
    """How deep its macros are; elements of a list it writes down; lists it may add up; whether it splits texts."""
    code = _QUOTED.sub("''", expression)
    return tuple(_depths(code)), code.count(",") + 1, code.count("+") + 1, "split" in code


def _depths(code: str) -> list[int]:
    """For each macro in how many it is, itself among them."""
    found: list[int] = []
    open_: list[bool] = []
    for step in _STEP.findall(code):
        if step == ")":
            if open_:
                open_.pop()
            continue
        open_.append(step != "(")
        if open_[-1]:
            found.append(sum(open_))
    return found


def _largest(values: Any) -> tuple[int, int]:
    """Elements of the largest collection and characters of the longest text anywhere in `values`."""
    elements, characters, left = 0, 0, list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            characters = max(characters, len(value))
        elif isinstance(value, dict | list):
            elements = max(elements, len(value))
            left.extend(value.values() if isinstance(value, dict) else value)
    return elements, characters
