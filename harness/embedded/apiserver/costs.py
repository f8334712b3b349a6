"""How much work a rule can be for an object: known before it is evaluated, for nothing can stop it afterwards.

An upper bound, and a rough one, of steps of half a microsecond: a macro does what is in it for each element of a
collection, `map` and `filter` copy what they have gathered so far for each one they add, and what an expression makes
larger (`x + x`, `[x, x]`) is larger wherever it goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache, lru_cache
from operator import add
from typing import Any, Final

BUDGET: Final = 1_000_000
"""Steps for all rules of one write: half a second at most; a real API server allows as much for one rule."""
LONGEST_RULE: Final = 4096
"""Characters of one expression; the engine parses by recursion, and ten times as many take the process down."""

_DEEPEST = 64
"""Brackets within brackets; published rules have ten."""
_HANDED_OVER = 3
"""Steps for each value that the engine is given."""
_COMPARED = 32
"""Values that are compared while one is copied."""
_SEARCHED = 8192
"""Characters that are searched or copied in one step."""
_MATCHED = 8
"""Characters that a regular expression looks at in one step."""

_QUOTED = re.compile(
    r"(?P<comment>//[^\n]*)"  # a comment may hold quotes, and quotes may hold two slashes: whatever begins first counts
    r"|\b[bB]?[rR](?:\"\"\".*?\"\"\"|'''.*?'''|\"[^\"\n]*\"|'[^'\n]*')"
    r"|\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''"
    r"|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'",
    re.DOTALL,
)
_TOKEN = re.compile(r"''|\d[\w.]*|\w+|[=!<>]=|&&|\|\||\S")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_PLAIN = frozenset(("size", "has", "contains", "startsWith", "endsWith", "matches", "isIP", "isCIDR", "duration"))
"""Functions whose value has nothing of what they are given."""
_MACROS = ("all", "exists", "exists_one", "existsOne", "map", "filter")
_Item = Any  # a token, or an opening bracket and what is in it: tuple[str, "_Items"]
_Items = tuple[_Item, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """The most that a value can be.

    length  elements it has itself
    width   elements of its largest collection
    cells   values in it, all told
    text    characters of its longest text
    """

    length: int = 1
    width: int = 1
    cells: int = 1
    text: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(*map(add, astuple(self), astuple(other)))

    def __or__(self, other: Size) -> Size:
        return Size(*map(max, astuple(self), astuple(other)))

    @property
    def part(self) -> Size:
        """What is picked from it."""
        return replace(self, length=self.width)


_NONE = Size(0, 0, 0)


def size_of(*values: Any) -> Size:
    """What the largest of these values is, and all of them together; rounded up, so that many values are of a size."""
    width, cells, text, left = 1, 0, 0, list(values)
    length = max([1, *(len(value) for value in values if isinstance(value, dict | list))])
    while left:
        value = left.pop()
        cells += 1
        if isinstance(value, str):
            text = max(text, len(value))
        elif isinstance(value, dict | list):
            width = max(width, len(value))
            left.extend(value.values() if isinstance(value, dict) else value)
        if isinstance(value, dict):
            text = max(text, *map(len, value), 0)
    return Size(*map(_rounded_up, (length, width, cells, text)))


def _rounded_up(count: int) -> int:
    unit = 1 << max(count.bit_length() - 4, 0)
    return -(-count // unit) * unit


def handing_over(size: Size) -> int:
    """Steps until the engine has values of this size."""
    return _HANDED_OVER * size.cells


@lru_cache(4096)
def steps(expression: str, size: Size) -> int:
    """The most steps that evaluating `expression` takes on values of this size."""
    items = _items(expression)
    if items is None:
        return BUDGET + 1
    return 1 + _work(items, {"self": size, "oldSelf": size, "''": Size(text=len(expression))})[0]


@cache
def _items(expression: str) -> _Items | None:
    """The expression by its brackets; None if it has too many of them within each other."""
    code = _QUOTED.sub(lambda found: " " if found["comment"] else " '' ", expression)
    levels: list[list[_Item]] = [[]]
    for token in _TOKEN.findall(code):
        if token in "([{":
            levels.append([token])
        elif token in _CLOSING and len(levels) > 1:
            opening, *within = levels.pop()
            levels[-1].append((opening, tuple(within)))
        else:
            levels[-1].append(token)
        if len(levels) > _DEEPEST:
            return None
    return tuple(levels[0])


def _work(items: _Items, names: Mapping[str, Size]) -> tuple[int, Size]:
    """The steps of what is between two brackets, and how large its value can be.

    names  what variables are, by name
    """
    work, largest, value = 0, Size(), _NONE
    for terms in _parted(items, _is_operator):
        parts = [_term(term, names) for term in _parted(terms, _is_joint)]
        value = sum((size for _, size in parts), _NONE)
        work += sum(steps for steps, _ in parts) + value.text // _SEARCHED
        work += value.cells if len(parts) > 1 else value.cells // _COMPARED
        largest |= value
    return work, largest


def _parted(items: _Items, ends: Any) -> Iterator[_Items]:
    part: list[_Item] = []
    for item in items:
        if ends(item):
            yield tuple(part)
            part = []
        else:
            part.append(item)
    yield tuple(part)


def _is_joint(item: _Item) -> bool:
    return item in ("+", ",")


def _is_operator(item: _Item) -> bool:
    return item == "in" or (isinstance(item, str) and not re.match(r"[\w'.,+]", item))


def _term(items: _Items, names: Mapping[str, Size]) -> tuple[int, Size]:
    """One operand: a value, and what is called on it or picked from it."""
    work, value, before = 0, _NONE, ""
    for item in items:
        if isinstance(item, str):
            if item == ".":
                continue
            if value is _NONE:
                value = names.get(item, _NONE)
            elif item not in _MACROS:
                value = value.part
            before = item
            continue
        opening, within = item
        if opening == "(" and before in _MACROS and value is not _NONE:
            done, value = _macro(before, value, within, names)
        elif opening == "(":
            done, given = _work(within, names)
            done, value = _call(before, value + given, done)
        else:
            inside, joined = _literal(within, names)
            done, value = inside, joined if value is _NONE else value.part
        work += done
        before = ""
    return work, value | Size()


def _macro(name: str, over: Size, within: _Items, names: Mapping[str, Size]) -> tuple[int, Size]:
    variable, *bodies = _parted(within, lambda item: item == ",")
    # The elements together have as many values as the collection: what costs as much as one has costs that for all.
    element = replace(over.part, cells=-(-over.cells // over.length))
    known = {**names, **{word: element for word in variable if isinstance(word, str)}}
    parts = [_work(body, known) for body in bodies]
    work = over.length * (1 + sum(steps for steps, _ in parts))
    made = parts[-1][1] if parts else Size()
    if name == "map":
        gathered = Size(over.length, max(over.length, made.width), over.length * made.cells, made.text)
    elif name == "filter":
        gathered = over
    else:
        return work, Size()
    return work + over.length * gathered.cells // 2, gathered


def _call(name: str, given: Size, work: int) -> tuple[int, Size]:
    if name == "split":
        pieces = given.text + 1
        return work + pieces, Size(pieces, pieces, pieces, given.text)
    work += given.text // (_MATCHED if name == "matches" else _SEARCHED)
    return work, Size() if name in _PLAIN else given


def _literal(within: _Items, names: Mapping[str, Size]) -> tuple[int, Size]:
    """A list or map that is written down, or an index: everything in it is in its value."""
    parts = [_term(term, names) for term in _parted(within, lambda item: _is_operator(item) or _is_joint(item)) if term]
    whole = sum((size for _, size in parts), _NONE)
    width = max([len(parts), *(size.width for _, size in parts)])
    return sum(steps for steps, _ in parts) + whole.cells, Size(len(parts), width, whole.cells + 1, whole.text)
