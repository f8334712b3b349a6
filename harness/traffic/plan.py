"""What a sender is asked to do, and its JSON form.

    {"request": {"method": "GET", "url": "http://books:7002/books.json", "headers": [["x-user", "amy"]],
                 "body_base64": ""},
     "rate_per_second": 100, "limit": 5000, "timeout_seconds": 10, "fresh_connections": false,
     "keep_headers": ["location"], "body_start_bytes": 120, "ramp_from_per_second": 10, "ramp_seconds": 30,
     "protocol": "http/1.1"}

Unknown and missing keys are refused, and so is every value that could not be sent exactly as written.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from math import ceil, isfinite
from urllib.parse import urlsplit

from harness.errors import nearest
from harness.scenario.sendable import (
    MAX_RAMP,
    MAX_RATE,
    MAX_REQUESTS,
    MAX_TIMEOUT,
    header_faults,
    is_token,
    ramp_requests,
)
from harness.traffic.schedule import ConstantRate, EvenRamp, Schedule

MAX_TIMEOUT_SECONDS = MAX_TIMEOUT.total_seconds()
MAX_RAMP_SECONDS = MAX_RAMP.total_seconds()
MAX_BODY_START_BYTES = 65_536
HTTP_1 = "http/1.1"
H2C = "h2c"
GRPC = "grpc"
PROTOCOLS = (HTTP_1, H2C, GRPC)
"""HTTP/2 is spoken without TLS and without asking first; the body of a call of gRPC is its one message."""
ALL_HEADERS = "*"
"""Among `keep_headers`: report every response header."""
MAX_IN_FLIGHT = 1000
_MIN_IN_FLIGHT = 8

_URL_CHARACTERS = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, sent as written: the URL is not normalised, no redirect is followed.

    headers  name and value pairs in order; a name may occur more than once
    raises   ValueError with every fault found
    """

    method: str = "GET"
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        _raise(_request_faults(self))

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request to repeat at a rate that is constant, or becomes so.

    limit               requests after which the sender stops by itself
    timeout_seconds     for one request, from when it is really sent until its body has come
    fresh_connections   a new connection for each request, for meshes that choose a backend per connection
    keep_headers        lower-case names of response headers to report besides those always reported; `*` is all
    body_start_bytes    how much of each response body to report; all of it is read
    ramp_from_per_second, ramp_seconds  the rate at the beginning, and how long it takes to become `rate_per_second`
    protocol            one of PROTOCOLS
    raises              ValueError with every fault found
    """

    request: Request
    rate_per_second: float
    limit: int
    timeout_seconds: float = 10.0
    fresh_connections: bool = False
    keep_headers: tuple[str, ...] = ()
    body_start_bytes: int = 0
    ramp_from_per_second: float = 0.0
    ramp_seconds: float = 0.0
    protocol: str = HTTP_1

    def __post_init__(self) -> None:
        _raise(_plan_faults(self))

    @property
    def schedule(self) -> Schedule:
        """When each request is due."""
        if not self.ramp_seconds:
            return ConstantRate(self.rate_per_second)
        return EvenRamp(self.ramp_from_per_second, self.rate_per_second, self.ramp_seconds)

    @property
    def ramp_requests(self) -> int:
        """How many requests are due until the rate is constant."""
        return ramp_requests(self.ramp_from_per_second, self.rate_per_second, timedelta(seconds=self.ramp_seconds))

    @property
    def in_flight_cap(self) -> int:
        """Open requests beyond which the sender says «not sent».

        Four times what a server that answers everything just in time would keep open; more is a server, or a sender,
        that cannot follow.
        """
        rate = max(self.rate_per_second, self.ramp_from_per_second)
        return min(MAX_IN_FLIGHT, max(_MIN_IN_FLIGHT, ceil(4 * rate * self.timeout_seconds)))

    def encode(self) -> bytes:
        """The JSON form."""
        request = {
            "method": self.request.method,
            "url": self.request.url,
            "headers": [list(pair) for pair in self.request.headers],
            "body_base64": b64encode(self.request.body).decode(),
        }
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(own | {"request": request, "keep_headers": list(self.keep_headers)}).encode()

    @classmethod
    def decode(cls, text: bytes) -> Plan:
        """The plan that `text` spells out; raises ValueError with every fault found."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ValueError(f"a plan is a JSON object: {error}") from error
        faults = list(_shape_faults(document, _PLAN_KEYS, "plan"))
        if not faults:
            faults = list(_shape_faults(document["request"], _REQUEST_KEYS, "request"))
        _raise(iter(faults))
        return cls(**document | {"request": _request(document["request"]), "keep_headers": _names(document)})


@dataclass(frozen=True, slots=True)
class _Key:
    types: tuple[type, ...]
    kind: str
    required: bool = False


