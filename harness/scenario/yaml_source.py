"""YAML text to plain data that remembers its lines, with every mistake of the text at once.

Two grammars: scenarios and fixtures read scalars as YAML 1.2 does (`on`, `yes`, `n` and 010 are text), manifests as
`kubectl` does. Both have loader classes of their own; the loaders of the yaml package stay as they are. Keys are
always text, whatever a value of that spelling would be. Nothing but `Unreadable` is raised.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.resolver import Resolver

Location = tuple[str | int, ...]

_CONTAINERS: Final = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_DEEPEST: Final = 100
_MOST_VALUES: Final = 100_000


class Unreadable(Exception):
    """The text is no YAML at all; carries the line, 0 if there is none, and one sentence."""

    def __init__(self, line: int, sentence: str) -> None:
        self.line = line
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    data      plain dictionaries, lists and scalars
    lines     1-based line of every key and list item, and of the document itself under ()
    problems  (line, sentence) of what is wrong with the text, such as a key given twice
    """

    data: Any
    lines: Mapping[Location, int]
    problems: tuple[tuple[int, str], ...] = ()

    def line(self, *location: str | int) -> int:
        """The line of a key or list item, or of the nearest one around it that the text has."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 0)


class ScenarioLoader(yaml.SafeLoader):
    """Scalars as YAML 1.2 reads them; only numbers, true, false and null are not text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (the yaml package looks for it in the class)


