"""Redirects as answers of the proxy (§1.57).

A redirect to where the request already went is answered too, where Linkerd lets such a request proceed.
"""

from __future__ import annotations

from typing import Final

from harness.embedded.dataplane.compile.names import Config
from harness.resources.filters import PathRewrite, RequestRedirect

_CODES: Final = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def can_redirect(item: RequestRedirect) -> bool:
    """True if the proxy has an answer of that status."""
    return item.status_code in _CODES


def redirect(item: RequestRedirect, port: int) -> Config:
    """The `redirect` of a route.

    port  that clients dial: a new hostname keeps it, unless it is the scheme's own
    """
    answer: Config = {"response_code": _CODES[item.status_code]}
    if item.scheme is not None:
        answer["scheme_redirect"] = item.scheme
    if item.hostname is not None:
        answer["host_redirect"] = item.hostname
    kept = item.port if item.port is not None or item.hostname is None else port
    if kept is not None and kept != _DEFAULT_PORTS.get(item.scheme or "http"):
        answer["port_redirect"] = kept
    return {"redirect": {**answer, **(_path(item.path) if item.path else {})}}


def _path(rewrite: PathRewrite) -> Config:
    if rewrite.type == "ReplaceFullPath":
        return {"path_redirect": rewrite.value, "strip_query": True}
    return {"prefix_rewrite": rewrite.value}
