"""Patterns in the syntax of Rust's `regex` crate as trees over ASCII (§1.40).

A set of characters is one integer: bit n is the character with code n, bit 128 all characters beyond ASCII, which
request paths never hold. What the tree cannot say exactly is refused by name, never approximated.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

OTHER: Final = 1 << 128
ANY: Final = (1 << 129) - 1
_DEEPEST: Final = 100
_MOST_COPIES: Final = 1000


class RegexRefused(Exception):
    """A pattern cannot be expressed in the proxy; says which part and why."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    mask: int


@dataclass(frozen=True, slots=True)
class Concat:
    """One after the other; nothing at all if empty."""

    items: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """Alternatives, the preferred one first."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repetition; `most` None means any number; greedy prefers more, lazy fewer."""

    item: Tree
    least: int
    most: int | None
    greedy: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """The start or the end of the text."""

    at: Literal["start", "end"]


Tree: TypeAlias = Chars | Concat | Either | Repeat | Edge

EMPTY: Final = Concat()


def literal(text: str) -> Tree:
    """The tree that matches exactly this text."""
    return Concat(tuple(Chars(_bit(char)) for char in text))


def parse(pattern: str) -> Tree:
    """The tree of a pattern; raises RegexRefused for what is invalid or cannot be expressed."""
    parser = _Parser(pattern)
    tree = parser.alternatives(_Flags())
    if parser.at < len(pattern):
        raise RegexRefused("a ')' was never opened")
    return tree


def _bit(char: str) -> int:
    if ord(char) > 127:
        raise RegexRefused(f"'{char}' is beyond ASCII")
    return 1 << ord(char)


def _span(low: int, high: int) -> int:
    if high > 127 and (low > 128 or high < 0x10FFFF):
        raise RegexRefused("a range ends beyond ASCII")
    beyond = OTHER if high > 127 else 0
    return beyond | sum(1 << code for code in range(low, min(high, 127) + 1))


def _among(chars: str) -> int:
    return sum(1 << ord(char) for char in set(chars))


_DIGIT: Final = _span(48, 57)
_UPPER: Final = _span(65, 90)
_LOWER: Final = _span(97, 122)
_WORD: Final = _DIGIT | _UPPER | _LOWER | _among("_")
_SPACE: Final = _among(" \t\n\r\f\v")
_GRAPHIC: Final = _span(33, 126)
_CLASSES: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE, "D": ANY & ~_DIGIT, "W": ANY & ~_WORD, "S": ANY & ~_SPACE}
_CONTROLS: Final = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_HEX_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_POSIX: Final = {
    "alnum": _DIGIT | _UPPER | _LOWER,
    "alpha": _UPPER | _LOWER,
    "ascii": _span(0, 127),
    "blank": _among(" \t"),
    "cntrl": _span(0, 31) | 1 << 127,
    "digit": _DIGIT,
    "graph": _GRAPHIC,
    "lower": _LOWER,
    "print": _GRAPHIC | _among(" "),
    "punct": _GRAPHIC & ~(_DIGIT | _UPPER | _LOWER),
    "space": _SPACE,
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": _DIGIT | _among("abcdefABCDEF"),
}


@dataclass(frozen=True, slots=True)
class _Flags:
    ignore_case: bool = False
    dot_is_all: bool = False
    swap_greed: bool = False

    def fold(self, mask: int) -> int:
        if not self.ignore_case:
            return mask
        return mask | (mask & _UPPER) << 32 | (mask & _LOWER) >> 32


