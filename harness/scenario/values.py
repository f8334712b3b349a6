"""Values that a scenario learns while it runs, and the places in requests where they go: `${author}`, `${run.id}`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from harness.scenario.sendable import header_faults
from harness.scenario.spelled import Spelled, refused, shown, text_like

BUILT_IN: Final = ("run.id",)
"""Names that every run knows."""

_PLACE: Final = re.compile(r"\$\{([^}]*)\}")
_JSON_PATH: Final = re.compile(r"json((?:\.[A-Za-z0-9_-]+)+)")


class Unfillable(Exception):
    """A request that cannot be made of the values there are; says why."""


def names_in(text: str) -> list[str]:
    """The names in `${}` in the order of the text."""
    return _PLACE.findall(text)


def without_places(text: str) -> str:
    """The text with a letter where each value goes, to look at its shape."""
    return _PLACE.sub("x", text)


def filled_text(text: str, values: Mapping[str, str]) -> str:
    """The text with its values; raises Unfillable for the first unknown name."""

    def value(place: re.Match[str]) -> str:
        if place[1] not in values:
            raise Unfillable(f"nothing has saved the value '{place[1]}'")
        return values[place[1]]

    return _PLACE.sub(value, text)


def filled_headers(headers: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The headers with their values; raises Unfillable, also for what no header can hold."""
    filled = {name: filled_text(text, values) for name, text in headers.items()}
    if faults := [fault for name, text in filled.items() for fault in header_faults(name, text)]:
        raise Unfillable("; ".join(faults))
    return filled


def filled_url(url: str, values: Mapping[str, str]) -> str:
    """The URL with its values percent-encoded, so that none can become more than one part of the path."""
    return filled_text(url, _Encoded(values))


def filled_data(data: Any, values: Mapping[str, str]) -> Any:
    """Data for JSON with the values in its texts; they stay texts."""
    if isinstance(data, str):
        return filled_text(data, values)
    if isinstance(data, dict):
        return {filled_text(key, values): filled_data(item, values) for key, item in data.items()}
    return [filled_data(item, values) for item in data] if isinstance(data, list) else data


class _Encoded(Mapping[str, str]):
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return quote(self._values[name], safe="")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A value in a JSON body, written `json.id` or `json.items.0.name`."""

    keys: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(("json", *self.keys))

    def taken_from(self, body: str) -> str:
        """The value as text; raises ValueError with a sentence if the body has no text, number or boolean there."""
        try:
            value: Any = json.loads(body)
        except ValueError:
            raise ValueError("the body is no JSON") from None
        for depth, key in enumerate(self.keys):
            look = _LOOKS.get(type(value))
            value = look(value, key) if look else None
            if value is None:
                raise ValueError(f"the body has no {JsonPath(self.keys[: depth + 1])}")
        if isinstance(value, dict | list):
            raise ValueError(f"{self} is {shown(value)}, not one value")
        return value if isinstance(value, str) else json.dumps(value)


def _member(items: list[Any], key: str) -> Any:
    return items[int(key)] if key.isdecimal() and int(key) < len(items) else None


_LOOKS: Final[Mapping[type, Callable[[Any, str], Any]]] = {dict: lambda members, key: members.get(key), list: _member}


def parse_json_path(value: Any) -> JsonPath:
    """The place that `json.id` names."""
    match = _JSON_PATH.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"{shown(value)} is no place in a JSON body; write one like json.id")
    return JsonPath(tuple(match[1][1:].split(".")))


JsonPlace = Annotated[JsonPath, Spelled(parse_json_path, str, text_like(_JSON_PATH.pattern, "json.id"), JsonPath)]
