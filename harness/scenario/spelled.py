"""How a value is read from its text, printed back, and described to editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALUE_PROBLEM: Final = "signalbox_value"
"""Error type of a sentence about a value; the finding puts the key in front of it."""

_LONGEST_QUOTE: Final = 60


def refused(sentence: str) -> PydanticCustomError:
    """The error for a value that cannot be used; the sentence speaks of the value, not of its key."""
    return PydanticCustomError(VALUE_PROBLEM, sentence)


def shown(value: object) -> str:
    """The value as a sentence quotes it: numbers bare, text in quotes, the rest by its kind."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return f"'{value if len(value) <= _LONGEST_QUOTE else value[: _LONGEST_QUOTE - 3] + '...'}'"
    return "a list" if isinstance(value, list | tuple) else "a mapping" if isinstance(value, dict) else "nothing"


def one_line(sentence: str) -> str:
    """The sentence with line breaks and other invisible characters of quoted text made visible."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in sentence)


def is_number(value: object) -> bool:
    """Whether YAML read a bare number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, eq=False)
class Spelled:
    """Annotates a type that has one spelling in YAML.

    parse   from the YAML value; raises `refused(...)`
    show    the YAML value that `parse` reads back
    schema  JSON Schema of the spelling
    made    the type itself, for values that come from Python and are spelled already
    """

    parse: Callable[[Any], Any]
    show: Callable[[Any], Any]
    schema: Mapping[str, Any]
    made: type | None = None

    def read(self, value: Any) -> Any:
        """The value, parsed unless it comes from Python; raises `refused(...)`."""
        return value if self.made is not None and isinstance(value, self.made) else self.parse(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        printer = core_schema.plain_serializer_function_ser_schema(self.show)
        return core_schema.no_info_plain_validator_function(self.read, serialization=printer)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def text_like(pattern: str, *examples: str) -> dict[str, Any]:
    """JSON Schema of a text that matches the pattern from end to end."""
    return {"type": "string", "pattern": f"^({pattern})$", "examples": list(examples)}
