"""`/token` and `/token/validate`: JSON web tokens that are good for a minute."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from harness.embedded.apps.podinfo.answers import error_answer, json_answer
from harness.embedded.apps.podinfo.routes import Variables

ISSUER = "podinfo"
LIFETIME_SECONDS = 60
_NO_BEARER = "authorization bearer header required"
_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class InvalidToken(Exception):
    """A token that is not accepted; the message says why."""


class Tokens:
    """Makes and reads tokens, and both handlers; `now` gives seconds since 1970."""

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._now = now

    async def generate(self, request: web.Request, _variables: Variables) -> web.Response:
        """A token for the name that the body holds."""
        name = (await request.read()).decode(errors="replace") or "anonymous"
        token, expires = self.issued(name)
        return json_answer({"token": token, "expires_at": _moment(expires)})

    async def validate(self, request: web.Request, _variables: Variables) -> web.Response:
        """Whose token the request carries."""
        scheme, *token = request.headers.get("Authorization", "").split(" ")
        if scheme.lower() != "bearer" or len(token) != 1:
            return error_answer(401, _NO_BEARER)
        try:
            claims = self.claims(token[0])
        except InvalidToken as error:
            return error_answer(401, str(error))
        return json_answer({"token_name": claims.get("name", ""), "expires_at": _moment(int(claims.get("exp", 0)))})

    def issued(self, name: str) -> tuple[str, int]:
        """A token for a name, and when it expires in seconds since 1970."""
        expires = int(self._now()) + LIFETIME_SECONDS
        head = _packed({"alg": "HS256", "typ": "JWT"}) + "." + _packed({"name": name, "exp": expires, "iss": ISSUER})
        return f"{head}.{_encoded(self._signature(head, 'HS256'))}", expires

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says; raises InvalidToken."""
        if token.count(".") != 2:
            raise InvalidToken("token contains an invalid number of segments")
        head, _, signature = token.rpartition(".")
        header, claims = (_unpacked(part) for part in head.split("."))
        algorithm = str(header.get("alg"))
        if algorithm not in _HASHES:
            raise InvalidToken("invalid signing method")
        if not hmac.compare_digest(self._signature(head, algorithm), _decoded(signature)):
            raise InvalidToken("signature is invalid")
        late = self._now() - claims.get("exp", self._now())
        if late > 0:
            raise InvalidToken(f"token is expired by {int(late)}s")
        if claims.get("iss") != ISSUER:
            raise InvalidToken("invalid issuer")
        return claims

    def _signature(self, head: str, algorithm: str) -> bytes:
        return hmac.new(self._secret, head.encode(), _HASHES[algorithm]).digest()


def _packed(value: object) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _unpacked(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decoded(part))
    except ValueError as error:
        raise InvalidToken(f"token is malformed: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("exp", 0), int | float):
        raise InvalidToken("token is malformed")
    return value


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken(f"token is malformed: {error}") from None


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
