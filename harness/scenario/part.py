"""The base of every part of a file: frozen, closed to unknown keys, and able to say what is wrong in plain words.

pydantic checks the shapes; this module turns what it finds into sentences, each at the location of the key that is
to blame, and adds what a type cannot say (exactly one verb, two keys that exclude each other). Nothing stops at
the first mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from harness.errors import nearest
from harness.scenario.spelled import VALUE_PROBLEM, shown

PART_PROBLEM: Final = "signalbox_part"
"""Error type of a whole sentence; the finding adds nothing but the place."""

Place = str | tuple[str | int, ...]
"""A key of the part, or the way to something further inside; "" or () for the part itself."""

Problem = tuple[Place, str]
"""What is to blame, and a sentence."""


def _key_of(field: str) -> str:
    return field.rstrip("_").replace("_", "-")


class Part(BaseModel):
    """One mapping of a file.

    said     the part as a sentence names it, such as «a step»
    choices  groups of keys of which exactly one must be there; the key of a group says what it is one of
    reasons  why a key is needed, for sentences about its absence
    """

    said: ClassVar[str] = "this part"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    reasons: ClassVar[Mapping[str, str]] = {}
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=_key_of, serialize_by_alias=True, use_attribute_docstrings=True
    )

    @classmethod
    def key_names(cls) -> tuple[str, ...]:
        """The keys of this part as YAML spells them."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        """What is wrong with which keys are there, whatever they hold."""
        for what, keys in cls.choices.items():
            yield from exactly_one(present, keys, cls.said, what)

    @classmethod
    def schema_rules(cls) -> list[dict[str, Any]]:
        """What `key_problems` says, as JSON Schema."""
        return [{"oneOf": [{"required": [key]} for key in keys]} for keys in cls.choices.values()]

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler.resolve_ref_schema(handler(schema))
        return {**described, "allOf": rules} if (rules := cls.schema_rules()) else described

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """The sentence for a key that this part does not have."""
        return f"{shown(key)} is not a key of {cls.said}{cls._nearest_key(key)}"

    @classmethod
    def _nearest_key(cls, key: str) -> str:
        """As `nearest`, but only the case being wrong is nearer than anything else."""
        same = [name for name in cls.key_names() if name.lower() == key.lower()]
        return nearest(same[0] if same else key, cls.key_names())

    def value_problems(self) -> Iterable[Problem]:
        """What is wrong between values that are each fine; for subclasses."""
        return ()

    @model_validator(mode="wrap")
    @classmethod
    def _collect(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, cls):
            return data
        if not isinstance(data, dict):
            raise PydanticCustomError(PART_PROBLEM, f"{cls.said} is keys with values, not {shown(data)}")
        problems = [_error(place, sentence) for place, sentence in cls._wrong_keys(data)]
        made = None
        try:
            made = handler({key: data[key] for key in cls.key_names() if data.get(key) is not None})
        except ValidationError as error:
            problems += cls._in_plain_words(error, set(data))
        if made is not None and not problems:
            problems += [_error(place, sentence) for place, sentence in made.value_problems()]
        if problems or made is None:
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return made

    @classmethod
    def _wrong_keys(cls, data: Mapping[str, Any]) -> Iterator[Problem]:
        known = cls.key_names()
        unknown = [key for key in data if key not in known]
        for key in unknown:
            yield key, cls.unknown_key(key)
        for key in known:
            if key in data and data[key] is None:
                yield key, f"{shown(key)} has no value{cls._because(key)}"
        for place, sentence in cls.key_problems([key for key in data if key in known]):
            if place or not unknown:  # what seems to be missing may be what is misspelt
                yield place, sentence

    @classmethod
    def _in_plain_words(cls, error: ValidationError, written: Collection[str]) -> Iterator[InitErrorDetails]:
        guesses = [cls.unknown_key(key) for key in written if key not in cls.key_names()]
        meant = {key for key in cls.key_names() if any(f"did you mean '{key}'" in guess for guess in guesses)}
        for details in error.errors(include_url=False):
            loc = details["loc"]
            key = str(loc[0]) if len(loc) == 1 else ""
            if key and details["type"] == "too_short":
                if not details["input"]:  # else items were refused, each with its own sentence
                    yield _error(key, f"'{key}' is empty{cls._because(key)}")
            elif not key or details["type"] != "missing":
                yield _translated(details)
            elif key not in meant and key not in written:
                yield _error("", f"{cls.said} needs '{key}'{cls._because(key)}")

    @classmethod
    def _because(cls, key: str) -> str:
        return f"; {cls.reasons[key]}" if key in cls.reasons else ""


def exactly_one(present: Collection[str], choices: Collection[str], subject: str, what: str) -> Iterator[Problem]:
    """A problem unless exactly one of the choices is there, blamed on the second one if there are several."""
    chosen = [key for key in present if key in choices]
    if not chosen:
        yield "", f"{subject} needs {what}: {_either(choices)}"
    elif len(chosen) > 1:
        yield chosen[1], f"{subject} has {what}, not {len(chosen)}: {' and '.join(chosen)}"


def useless(present: Collection[str], keys: Collection[str], why: str) -> Iterator[Problem]:
    """A problem for each of the keys that is there."""
    for key in present:
        if key in keys:
            yield key, f"'{key}' {why}"


def two_bodies(present: Collection[str]) -> Iterator[Problem]:
    """A problem if a request has both a text and JSON for a body."""
    if {"body", "json"} <= set(present):
        yield "json", "a request has one body: 'body' or 'json'"


def _either(choices: Collection[str]) -> str:
    *head, last = choices
    return f"{', '.join(head)} or {last}" if head else last


def _error(place: Place, sentence: str) -> InitErrorDetails:
    loc = ((place,) if place else ()) if isinstance(place, str) else place
    return InitErrorDetails(type=PydanticCustomError(PART_PROBLEM, sentence), loc=loc, input=None)


def _translated(details: ErrorDetails) -> InitErrorDetails:
    kind, sentence = details["type"], details["msg"]
    if kind not in (PART_PROBLEM, VALUE_PROBLEM):
        make = _SENTENCES.get(kind)
        kind, sentence = VALUE_PROBLEM, make(details) if make else sentence[:1].lower() + sentence[1:]
    custom = PydanticCustomError(kind, sentence)
    return InitErrorDetails(type=custom, loc=details["loc"], input=None)


def _not_text(details: ErrorDetails) -> str:
    value = details["input"]
    if isinstance(value, int | float):
        return f'{shown(value)} must be text; write "{shown(value)}" in quotes'
    return f"{shown(value)} is not text"


def _not_listed(details: ErrorDetails) -> str:
    words = [word.strip("'") for word in details.get("ctx", {})["expected"].replace(" or ", ", ").split(", ")]
    return f"{shown(details['input'])} is not known here{nearest(str(details['input']), words)}"


def _says(sentence: str) -> Callable[[ErrorDetails], str]:
    return lambda details: f"{shown(details['input'])} {sentence}"


_SENTENCES: Final[Mapping[str, Callable[[ErrorDetails], str]]] = {
    "string_type": _not_text,
    "literal_error": _not_listed,
    "bool_type": _says("is neither true nor false"),
    "int_type": _says("is not a whole number"),
    "int_from_float": _says("is not a whole number"),
    "tuple_type": _says("is not a list"),
    "dict_type": _says("is not keys with values"),
    "greater_than_equal": lambda details: f"{shown(details['input'])} is less than {details.get('ctx', {})['ge']}",
    "less_than_equal": lambda details: f"{shown(details['input'])} is more than {details.get('ctx', {})['le']}",
    "too_short": _says("is empty"),
    "string_too_short": _says("is empty"),
}
