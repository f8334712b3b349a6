"""One message that survives a redirect: set by the request that acts, shown once by the next page (§8.1.3).

It lives in a cookie and nowhere else, so that any replica of webapp can show what another one set. Nothing trusts it:
pages escape it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import orjson
from aiohttp import web

COOKIE = "booksapp_flash"
LONGEST = 500  # Characters; browsers drop cookies above 4 KiB, and a title may be any length.


@dataclass(frozen=True, slots=True)
class Flash:
    """kind  "notice" or "error" """

    kind: str
    text: str


def flash(response: web.Response, message: Flash) -> None:
    """Let the next page show the message."""
    packed = orjson.dumps([message.kind, message.text[:LONGEST]])
    response.set_cookie(COOKIE, base64.urlsafe_b64encode(packed).decode().rstrip("="), httponly=True, samesite="Lax")


def waiting_flash(request: web.Request) -> Flash | None:
    """The message a page must show now; None if there is none, or none that makes sense."""
    packed = request.cookies.get(COOKIE)
    if not packed:
        return None
    try:
        content = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (binascii.Error, ValueError):
        return None
    match content:
        case ["notice" | "error" as kind, str(text)]:
            return Flash(kind, text)
    return None


def forget_flash(response: web.Response) -> None:
    """Take the shown message away from the browser."""
    response.del_cookie(COOKIE, httponly=True, samesite="Lax")
