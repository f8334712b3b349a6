"""How all three programs fail: HEAD requests by FAILURE_RATE, unknown paths, and anything unforeseen."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

PONG = b"pong"
HTML = "text/html;charset=utf-8"


def failure_rate(environ: Mapping[str, str]) -> float | None:
    """The share of HEAD requests to fail, as Ruby reads a number; None if the variable is not set (§7.0.4)."""
    text = environ.get("FAILURE_RATE")
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return 0.0


def failing(
    environ: Mapping[str, str],
    *,
    crash_page: bytes = b"<h1>Internal Server Error</h1>",
    missing_page: bytes = b"<h1>Not Found</h1>",
    draw: Callable[[], float] = random.random,
) -> Middleware:
    """The middleware that answers in place of a handler which cannot (§8.1.1, §8.1.2).

    draw  a number in [0, 1) for each HEAD request
    """
    rate = failure_rate(environ)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if rate is not None and request.method == "HEAD" and draw() <= rate:
            return web.Response(status=503, headers={"Content-Type": HTML})
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return web.Response(status=404, body=missing_page, headers={"Content-Type": HTML})
        except web.HTTPException:
            raise
        except Exception as error:
            print(f"{request.method} {request.path_qs} 500 {type(error).__name__}: {error}", flush=True)
            return web.Response(status=500, body=crash_page, headers={"Content-Type": HTML})

    return middleware


async def ping(_request: web.Request) -> web.Response:
    """`GET /ping`, which the readiness probe of every program asks for."""
    return web.Response(body=PONG, headers={"Content-Type": "text/plain"})


def closing(close: Callable[[], None]) -> Callable[[web.Application], Awaitable[None]]:
    """A clean-up for an application that only has to call `close`."""

    async def clean_up(_app: web.Application) -> None:
        close()

    return clean_up
