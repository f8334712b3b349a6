"""Reads untyped Kubernetes documents and remembers everything that is wrong with them.

A `Node` is one JSON value with its place. Its readers never raise: a value of the wrong shape is noted in the
list shared by all nodes of the document, and the reader answers its default, so that one pass finds every problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_NAMES_OF_TYPES: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong at one place of a document.

    path    like `spec.rules[0].backendRefs[1].port`; "" for the document itself
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ResourceInvalid(Exception):
    """A document is not the resource that it claims to be; carries all problems."""

    def __init__(self, problems: Collection[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document; null and absent are the same, as they are to the API server."""

    value: Any
    path: str = ""
    problems: list[Problem] = field(default_factory=list)

    def report(self, message: str, key: str = "") -> None:
        """Note a problem with this value, or with its member `key`."""
        self.problems.append(Problem(self._place(key) if key else self.path, message))

    def has(self, key: str) -> bool:
        """True if the member is there and not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def child(self, key: str) -> Node:
        """The member as an object; an empty object if it is absent."""
        found = self._member(key, dict)
        return Node({} if found is None else found, self._place(key), self.problems)

    def items(self, key: str) -> list[Node]:
        """The objects of a list; entries that are no objects are reported and left out."""
        return [node for node in self._entries(key) if node._is(dict, "an object")]

    def texts(self, key: str) -> tuple[str, ...]:
        """The strings of a list; other entries are reported and left out."""
        return tuple(node.value for node in self._entries(key) if node._is(str, "a string"))

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """The member as a string; a required one is not empty."""
        found = self._member(key, str)
        if required and not found:
            self._miss(key)
        return default if found is None else str(found)

    def choice(self, key: str, valid: Collection[str], default: str, *, required: bool = False) -> str:
        """The member as one of the valid words, which are case-sensitive."""
        word = self.text(key, default, required=required)
        if word in valid or word == default:
            return word
        self.report(f"'{word}' is not one of {', '.join(valid)}", key)
        return default

    def integer(self, key: str, *, low: int, high: int, required: bool = False) -> int | None:
        """The member as an integer of the closed range; None if it is absent or wrong."""
        found = self._member(key, int)
        if found is None:
            if required:
                self._miss(key)
            return None
        if not low <= found <= high:
            self.report(f"{found} is not in {low}..{high}", key)
            return None
        return int(found)

    def text_or_integer(self, key: str) -> str | int | None:
        """The member as it is, if it is a string or an integer."""
        if not self.has(key):
            return None
        return self.text(key) if isinstance(self.value[key], str) else self.integer(key, low=0, high=2**31 - 1)

    def text_map(self) -> Mapping[str, str]:
        """This object as names and strings, such as labels."""
        return {key: self.text(key) for key in self.value if isinstance(key, str)}

    def _miss(self, key: str) -> None:
        if self.value.get(key) in (None, ""):  # what is of a wrong type has been reported already
            self.report("is required", key)

    def _member(self, key: str, wanted: type) -> Any:
        found = self.value.get(key) if isinstance(self.value, dict) else None
        if found is None or type(found) is wanted:  # bool is an int to isinstance, and 1.0 is none to the API server
            return found
        self.report(f"is {_describe(found)}, not {_NAMES_OF_TYPES[wanted]}", key)
        return None

    def _entries(self, key: str) -> Iterator[Node]:
        for index, entry in enumerate(self._member(key, list) or ()):
            yield Node(entry, f"{self._place(key)}[{index}]", self.problems)

    def _is(self, wanted: type, name: str) -> bool:
        if type(self.value) is wanted:
            return True
        self.report(f"is {_describe(self.value)}, not {name}")
        return False

    def _place(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def _describe(value: object) -> str:
    return _NAMES_OF_TYPES.get(type(value), type(value).__name__)