_PLAN_KEYS: Mapping[str, _Key] = {
    "request": _Key((dict,), "an object", required=True),
    "rate_per_second": _Key((int, float), "a number", required=True),
    "limit": _Key((int,), "a whole number", required=True),
    "timeout_seconds": _Key((int, float), "a number"),
    "fresh_connections": _Key((bool,), "true or false"),
    "keep_headers": _Key((list,), "a list of names"),
    "body_start_bytes": _Key((int,), "a whole number"),
    "ramp_from_per_second": _Key((int, float), "a number"),
    "ramp_seconds": _Key((int, float), "a number"),
    "protocol": _Key((str,), "a string"),
}
_REQUEST_KEYS: Mapping[str, _Key] = {
    "method": _Key((str,), "a string", required=True),
    "url": _Key((str,), "a string", required=True),
    "headers": _Key((list,), "a list of name and value pairs"),
    "body_base64": _Key((str,), "a string"),
}


def _shape_faults(document: object, keys: Mapping[str, _Key], name: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"a {name} is a JSON object, not {_shown(document)}"
        return
    for key, value in document.items():
        if key not in keys:
            yield f"'{key}' is not a key of a {name}{nearest(str(key), list(keys))}"
        elif not isinstance(value, keys[key].types) or (isinstance(value, bool) and bool not in keys[key].types):
            yield f"{key} is {keys[key].kind}, not {_shown(value)}"
    for key, rule in keys.items():
        if rule.required and key not in document:
            yield f"a {name} needs '{key}'"


def _request(document: Mapping[str, object]) -> Request:
    pairs = document.get("headers", [])
    assert isinstance(pairs, list)  # its shape was checked
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise ValueError(f"headers is a list of name and value pairs, not {_shown(pair)}")
    try:
        body = b64decode(str(document.get("body_base64", "")), validate=True)
    except ValueError as error:
        raise ValueError(f"body_base64 is not base64: {error}") from error
    headers = tuple((pair[0], pair[1]) for pair in pairs)
    return Request(method=str(document["method"]), url=str(document["url"]), headers=headers, body=body)


def _names(document: Mapping[str, object]) -> tuple[str, ...]:
    names = document.get("keep_headers", [])
    assert isinstance(names, list)  # its shape was checked
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"keep_headers is a list of names, not {_shown(name)}")
    return tuple(names)


def _request_faults(request: Request) -> Iterator[str]:
    if not is_token(request.method) or request.method != request.method.upper():
        yield f"method is a word in capitals such as GET, not {_shown(request.method)}"
    yield from _url_faults(request.url)
    for name, value in request.headers:
        yield from header_faults(name, value)


def _url_faults(url: str) -> Iterator[str]:
    if not _URL_CHARACTERS.fullmatch(url):
        yield f"url contains blanks or characters that must be percent-encoded: {_shown(url)}"
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        yield f"url {_shown(url)}: {error}"
        return
    if parts.scheme not in ("http", "https") or not host:
        yield f"url is absolute and begins with http:// or https://, not {_shown(url)}"
    if parts.fragment or parts.username is not None:
        yield f"url has no user and no fragment: {_shown(url)}"


def _plan_faults(plan: Plan) -> Iterator[str]:
    if not (isfinite(plan.rate_per_second) and 0 < plan.rate_per_second <= MAX_RATE):
        yield f"rate_per_second is above 0 and at most {MAX_RATE:g}, not {plan.rate_per_second}"
    yield from _ramp_faults(plan)
    yield from _protocol_faults(plan)
    if not 1 <= plan.limit <= MAX_REQUESTS:
        yield f"limit is between 1 and {MAX_REQUESTS}, not {plan.limit}"
    if not (isfinite(plan.timeout_seconds) and 0 < plan.timeout_seconds <= MAX_TIMEOUT_SECONDS):
        yield f"timeout_seconds is above 0 and at most {MAX_TIMEOUT_SECONDS:g}, not {plan.timeout_seconds}"
    if not 0 <= plan.body_start_bytes <= MAX_BODY_START_BYTES:
        yield f"body_start_bytes is between 0 and {MAX_BODY_START_BYTES}, not {plan.body_start_bytes}"
    for name in plan.keep_headers:
        if not is_token(name) or name != name.lower():
            yield f"keep_headers lists lower-case header names, not {_shown(name)}"


def _ramp_faults(plan: Plan) -> Iterator[str]:
    first, seconds = plan.ramp_from_per_second, plan.ramp_seconds
    if not (isfinite(seconds) and 0 <= seconds <= MAX_RAMP_SECONDS):
        yield f"ramp_seconds is at least 0 and at most {MAX_RAMP_SECONDS:g}, not {seconds}"
    if (seconds or first) and not (seconds > 0 and isfinite(first) and 0 < first <= MAX_RATE):
        yield f"a ramp has seconds and a rate above 0 and at most {MAX_RATE:g} to begin with, not {seconds} and {first}"


def _protocol_faults(plan: Plan) -> Iterator[str]:
    if plan.protocol not in PROTOCOLS:
        yield f"protocol is one of {', '.join(PROTOCOLS)}, not {_shown(plan.protocol)}"
    elif plan.protocol != HTTP_1 and not plan.request.url.startswith("http://"):
        yield f"url begins with http:// for {plan.protocol}, which is sent without TLS: {_shown(plan.request.url)}"
    if plan.protocol == GRPC and plan.request.method != "POST":
        yield f"method is POST for a call of gRPC, not {plan.request.method}"


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _raise(faults: Iterator[str]) -> None:
    if text := "; ".join(faults):
        raise ValueError(text)
