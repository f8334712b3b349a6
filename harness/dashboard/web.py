"""The dashboard over HTTP: a page, its script and style, and a stream of server-sent events (HTML standard, 9.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Final

from aiohttp import web

from harness.dashboard.feed import Feed
from harness.dashboard.wire import encode

FEED: Final = web.AppKey("feed", Feed)
_FILES: Final = {
    "/": ("index.html", "text/html"),
    "/dashboard.js": ("dashboard.js", "text/javascript"),
    "/dashboard.css": ("dashboard.css", "text/css"),
}
_HEADERS: Final[Mapping[str, str]] = {
    # Nothing is loaded from anywhere else, and nobody may put the page into a frame.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def application(feed: Feed) -> web.Application:
    """The dashboard as an aiohttp application; its runner needs `handler_cancellation=True`."""
    app = web.Application()
    app[FEED] = feed
    for path, (name, media) in _FILES.items():
        app.router.add_get(path, _file(name, media))
    app.router.add_get("/events", _events)
    app.router.add_get("/healthz", _healthz)
    return app


def _file(name: str, media: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    content = resources.files("harness.dashboard").joinpath("page", name).read_bytes()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=media, charset="utf-8", headers=_HEADERS)

    return answer


async def _healthz(request: web.Request) -> web.Response:
    """The program serves; whether the API server does is said on the page, and a restart would not mend it."""
    return web.Response(text="ok\n")


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")
    async with request.app[FEED].watch() as frames:
        async for frame in frames:
            await response.write(f"data: {encode(frame)}\n\n".encode())
    return response