@dataclass(slots=True)
class _Parser:
    """A cursor over the pattern; each method reads one construct and leaves the cursor behind it."""

    pattern: str
    at: int = 0
    depth: int = field(default=0)

    def alternatives(self, flags: _Flags) -> Tree:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RegexRefused(f"it is nested deeper than {_DEEPEST}")
        branches: list[Tree] = []
        items: list[Tree] = []
        while self.at < len(self.pattern) and not self._peek(")"):
            if self._skip("|"):
                branches.append(Concat(tuple(items)))
                items = []
            elif (changed := self._inline_flags(flags)) is not None:
                flags = changed
            else:
                items.append(self._repeated(flags))
        self.depth -= 1
        branches.append(Concat(tuple(items)))
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _repeated(self, flags: _Flags) -> Tree:
        tree = self._atom(flags)
        while (bounds := self._bounds()) is not None:
            lazy = self._skip("?")
            tree = Repeat(tree, *bounds, greedy=lazy == flags.swap_greed)
        return tree

    def _bounds(self) -> tuple[int, int | None] | None:
        for operator, bounds in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._skip(operator):
                return bounds
        if not self._skip("{"):
            return None
        low, comma, high = self._until("}", "a '{'").partition(",")
        least = self._count(low)
        most = self._count(high) if high.strip() else None if comma else least
        if most is not None and most < least:
            raise RegexRefused(f"'{{{low},{high}}}' counts down")
        return least, most

    def _count(self, text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit()):
            raise RegexRefused(f"'{text}' is no repetition count")
        if len(digits) > 4 or int(digits) > _MOST_COPIES:
            raise RegexRefused(f"it repeats more than {_MOST_COPIES} times")
        return int(digits)

    def _atom(self, flags: _Flags) -> Tree:
        char = self._take()
        if char == "(":
            return self._group(flags)
        if char == "[":
            return Chars(self._set(flags))
        if char == ".":
            return Chars(ANY if flags.dot_is_all else ANY & ~_bit("\n"))
        if char in "^$":
            return Edge("start" if char == "^" else "end")
        if char == "\\":
            return self._escaped(flags)
        if char in "?*+{":
            raise RegexRefused(f"'{char}' has nothing to repeat")
        return Chars(flags.fold(_bit(char)))

    def _group(self, flags: _Flags) -> Tree:
        for look in ("?=", "?!", "?<=", "?<!"):
            if self._peek(look):
                raise RegexRefused(f"look-around '({look}' is not supported")
        if self._skip("?P<") or self._skip("?<"):
            self._until(">", "a group name")
        elif self._skip("?"):
            flags = self._flags(flags, ":")
        tree = self.alternatives(flags)
        if not self._skip(")"):
            raise RegexRefused("a '(' is never closed")
        return tree

    def _inline_flags(self, flags: _Flags) -> _Flags | None:
        """Read `(?i)`, which holds for the rest of the group; None if there is none here."""
        end = self.pattern.find(")", self.at)
        if not self._peek("(?") or end < 0 or not self.pattern[self.at + 2 : end].replace("-", "").isalpha():
            return None
        self.at += 2
        return self._flags(flags, ")")

    def _flags(self, flags: _Flags, end: str) -> _Flags:
        on = True
        while (char := self._take()) != end:
            if char == "-":
                on = False
            elif char in "isU":
                flags = replace(flags, **{{"i": "ignore_case", "s": "dot_is_all", "U": "swap_greed"}[char]: on})
            elif not (char == "u" and on):
                raise RegexRefused(f"flag '{char}' is not supported")
        return flags

    def _escaped(self, flags: _Flags) -> Tree:
        char = self._take()
        if char in "Az":
            return Edge("start" if char == "A" else "end")
        return Chars(flags.fold(self._ascii_only(*self._escape(char))))

    def _escape(self, char: str) -> tuple[int, int]:
        """The set behind a backslash and its code point, -1 if it is a class."""
        if char in _CLASSES:
            return _CLASSES[char], -1
        if char in "pP":
            mask = self._category()
            return (mask if char == "p" else ANY & ~mask), -1
        if char in _HEX_DIGITS:
            code = self._hexadecimal(char)
            return (1 << code if code < 128 else 0), code
        if char.isalnum() and char not in _CONTROLS:
            raise RegexRefused(f"'\\{char}' is not supported")
        plain = _CONTROLS.get(char, char)
        return _bit(plain), ord(plain)

    def _hexadecimal(self, kind: str) -> int:
        digits = self._until("}", f"'\\{kind}{{'") if self._skip("{") else self._take_many(_HEX_DIGITS[kind])
        try:
            return int(digits, 16)
        except ValueError:
            raise RegexRefused(f"'{digits}' is no hexadecimal code point") from None

    def _category(self) -> int:
        name = self._until("}", "'\\p{'") if self._skip("{") else self._take()
        if name not in ("L", "Lu", "Ll", "N", "Nd", "P", "S", "Z", "Zs", "C", "Cc"):
            raise RegexRefused(f"property '\\p{{{name}}}' is not supported")
        return sum(1 << code for code in range(128) if unicodedata.category(chr(code)).startswith(name))

    # bracketed sets: unions joined by && (both), -- (without), ~~ (one of the two)

    def _set(self, flags: _Flags) -> int:
        negated = self._skip("^")
        mask = self._leading() | self._union()
        while not self._skip("]"):
            operator = self._take_many(2)
            other = self._union()
            mask = {"&&": mask & other, "--": mask & ~other, "~~": mask ^ other}[operator]
        mask = flags.fold(mask)
        return ANY & ~mask if negated else mask

    def _leading(self) -> int:
        """Hyphens, or else one ']', right after the bracket stand for themselves."""
        mask = 0
        while self._skip("-"):
            mask = _bit("-")
        return mask or (_bit("]") if self._skip("]") else 0)

    def _union(self) -> int:
        mask = 0
        while not any(self._peek(end) for end in ("]", "&&", "--", "~~")):
            mask |= self._member()
        return mask

    def _member(self) -> int:
        if self._peek("[:") and (end := self.pattern.find(":]", self.at)) > 0:
            name = self.pattern[self.at + 2 : end]
            if name.removeprefix("^") in _POSIX:
                self.at = end + 2
                mask = _POSIX[name.removeprefix("^")]
                return ANY & ~mask if name.startswith("^") else mask
        if self._skip("["):
            return self._set(_Flags())
        mask, low = self._single()
        if low < 0 or not self._peek("-") or self._peek("-]") or self._peek("--"):
            return self._ascii_only(mask, low)
        self._take()
        _, high = self._single()
        if high < low:
            raise RegexRefused("a range in brackets counts down or has a class at one end")
        return _span(low, high)

    @staticmethod
    def _ascii_only(mask: int, code: int) -> int:
        if code > 127:
            raise RegexRefused(f"'{chr(code)}' is beyond ASCII")
        return mask

    def _single(self) -> tuple[int, int]:
        char = self._take()
        if char == "\\":
            return self._escape(self._take())
        return (_bit(char) if ord(char) < 128 else 0), ord(char)

    # the cursor

    def _peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def _skip(self, text: str) -> bool:
        found = self._peek(text)
        self.at += len(text) if found else 0
        return found

    def _take(self) -> str:
        if self.at >= len(self.pattern):
            raise RegexRefused("it ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def _take_many(self, count: int) -> str:
        return "".join(self._take() for _ in range(count))

    def _until(self, end: str, what: str) -> str:
        stop = self.pattern.find(end, self.at)
        if stop < 0:
            raise RegexRefused(f"{what} is never closed")
        text, self.at = self.pattern[self.at : stop], stop + len(end)
        return text
