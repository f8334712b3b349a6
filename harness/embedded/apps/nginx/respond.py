"""Answers requests as the site says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web

from harness.embedded.apps.nginx.answers import CLOSING, phrase, status_page
from harness.embedded.apps.nginx.files import ContainerFiles
from harness.embedded.apps.nginx.site import Location, Return, Server, Settings, Site
from harness.embedded.apps.nginx.values import Exchange

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# `add_header` without `always` is for these only.
HEADERS_ON = frozenset({200, 201, 204, 206, *REDIRECTS, 304})
CLOSE_WITHOUT_ANSWER = 444


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, before headers that every answer has.

    body      bytes, or the file to send
    settings  in force where the answer was made
    special   made by nginx itself, so an `error_page` may take its place
    closes    the connection ends with this answer
    """

    status: int
    settings: Settings
    body: bytes | Path = b""
    content_type: str = ""
    location: str = ""
    special: bool = False
    closes: bool = False


class Responder:
    """Answers for one port."""

    def __init__(self, site: Site, port: int, files: ContainerFiles) -> None:
        self._site = site
        self._port = port
        self._files = files

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        uri = normal_path(request.rel_url.raw_path)
        exchange = Exchange(request, server_name="", port=self._port, uri=uri or "/", moment=datetime.now(UTC))
        server = self._site.server(self._port, exchange.host)
        exchange.server_name = server.names[0]
        answer = _special(400, server.settings) if uri is None else self._answer(exchange, server, uri)
        if answer.status == CLOSE_WITHOUT_ANSWER:
            response: web.StreamResponse = _hang_up(request)
        else:
            response = self._response(exchange, answer)
            await response.prepare(request)  # Only now a file knows whether it is sent whole, in part or not at all.
        exchange.status = response.status
        exchange.body_bytes = 0 if request.method == "HEAD" else response.content_length or 0
        for line in answer.settings.access_logs:
            print(line(exchange), flush=True)
        return response

    def _answer(self, exchange: Exchange, server: Server, uri: str) -> Answer:
        """The answer for a path; an error may be sent on to another path, once."""
        first = self._at(exchange, server.locate(uri), uri, exchange.request.method)
        page = first.settings.error_pages.get(first.status) if first.special else None
        if page is None:
            return first
        method = "HEAD" if exchange.request.method == "HEAD" else "GET"
        exchange.uri = page.uri
        second = self._at(exchange, server.locate(page.uri), page.uri, method)
        if second.special or page.status == 0:
            return replace(second, closes=first.closes or second.closes)
        status = first.status if page.status is None else page.status
        return replace(second, status=status, closes=first.closes)

    def _at(self, exchange: Exchange, location: Location, uri: str, method: str) -> Answer:
        if location.returned is not None:
            return _returned(exchange, location.settings, location.returned, uri)
        return self._file(exchange, location.settings, uri, method)

    def _file(self, exchange: Exchange, settings: Settings, uri: str, method: str) -> Answer:
        if method not in ("GET", "HEAD"):
            return _special(405, settings)
        found = self._files.find(settings.root + uri)
        if found is not None and found.is_dir():
            if not uri.endswith("/"):
                return _special(301, settings, _absolute(exchange, uri + "/"))
            return self._index(settings, uri)
        if found is None or uri.endswith("/"):
            return _special(404, settings)
        return Answer(200, settings, found, _content_type(settings, uri))

    def _index(self, settings: Settings, uri: str) -> Answer:
        for name in settings.index:
            found = self._files.find(settings.root + uri + name)
            if found is not None and found.is_file():
                return Answer(200, settings, found, _content_type(settings, name))
        return _special(403, settings)

    def _response(self, exchange: Exchange, answer: Answer) -> web.StreamResponse:
        headers = {"Server": "nginx", "Content-Type": answer.content_type}
        response: web.StreamResponse
        if isinstance(answer.body, Path) and answer.status == 200:
            response = web.FileResponse(answer.body, headers=headers)
        else:
            body = answer.body.read_bytes() if isinstance(answer.body, Path) else answer.body
            response = web.Response(status=answer.status, reason=phrase(answer.status), body=body, headers=headers)
        if answer.location:
            response.headers["Location"] = answer.location
        for header in answer.settings.headers:
            if (header.always or answer.status in HEADERS_ON) and (value := header.value(exchange)):
                response.headers.add(header.name, value)
        if answer.closes or answer.settings.keepalive_seconds == 0:
            response.force_close()
        return response


def normal_path(raw: str) -> str | None:
    """A path with escapes decoded, slashes merged and dot segments gone; None if it is malformed or leaves the root."""
    decoded = unquote(raw, errors="surrogateescape")
    if not decoded.startswith("/") or "\0" in decoded:
        return None
    parts: list[str] = []
    segments = decoded.split("/")
    for segment in segments:
        if segment == "..":
            if not parts:
                return None
            parts.pop()
        elif segment not in ("", "."):
            parts.append(segment)
    directory = "/" if parts and segments[-1] in ("", ".", "..") else ""
    return "/" + "/".join(parts) + directory


def _returned(exchange: Exchange, settings: Settings, returned: Return, uri: str) -> Answer:
    text = returned.text(exchange) if returned.text is not None else ""
    if returned.status in REDIRECTS:
        return _special(returned.status, settings, _absolute(exchange, text))
    if returned.status < 400 or text:
        return Answer(returned.status, settings, text.encode(errors="surrogateescape"), _content_type(settings, uri))
    return _special(returned.status, settings)


def _special(status: int, settings: Settings, location: str = "") -> Answer:
    closes = status in CLOSING
    return Answer(status, settings, status_page(status), "text/html", location, special=True, closes=closes)


def _absolute(exchange: Exchange, target: str) -> str:
    """A redirect's target; a path becomes a URL of the host that was asked for, on the port that is listened on."""
    if not target.startswith("/"):
        return target
    port = "" if exchange.port == 80 else f":{exchange.port}"
    return f"http://{exchange.host}{port}{target}"


def _content_type(settings: Settings, uri: str) -> str:
    _, dot, extension = uri.rpartition("/")[2].rpartition(".")
    return settings.types.get(extension.lower(), settings.default_type) if dot else settings.default_type


def _hang_up(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=CLOSE_WITHOUT_ANSWER)
