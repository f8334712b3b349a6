"""Regular expressions that cannot match what they are held against."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from re import _parser as parser  # type: ignore[attr-defined]  # the standard library's own reader of patterns
from typing import Any, Final

_IN_PATHS: Final = frozenset(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/%")
"""What a raw path is made of (RFC 3986, 3.3); clients percent-encode all else, and paths are not decoded."""


def why_no_path_matches(pattern: str) -> str:
    """Why no path can match, "" if one can as far as this can tell."""
    parsed = _parse(pattern)
    if parsed is None:
        return ""
    needed = list(_needed(parsed))
    for character in needed:
        if character not in _IN_PATHS:
            return f"it asks for {character!r}, which clients send percent-encoded, and paths are not decoded"
    first = _first(parsed)
    if first is not None and first != "/":
        return f"it begins with {first!r}, and every path begins with '/'"
    return ""


def hidden_branches(pattern: str) -> Iterator[tuple[str, str]]:
    """Alternatives at the top of a pattern of which an earlier one is the beginning: the later one never spans."""
    if "(" in pattern or "[" in pattern or "|" not in pattern:
        return
    branches = pattern.split("|")
    for number, later in enumerate(branches):
        for earlier in branches[:number]:
            plain = re.escape(earlier) == earlier.replace(".", "\\.") or re.escape(earlier) == earlier
            if plain and later.startswith(earlier) and later != earlier:
                yield earlier, later
                break


def is_everything(pattern: str) -> bool:
    """True for the ways to write «every path»."""
    return pattern.strip("^$") in (".*", "/.*", "/?.*", ".+")


def _parse(pattern: str) -> Any:
    try:
        return parser.parse(re.sub(r"\(\?<(?![=!])", "(?P<", pattern).replace(r"\z", r"\Z"))
    except re.error:
        return None


def _needed(parsed: Iterable[Any]) -> Iterator[str]:
    """Characters that every match contains."""
    for operator, argument in parsed:
        name = str(operator)
        if name == "LITERAL":
            yield chr(argument)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and argument[0] > 0:
            yield from _needed(argument[2])
        elif name == "SUBPATTERN":
            yield from _needed(argument[3])


def _first(parsed: Iterable[Any]) -> str | None:
    """The character that every match begins with, None if there is no such one."""
    for operator, argument in parsed:
        name = str(operator)
        if name == "AT":
            continue
        if name == "LITERAL":
            return chr(argument)
        if name == "SUBPATTERN":
            return _first(argument[3])
        return None
    return None
