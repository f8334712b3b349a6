"""Which patterns the proxy can compile: the syntax of Rust's `regex` crate (§1.40, §1.71).

It is linear-time, so it has no look-around and no back-references, and it refuses several things that other
engines take for literals (`a{`, `\\Z`, `x{,3}`). Unknown Unicode property names, patterns in verbose mode `(?x)` and
the crate's limit on the size of a compiled pattern are not looked into.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_FLAGS: Final = "imsUuRx"
_CLASS_ESCAPES: Final = "dswDSW"
_CONTROL_ESCAPES: Final = {"a": 7, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_ASSERTION_ESCAPES: Final = "AzBb<>"
_BOUNDARIES: Final = ("start", "end", "start-half", "end-half")
_HEX_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_ASCII_CLASSES: Final = " alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit "
_CATEGORIES: Final = "CLMNPSZ"
_DEEPEST: Final = 250
_LARGEST: Final = 2**32 - 1


def regex_problem(pattern: str) -> str | None:
    """Why the proxy cannot compile this pattern, in a few words, or None if it can."""
    try:
        _Scanner(pattern).scan()
    except _VerboseMode:
        return None
    except _Refused as refused:
        return str(refused)
    return None


class _Refused(Exception):
    pass


class _VerboseMode(Exception):
    pass


@dataclass(slots=True)
class _Scanner:
    """One pass over a pattern; `repeatable` says whether something stands before the cursor to repeat."""

    pattern: str
    at: int = 0
    repeatable: bool = False
    depth: int = 0
    names: set[str] = field(default_factory=set)

    def scan(self) -> None:
        while self.at < len(self.pattern):
            self._step()
        if self.depth:
            raise _Refused("a '(' is never closed")

    def _step(self) -> None:
        char = self._take()
        if char == "(":
            self._open_group()
        elif char == ")":
            self._close_group()
        elif char == "|":
            self.repeatable = False
        elif char in "?*+":
            self._repeat(char)
        elif char == "{":
            self._repeat_counted()
        else:
            self._primitive(char)
            self.repeatable = True

    def _primitive(self, char: str) -> None:
        if char == "[":
            self._set()
        elif char == "\\":
            self._escape(in_set=False)

    def _peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def _take(self) -> str:
        if self.at >= len(self.pattern):
            raise _Refused("it ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def _skip(self, text: str) -> bool:
        found = self._peek(text)
        self.at += len(text) if found else 0
        return found

    def _until(self, end: str, what: str) -> str:
        stop = self.pattern.find(end, self.at)
        if stop < 0:
            raise _Refused(f"{what} is never closed")
        text, self.at = self.pattern[self.at : stop], stop + len(end)
        return text

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Refused(f"it is nested deeper than {_DEEPEST}")

    # groups

    def _open_group(self) -> None:
        for prefix in ("?=", "?!", "?<=", "?<!"):
            if self._peek(prefix):
                raise _Refused(f"look-around '({prefix}' is not supported")
        if self._skip("?P<") or self._skip("?<"):
            self._group_name(self._until(">", "a group name"))
        elif self._skip("?") and not self._flags():
            self.repeatable = False
            return  # `(?i)` sets flags and is no group
        self._deeper()
        self.repeatable = False

    def _close_group(self) -> None:
        if not self.depth:
            raise _Refused("a ')' was never opened")
        self.depth -= 1
        self.repeatable = True

    def _group_name(self, name: str) -> None:
        rest = name[1:].translate(str.maketrans("", "", "._[]"))
        if not (name[:1] == "_" or name[:1].isalpha()) or not (rest == "" or rest.isalnum()):
            raise _Refused(f"'{name}' is no group name")
        if name in self.names:
            raise _Refused(f"group name '{name}' is used twice")
        self.names.add(name)

    def _flags(self) -> bool:
        """Read flags up to ':' (a group follows: True) or ')' (False)."""
        seen = ""
        while (char := self._take()) not in ":)":
            if char not in _FLAGS + "-":
                raise _Refused(f"'(?{seen}{char}' is not supported")
            if char in seen:
                raise _Refused(f"'{char}' is repeated in '(?{seen}{char}'")
            seen += char
        if seen.endswith("-") or (char == ")" and not seen):
            raise _Refused(f"'(?{seen}{char}' sets nothing")
        if "x" in seen.partition("-")[0]:
            raise _VerboseMode
        return char == ":"

    # repetition

    def _repeat(self, operator: str) -> None:
        if not self.repeatable:
            raise _Refused(f"'{operator}' has nothing to repeat")
        self._skip("?")

    def _repeat_counted(self) -> None:
        if not self.repeatable:
            raise _Refused("'{' has nothing to repeat")
        low, comma, high = self._until("}", "a '{'").partition(",")
        least = self._count(low)
        if comma and high.strip() and self._count(high) < least:
            raise _Refused(f"'{{{low},{high}}}' counts down")
        self._skip("?")

    def _count(self, text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit()) or int(digits[:20]) > _LARGEST:
            raise _Refused(f"'{text}' is no repetition count")
        return int(digits[:20])

    # escapes: each answers the code point, or None for a class or assertion

    def _escape(self, *, in_set: bool) -> int | None:
        char = self._take()
        if char.isdigit() and char.isascii():
            raise _Refused(f"back-reference or octal '\\{char}' is not supported")
        if char in _HEX_DIGITS:
            return self._hexadecimal(char)
        if char in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[char]
        if char.isascii() and not char.isalnum() and char not in _ASSERTION_ESCAPES:
            return ord(char)
        self._escape_without_code(char, in_set)
        return None

    def _escape_without_code(self, char: str, in_set: bool) -> None:
        if char in "pP":
            self._property()
        elif char in _ASSERTION_ESCAPES:
            self._assertion(char, in_set)
        elif char not in _CLASS_ESCAPES:
            raise _Refused(f"'\\{char}' means nothing")

    def _hexadecimal(self, kind: str) -> int:
        digits = self._until("}", f"'\\{kind}{{'") if self._skip("{") else self._take_many(_HEX_DIGITS[kind])
        try:
            code = int(digits, 16) if digits.isalnum() else -1
        except ValueError:
            code = -1
        if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise _Refused(f"'{digits}' is no hexadecimal code point")
        return code

    def _take_many(self, count: int) -> str:
        return "".join(self._take() for _ in range(count))

    def _property(self) -> None:
        if self._skip("{"):
            name = self._until("}", "'\\p{'").removeprefix("^")
            if not name:
                raise _Refused("'\\p{}' names no property")
        elif (name := self._take()).upper() not in _CATEGORIES:
            raise _Refused(f"'\\p{name}' is no category")

    def _assertion(self, char: str, in_set: bool) -> None:
        if in_set:
            raise _Refused(f"'\\{char}' cannot stand in brackets")
        if char == "b" and self._peek("{"):
            self._boundary()

    def _boundary(self) -> None:
        stop = self.pattern.find("}", self.at)
        name = self.pattern[self.at + 1 : stop].strip() if stop >= 0 else ""
        if not name or not name.replace("-", "a").isalpha():
            return  # a counted repetition of `\b`, which the caller reads next
        if name not in _BOUNDARIES:
            raise _Refused(f"'\\b{{{name}}}' is no boundary")
        self.at = stop + 1

    # bracketed classes

    def _set(self) -> None:
        self._deeper()
        self._skip("^")
        if not self._leading_hyphens():
            self._skip("]")
        while not self._skip("]"):
            if self.at >= len(self.pattern):
                raise _Refused("a '[' is never closed")
            if not any(self._skip(operator) for operator in ("&&", "--", "~~")):
                self._set_item()
        self.depth -= 1

    def _leading_hyphens(self) -> bool:
        found = False
        while self._skip("-"):
            found = True
        return found

    def _set_item(self) -> None:
        if self._skip("["):
            if not self._ascii_class():
                self._set()
            return
        low = self._set_primitive()
        if not self._peek("-") or self._peek("-]") or self._peek("--"):
            return
        self._skip("-")
        high = self._set_primitive()
        if low is None or high is None:
            raise _Refused("a range in brackets has a class at one end")
        if low > high:
            raise _Refused(f"range '{chr(low)}-{chr(high)}' counts down")

    def _set_primitive(self) -> int | None:
        char = self._take()
        return self._escape(in_set=True) if char == "\\" else ord(char)

    def _ascii_class(self) -> bool:
        if not self._peek(":"):
            return False
        stop = self.pattern.find(":]", self.at)
        name = self.pattern[self.at + 1 : stop].removeprefix("^") if stop >= 0 else ""
        if not name.isalpha() or f" {name} " not in _ASCII_CLASSES:
            return False
        self.at = stop + 2
        return True
