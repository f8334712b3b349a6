"""Which texts can be identities of clients in a MeshTLSAuthentication (§1.74)."""

from __future__ import annotations

import re
from typing import Final

DNS_LIKE_IDENTITY: Final = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""`*`, `*.a.b`, `a.b.c`."""

_SCHEME: Final = "spiffe://"
_TRUST_DOMAIN: Final = re.compile(r"[-a-z0-9._]+")
_SEGMENT: Final = re.compile(r"[-A-Za-z0-9._]*")


def identity_problem(text: str) -> str | None:
    """Why no client can be called so, in the webhook's words, or None if one can."""
    if text.startswith(_SCHEME):
        return _spiffe_problem(text.removeprefix(_SCHEME))
    if not re.fullmatch(DNS_LIKE_IDENTITY.strip("^$"), text):
        return f"identity must be a valid SPIFFE id or a DNS SAN, matching the regex: {DNS_LIKE_IDENTITY}"
    return None


def _spiffe_problem(text: str) -> str | None:
    domain, slash, path = text.partition("/")
    if not domain:
        return "SPIFFE trust domain is missing"
    if not _TRUST_DOMAIN.fullmatch(domain):
        return "SPIFFE trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores"
    segments = path.split("/") if slash else []
    problems = (_segment_problem(segment, is_last=index == len(segments)) for index, segment in enumerate(segments, 1))
    return next(filter(None, problems), None)


def _segment_problem(segment: str, *, is_last: bool) -> str | None:
    if not _SEGMENT.fullmatch(segment):
        return "SPIFFE path segment characters are limited to letters, numbers, dots, dashes, and underscores"
    if segment in (".", ".."):
        return "SPIFFE path cannot contain dot segments"
    if segment:
        return None
    return "SPIFFE path cannot have a trailing slash" if is_last else "SPIFFE path cannot contain empty segments"