class ManifestLoader(yaml.SafeLoader):
    """Scalars as kubectl reads them: YAML 1.1 without dates and without numbers to base 60."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (as above)


def _teach(loader: type[yaml.SafeLoader], grammar: Mapping[str, tuple[str, str]]) -> None:
    for tag, (pattern, firsts) in grammar.items():
        expression = re.compile(f"^(?:{pattern})$")
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", expression, list(firsts) if firsts else None)


_teach(
    ScenarioLoader,
    {
        "bool": ("true|True|TRUE|false|False|FALSE", "tTfF"),
        "null": ("~|null|Null|NULL|", ""),
        "int": ("[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
        "float": (r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]{0,17})(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,2})?", "-+.0123456789"),
    },
)
_teach(
    ManifestLoader,
    {
        "bool": ("yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
        "null": ("~|null|Null|NULL|", ""),
        "int": ("[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]{0,40})", "-+0123456789"),
        "float": (r"[-+]?(?:\.[0-9]+|[0-9][0-9_]{0,40}\.[0-9_]*)(?:[eE][-+]?[0-9]{1,2})?", "-+.0123456789"),
        "merge": ("<<", "<"),
    },
)


def _scanned_by_libyaml(loader: type[yaml.SafeLoader]) -> Any:
    """A loader of the same grammar that makes nodes seven times as fast; None where the yaml package has no libyaml.

    Only the text is taken apart in C. Nodes are made in Python, whose limit of recursion holds for deep nesting.
    """
    if not yaml.__with_libyaml__:
        return None
    from yaml._yaml import CParser

    class Scanned(Composer, CParser, Resolver):
        yaml_implicit_resolvers = loader.yaml_implicit_resolvers

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

    return Scanned


_SCANNED: Final[Mapping[type[yaml.SafeLoader], Any]] = {
    loader: _scanned_by_libyaml(loader) for loader in (ScenarioLoader, ManifestLoader)
}


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; raises Unreadable."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        raise Unreadable(before.count(b"\n") + 1, "the file is not text in UTF-8") from error
    except IsADirectoryError as error:
        raise Unreadable(0, "is a folder, not a file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise Unreadable(0, f"the file cannot be read: {(reason or str(error)).lower()}") from error


def parse_documents(text: str, loader: type[yaml.SafeLoader]) -> list[Document]:
    """All documents of the text that are not empty; raises Unreadable."""
    try:
        nodes = [node for node in _composed(text, loader) if not _is_empty(node)]
        return [_Builder(loader, loader("")).document(node) for node in nodes]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 0, _in_plain_words(error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(line, f"the character U+{_code_point(error):04X} may not stand in YAML") from error
    except RecursionError as error:
        raise Unreadable(0, f"the YAML is nested more than {_DEEPEST} levels deep") from error


def _composed(text: str, loader: type[yaml.SafeLoader]) -> list[Any]:
    """The nodes of the text. What libyaml refuses is read again by the loader itself, whose errors we put in words.

    libyaml reads a little more than the loader, as kubectl does: a tab behind a colon, `{path: /a?b}`.
    """
    if (scanned := _SCANNED.get(loader)) is not None:
        with contextlib.suppress(yaml.YAMLError, UnicodeEncodeError):  # the latter: half a surrogate pair
            return list(yaml.compose_all(text, scanned))
    return list(yaml.compose_all(text, loader))


def _code_point(error: yaml.reader.ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")


def _is_empty(node: Node | None) -> bool:
    return node is None or (isinstance(node, ScalarNode) and node.tag.endswith(":null"))


@dataclass(slots=True)
class _Builder:
    """Turns the nodes of one document into data, and notes lines and problems on the way."""

    loader: type[yaml.SafeLoader]
    scalars: yaml.SafeLoader
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    values: int = 0

    def document(self, node: Node) -> Document:
        self.lines[()] = _line(node)
        data = self._value(node, ())
        return Document(data, self.lines, tuple(self.problems))

    def _value(self, node: Node, at: Location) -> Any:
        self._count(node, at)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if node.tag not in _CONTAINERS:
            self.problems.append((_line(node), f"the tag {_spelling(node.tag)} is not understood here"))
        return self._mapping(node, at) if isinstance(node, MappingNode) else self._sequence(node, at)

    def _count(self, node: Node, at: Location) -> None:
        self.values += 1
        if self.loader is ScenarioLoader and id(node) in self.seen:
            self.problems.append((self.lines[at], "anchors and aliases are not part of the language; write it out"))
        self.seen.add(id(node))
        if len(at) > _DEEPEST:
            raise Unreadable(_line(node), f"the YAML is nested more than {_DEEPEST} levels deep")
        if self.values > _MOST_VALUES:
            raise Unreadable(_line(node), f"the YAML unfolds to more than {_MOST_VALUES} values")

    def _sequence(self, node: Node, at: Location) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.lines[*at, index] = _line(item)
            items.append(self._value(item, (*at, index)))
        return items

    def _mapping(self, node: MappingNode, at: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key is None:
                continue
            here = (*at, key)
            if key in found:
                first, again = self.lines[here], _line(key_node)
                self.problems.append((again, f"'{key}' is given twice, first on line {first}"))
                continue
            self.lines[here] = _line(key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merged(value_node, here)
            else:
                found[key] = self._value(value_node, here)
        return merged | found

    def _merged(self, node: Node, at: Location) -> dict[str, Any]:
        value = self._value(node, at)
        sources = value if isinstance(value, list) else [value]
        merged: dict[str, Any] = {}
        for source in reversed(sources):
            if isinstance(source, dict):
                merged |= source
            else:
                self.problems.append((_line(node), "'<<' takes mappings only"))
        return merged

    def _key(self, node: Node) -> str | None:
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.problems.append((_line(node), "a key is text, not a list or a mapping"))
        return None

    def _scalar(self, node: Node) -> Any:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag == "str":
            return node.value
        if tag not in ("bool", "null", "int", "float", "merge"):
            self.problems.append((_line(node), f"the tag {_spelling(node.tag)} is not understood here"))
            return node.value
        return self._converted(node)

    def _converted(self, node: Node) -> Any:
        if node.tag.endswith(":merge"):
            return node.value
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError, OverflowError):  # a tag such as !!int before other text
            self.problems.append((_line(node), f"{_spelling(node.tag)} does not fit the value '{node.value}'"))
            return node.value


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _spelling(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


_PLAIN_WORDS: Final = (
    (r"found character '\\t'", "a tab cannot indent YAML; use spaces"),
    (r"mapping values are not allowed here", "a colon is out of place; check the indentation, or quote the text"),
    (r"found unexpected end of stream|while scanning a quoted scalar", "a quote is opened and never closed"),
    (r"expected ',' or '\]'", "a list is opened with [ and never closed, or a comma is missing"),
    (r"expected ',' or '}'", "a mapping is opened with { and never closed, or a comma is missing"),
    (r"found undefined alias '?([^']*)'?", "*{0} is an alias of nothing"),
    (r"found duplicate anchor", "an anchor is given twice"),
    (r"could not find expected ':'", "a line is neither a key with a colon nor part of the text above it"),
    (
        r"expected <block end>|did not find expected key",
        "the indentation fits nothing above it; keys of one mapping align",
    ),
    (r"found character '(.)' that cannot start any token", "text cannot start with {0}; put it in quotes"),
)


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.context or ''} {error.problem or ''}"
    for pattern, sentence in _PLAIN_WORDS:
        if match := re.search(pattern, said):
            return "not valid YAML: " + (sentence.format(*match.groups()) if match.groups() else sentence)
    return f"not valid YAML: {(error.problem or 'it cannot be parsed').strip()}"
