"""Requests as one line, `METHOD url`, and the ways to leave the place of the URL to a whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from harness.errors import nearest
from harness.scenario.part import Problem
from harness.scenario.sendable import header_faults
from harness.scenario.spelled import Spelled, refused, shown, text_like
from harness.scenario.values import filled_url, names_in, without_places

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NAME: Final = re.compile(r"[A-Za-z0-9]+([.-][A-Za-z0-9]+)*")
_PLACE_OF_URL: Final = re.compile(r"http://[^/?#]*")


@dataclass(frozen=True, slots=True)
class Request:
    """The start of a request, written `METHOD url`; the URL may hold `${values}`."""

    method: str
    url: str

    def __str__(self) -> str:
        return f"{self.method} {self.url}"

    @property
    def is_complete(self) -> bool:
        """Whether the URL says where it leads, rather than leaving that to the `to` of a table."""
        return not self.url.startswith("/")

    def at(self, base: str) -> Request:
        """The complete request; a base such as `http://authors:7001` counts for a path alone."""
        return self if self.is_complete else Request(self.method, base + self.url)

    def filled(self, values: Mapping[str, str]) -> Request:
        """The request with its values in the URL; raises Unfillable."""
        return Request(self.method, filled_url(self.url, values))


def parse_request(value: Any) -> Request:
    """The request that `GET http://books:7002/books.json` starts."""
    request = _method_and_url(value, "METHOD url, like GET http://books:7002/books.json")
    if wrong := _wrong_with_url(request.url):
        raise refused(f"{shown(request.url)} {wrong}")
    return request


def parse_row_request(value: Any) -> Request:
    """Like `parse_request`, but the URL may be a path alone, as in `GET /books.json`."""
    request = _method_and_url(value, "METHOD path or METHOD url, like GET /books.json")
    whole = request.at("http://somewhere")
    if wrong := _wrong_with_url(whole.url):
        raise refused(f"{shown(request.url)} {wrong}")
    return request


def parse_base_url(value: Any) -> str:
    """The place that `http://authors:7001` names, without a slash at the end."""
    if not isinstance(value, str) or not _PLACE_OF_URL.fullmatch(value) or _wrong_with_url(value):
        raise refused(f"{shown(value)} is no place to send to; write one without a path, like http://authors:7001")
    return value


def unsendable_headers(headers: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the key `headers` of a part that sends, whatever its `${values}` are."""
    for name, text in headers.items():
        for sentence in header_faults(name, without_places(text)):
            yield ("headers", name), sentence


def _method_and_url(value: Any, spelling: str) -> Request:
    method, _, url = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if not url:
        raise refused(f"{shown(value)} is not a request; write {spelling}")
    if method not in _METHODS:
        raise refused(f"{shown(method)} is not a method{nearest(method, _METHODS)}")
    return Request(method, url)


def _wrong_with_url(url: str) -> str:
    place = _PLACE_OF_URL.match(url)
    if place is not None and names_in(place[0]):
        return "holds a ${value} where it leads to; only the path and the query are filled in"
    if odd := [name for name in names_in(url) if not _NAME.fullmatch(name)]:
        return f"holds ${{{odd[0]}}}, which is not a name of a value"
    shape = without_places(url)
    if not shape.isascii() or not shape.isprintable() or re.search(r"[\s<>{}\"\\^`]", shape):
        return "has characters that a URL writes with a percent sign"
    if "#" in shape:
        return "has a part after '#', which no client sends"
    if shape.startswith("https://"):
        return "hides the request from the mesh; write http://, the mesh encrypts by itself"
    try:
        parts = urlsplit(shape)
        usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and parts.username is not None:
        return "names a user, which no client sends so; write the header Authorization"
    return "" if usable else "is not the URL of a Service; write one like http://books:7002/books.json"


_METHOD: Final = f"({'|'.join(_METHODS)})"
RequestLine = Annotated[
    Request,
    Spelled(parse_request, str, text_like(f"{_METHOD} http://\\S+", "GET http://books:7002/books.json"), Request),
]
RowRequestLine = Annotated[
    Request,
    Spelled(
        parse_row_request,
        str,
        text_like(f"{_METHOD} (http://|/)\\S*", "GET /books.json", "GET http://books:7002/books.json"),
        Request,
    ),
]
BaseUrl = Annotated[str, Spelled(parse_base_url, str, text_like(_PLACE_OF_URL.pattern, "http://authors:7001"))]
