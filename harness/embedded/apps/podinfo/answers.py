"""Answers in the form in which Go programs give them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from aiohttp import web

NOSNIFF = {"X-Content-Type-Options": "nosniff"}
JSON = {"Content-Type": "application/json; charset=utf-8", **NOSNIFF}
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}

# Go writes JSON so that it may stand inside HTML and JavaScript. These characters occur nowhere but in strings.
_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HTML = re.compile(rb"[\t\n\x0c\r ]*(?:<!doctype html|<(?:html|head|body|script|iframe|h1|div|p|a|b|br|!--)[ >])", re.I)


class HangUp(Exception):
    """The original fails here so that its client gets no answer: the connection is closed."""


def go_json(value: object) -> bytes:
    """JSON indented by two spaces; bytes that are no UTF-8 become replacement characters."""
    written = json.dumps(value, indent=2, ensure_ascii=False).translate(_ESCAPES)
    return written.encode(errors="surrogateescape").decode(errors="replace").encode()


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A value as JSON."""
    return web.Response(status=status, body=go_json(value), headers={**JSON, **(headers or {})})


def error_answer(code: int, message: str) -> web.Response:
    """How podinfo reports most errors: status 200, and `code` only in the body (§8.4.5)."""
    return json_answer({"code": code, "message": message})


def bytes_answer(body: bytes, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Bytes as they are, with the type that their first 512 look like."""
    kind = {"Content-Type": guessed_type(body)} if body else {}
    return web.Response(status=status, body=body, headers={**kind, **(headers or {})})


def guessed_type(body: bytes) -> str:
    """text/html, text/plain or application/octet-stream; pictures and archives are not told apart."""
    start = body[:512]
    if _HTML.match(start):
        return "text/html; charset=utf-8"
    return "application/octet-stream" if _BINARY.search(start) else PLAIN["Content-Type"]


def hang_up(request: web.BaseRequest) -> web.Response:
    """Close the request's connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
