"""nginx's own words: reason phrases and the HTML it sends for a status without a page."""

from __future__ import annotations

from http import HTTPStatus

_OWN_PHRASES = {
    302: "Moved Temporarily",
    405: "Not Allowed",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    416: "Requested Range Not Satisfiable",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
_OWN_TITLES = {302: "Found", 401: "Authorization Required"}
_WITH_PAGE = frozenset({301, 302, 303, 307, 308, *range(400, 407), *range(408, 417), 421, 429, *range(500, 506), 507})
# After these nginx ends the connection, whatever the client asked for.
CLOSING = frozenset({400, 413, 414, 500, 501})


def phrase(status: int) -> str:
    """The reason phrase of the status line; empty for a status nginx does not know."""
    if status in _OWN_PHRASES:
        return _OWN_PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def status_page(status: int) -> bytes:
    """The body nginx makes for a status; empty if it has none."""
    if status not in _WITH_PAGE:
        return b""
    title = f"{status} {_OWN_TITLES.get(status) or phrase(status)}"
    lines = (
        "<html>",
        f"<head><title>{title}</title></head>",
        "<body>",
        f"<center><h1>{title}</h1></center>",
        "<hr><center>nginx</center>",
        "</body>",
        "</html>",
        "",
    )
    return "\r\n".join(lines).encode()
