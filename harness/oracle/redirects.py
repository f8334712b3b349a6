"""Where a RequestRedirect leads (§1.57, E44 to E47)."""

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


def gateway_location(redirect: RequestRedirect, match: Match, request: Request) -> str | None:
    """The Location by the text of the Gateway API; None if a prefix is to be replaced and none was matched."""
    path = _gateway_path(redirect, match, request)
    if path is None:
        return None
    scheme = redirect.scheme or "http"
    asked = urlsplit(f"http://{request.named_authority}")
    host = redirect.hostname or asked.hostname or request.host  # E45
    known = redirect.port or (_DEFAULT_PORTS.get(scheme) if redirect.scheme else request.port)  # E46
    port = "" if known in (None, _DEFAULT_PORTS.get(scheme)) else f":{known}"
    return f"{scheme}://{host}{port}{path}{request.target[len(request.path) :]}"


def _gateway_path(redirect: RequestRedirect, match: Match, request: Request) -> str | None:
    """E47."""
    if redirect.path is None:
        return request.path
    if redirect.path.type == "ReplaceFullPath":
        return redirect.path.value
    if match.path.type != "PathPrefix":
        return None
    rest = request.path[len(match.path.value.rstrip("/")) :]
    return redirect.path.value.rstrip("/") + rest or "/"


def _path(redirect: RequestRedirect, match: Match, request: Request) -> str | None:
    if redirect.path is None:
        return request.target
    if redirect.path.type == "ReplaceFullPath":
        return redirect.path.value
    if match.path.type != "PathPrefix":
        return None
    prefix = match.path.value if match.path.value == "/" else match.path.value.rstrip("/")
    rest, query = request.path[len(prefix) :], request.target[len(request.path) :]
    slash = "/" if rest and not rest.startswith("/") else ""
    return redirect.path.value + slash + rest + query


def _authority(redirect: RequestRedirect, scheme: str, request: Request) -> str:
    if redirect.hostname is None and redirect.port is None:
        return request.named_authority
    asked = urlsplit(f"http://{request.named_authority}")
    if redirect.hostname is not None and redirect.port is not None:
        return f"{redirect.hostname}:{redirect.port}"
    host, port = redirect.hostname or asked.hostname or request.host, redirect.port or asked.port
    return host if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{port}"
