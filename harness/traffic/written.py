"""The bytes of a plan's request over HTTP/1.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from harness.traffic.dialling import PORTS
from harness.traffic.exchange import USER_AGENT
from harness.traffic.plan import Plan

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110 §8.6: other methods say a length of 0."""


def written(plan: Plan, *, proxied: bool) -> bytes:
    """The request as it goes out; to a proxy, with the whole URL."""
    request = plan.request
    parts = urlsplit(request.url)
    rest = request.url[len(f"{parts.scheme}://{parts.netloc}") :]
    path = rest if rest.startswith("/") else f"/{rest}"
    line = f"{request.method} {request.url if proxied else path} HTTP/1.1"
    lines = (line, *(f"{name}: {value}" for name, value in _headers(plan)))
    return "\r\n".join((*lines, "", "")).encode() + request.body


def _headers(plan: Plan) -> Iterator[tuple[str, str]]:
    parts = urlsplit(plan.request.url)
    own = plan.request.headers
    named = {name.lower() for name, _ in own}
    if "host" not in named:
        yield "Host", parts.netloc.removesuffix(f":{PORTS[parts.scheme]}")
    yield from own
    if "user-agent" not in named:
        yield "User-Agent", USER_AGENT
    if "accept" not in named:
        yield "Accept", "*/*"
    if plan.request.body or plan.request.method not in _WITHOUT_BODY:
        yield "Content-Length", str(len(plan.request.body))
