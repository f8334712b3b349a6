"""Trees as patterns of the proxy's engine (RE2), for raw text and for a form-encoded query value (§1.44)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from harness.embedded.dataplane.compile.regex.syntax import (
    ANY,
    OTHER,
    Chars,
    Concat,
    Edge,
    Either,
    RegexRefused,
    Repeat,
    Tree,
)

_LONGEST: Final = 20_000
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_ ,:;=!@%&~\"'<>#`")
_ASCII: Final = OTHER - 1
_NEVER_RAW: Final = sum(1 << ord(char) for char in "&+%# ")
_OTHER_ENCODED: Final = "%[c-fC-F][0-9a-fA-F](?:%[89abAB][0-9a-fA-F])+"


def raw_pattern(tree: Tree) -> str:
    """The pattern for a path or a header value as it is."""
    return _checked(_render(tree, _raw_set))


def encoded_pattern(tree: Tree) -> str:
    """The pattern for the same text form-encoded in any way: `%41` for `A`, `+` or `%20` for a space.

    A `%` that begins no valid escape, which decodes to itself, is not recognised.
    """
    return _checked(_render(tree, _encoded_set))


def _checked(pattern: str) -> str:
    if len(pattern) > _LONGEST:
        raise RegexRefused("it is too large once rewritten")
    return pattern


def _render(tree: Tree, of_set: Callable[[int], str]) -> str:
    match tree:
        case Chars(mask):
            return of_set(mask)
        case Edge(at):
            return "^" if at == "start" else "$"
        case Concat(items):
            return "".join(
                _grouped(item, of_set) if isinstance(item, Either) else _render(item, of_set) for item in items
            )
        case Either(items):
            return "|".join(_render(item, of_set) for item in items)
        case Repeat(item, least, most):
            return _grouped(item, of_set) + _bounds(least, most)


def _grouped(tree: Tree, of_set: Callable[[int], str]) -> str:
    text = _render(tree, of_set)
    return text if isinstance(tree, Chars) and (len(text) == 1 or _is_one_set(text)) else f"(?:{text})"


def _is_one_set(text: str) -> bool:
    return text.startswith("[") and text.find("]") == len(text) - 1


def _bounds(least: int, most: int | None) -> str:
    short = {(0, 1): "?", (0, None): "*", (1, None): "+"}.get((least, most))
    if short:
        return short
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"


def _raw_set(mask: int) -> str:
    if mask == ANY:
        return "(?s:.)"
    if mask & OTHER:
        return f"[^{_ranges(_ASCII & ~mask)}]"
    if mask and mask & (mask - 1) == 0:
        return _escape(mask.bit_length() - 1)
    return f"[{_ranges(mask)}]" if mask else r"[^\x00-\x{10FFFF}]"


def _encoded_set(mask: int) -> str:
    parts = []
    raw = mask & ~_NEVER_RAW
    if raw:
        parts.append(_raw_set(raw))
    if mask & 1 << ord(" "):
        parts.append(r"\+")
    parts += _percent_encoded(mask & _ASCII)
    if mask & OTHER:
        parts.append(_OTHER_ENCODED)
    return f"(?:{'|'.join(parts)})" if parts else _raw_set(0)


def _percent_encoded(mask: int) -> list[str]:
    """`%4[15]|%[67]0`: high digits that go with the same low digits share one part."""
    by_low: defaultdict[int, list[int]] = defaultdict(list)
    for high in range(8):
        low = mask >> 16 * high & 0xFFFF
        if low:
            by_low[low].append(high)
    return [f"%{_hex_set(highs)}{_hex_set([d for d in range(16) if low >> d & 1])}" for low, highs in by_low.items()]


def _hex_set(digits: list[int]) -> str:
    chars = "".join(dict.fromkeys(char for digit in digits for char in (f"{digit:x}", f"{digit:X}")))
    return chars if len(chars) == 1 else f"[{chars}]"


def _ranges(mask: int) -> str:
    text, code = "", 0
    while code < 128:
        end = code
        while mask >> end & 1 and end < 128:
            end += 1
        if end > code:
            text += _range(code, end - 1)
        code = end + 1
    return text


def _range(low: int, high: int) -> str:
    if low == high:
        return _escape_in_set(low)
    return f"{_escape_in_set(low)}{'-' if high > low + 1 else ''}{_escape_in_set(high)}"


def _escape(code: int) -> str:
    char = chr(code)
    if char in _PLAIN:
        return char
    return f"\\{char}" if char.isprintable() and char.isascii() else f"\\x{code:02x}"


def _escape_in_set(code: int) -> str:
    char = chr(code)
    return char if char.isalnum() or char in "/_" else f"\\x{code:02x}"
