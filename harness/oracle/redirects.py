"""Where a RequestRedirect leads (§1.57)."""

from __future__ import annotations

from urllib.parse import urlsplit

from harness.oracle.asking import Request
from harness.resources.filters import RequestRedirect
from harness.resources.matches import Match

_DEFAULT_PORTS = {"http": 80, "https": 443}


def location(redirect: RequestRedirect, match: Match, request: Request) -> str | None:
    """The Location, "" if it is where the request goes already, or None if the redirect cannot be worked out."""
    path = _path(redirect, match, request)
    if path is None:
        return None
    scheme = redirect.scheme or "http"
    found = f"{scheme}://{_authority(redirect, scheme, request)}{path}"
    return "" if found == f"http://{request.named_authority}{request.target}" else found


def _path(redirect: RequestRedirect, match: Match, request: Request) -> str | None:
    if redirect.path is None:
        return request.target
    if redirect.path.type == "ReplaceFullPath":
        return redirect.path.value
    if match.path.type != "PathPrefix":
        return None
    prefix = match.path.value.rstrip("/")
    query = request.target[len(request.path) :]
    return redirect.path.value + request.path[len(prefix) :] + query


def _authority(redirect: RequestRedirect, scheme: str, request: Request) -> str:
    asked = urlsplit(f"http://{request.named_authority}")
    host = redirect.hostname or asked.hostname or request.host
    if redirect.port is not None:
        port = redirect.port
        if redirect.hostname:
            return f"{host}:{port}"
    else:
        port = asked.port or _DEFAULT_PORTS[asked.scheme]
    return host if port == _DEFAULT_PORTS.get(scheme) else f"{host}:{port}"
