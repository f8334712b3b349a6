"""Command lines as Go's flag parsers take them, and the values they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.embedded.apps.traffic import UsageError, go_duration

Reader = Callable[[str], Any]
Flags = Mapping[str, tuple[Reader, Any]]
"""How each flag is read, and its value if it is not given."""

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def text(written: str) -> str:
    """Itself."""
    return written


def number(written: str) -> int:
    """A whole number, also as 0x2A; raises ValueError."""
    try:
        return int(written, 0)
    except ValueError:
        raise ValueError(f"parsing {written!r}: invalid syntax") from None


def truth(written: str) -> bool:
    """`true` or `false` in the spellings Go knows; raises ValueError."""
    if written not in _TRUE | _FALSE:
        raise ValueError(f"parsing {written!r}: invalid syntax")
    return written in _TRUE


def words(written: str) -> tuple[str, ...]:
    """Words between commas; a flag of this kind adds up when it is repeated."""
    return tuple(written.split(","))


duration = go_duration


def read_flags(
    line: Sequence[str], readers: Mapping[str, Reader], *, dashes: tuple[str, ...] = ("--",)
) -> tuple[dict[str, Any], list[str]]:
    """The flags of a command line by name, and the words that are no flags.

    line     without the program's name; `--name=value` or `--name value`, only `--name` where truth is read
    dashes   what a flag begins with, longest first
    raises   UsageError with exit code 2, or with 0 if help was asked for
    """
    given: dict[str, Any] = {}
    rest: list[str] = []
    left = list(line)
    while left:
        word = left.pop(0)
        if word == "--":
            return given, rest + left
        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue
        name, equals, value = _name(word, readers, dashes).partition("=")
        if not equals:
            value = _next_value(name, readers[name], left)
        given[name] = _added(given.get(name), _read(name, value, readers[name]))
    return given, rest


def _name(word: str, readers: Mapping[str, Reader], dashes: tuple[str, ...]) -> str:
    """The flag without its dashes, with its value if that is attached."""
    if word in ("-h", "--help"):
        raise UsageError("flags: " + ", ".join(f"{dashes[-1]}{name}" for name in sorted(readers)), 0)
    for dash in dashes:
        flag = word.removeprefix(dash)
        if word.startswith(dash) and flag.partition("=")[0] in readers:
            return flag
    raise UsageError(f"unknown flag: {word.partition('=')[0]}", 2)


def _next_value(name: str, reader: Reader, left: list[str]) -> str:
    if reader is truth:
        return "true"
    if not left:
        raise UsageError(f"flag needs an argument: --{name}", 2)
    return left.pop(0)


def _read(name: str, value: str, reader: Reader) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        raise UsageError(f'invalid argument "{value}" for "--{name}" flag: {error}', 2) from None


def _added(before: Any, value: Any) -> Any:
    return before + value if isinstance(before, tuple) else value
