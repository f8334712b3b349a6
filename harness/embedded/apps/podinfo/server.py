"""Everything around the handlers: routing, metrics, the log, made-up delays and errors, the server's time limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from harness.embedded.apps.podinfo.answers import NOSNIFF, PLAIN, HangUp, hang_up
from harness.embedded.apps.podinfo.backends import Echo
from harness.embedded.apps.podinfo.endpoints import Endpoints, Pause
from harness.embedded.apps.podinfo.files import Configs, Store
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.metrics import CONTENT_TYPE, Metrics
from harness.embedded.apps.podinfo.options import Options, container_path
from harness.embedded.apps.podinfo.routes import Found, NotRouted, Route, clean_path, find_route, route
from harness.embedded.apps.podinfo.tokens import Tokens

_UNIT_SECONDS = {"s": 1.0, "ms": 0.001}
_RANDOM_ERRORS = (500, 400, 409)


def podinfo_app(
    session: aiohttp.ClientSession,
    options: Options,
    metrics: Metrics,
    log: Log,
    *,
    pause: Pause = asyncio.sleep,
    draw: random.Random | None = None,
) -> web.Application:
    """podinfo's HTTP server.

    session  for calls to backends
    metrics  where answers are counted
    pause    waits for a number of seconds
    draw     decides about random delays and errors
    """
    endpoints = Endpoints(options, metrics, log, pause=pause)
    routes = _routes(endpoints, Echo(session, options, log), options, log)
    server = _Server(routes, options, metrics, log, pause=pause, draw=draw or random.Random())
    return _application(server.answer)


def metrics_app(metrics: Metrics) -> web.Application:
    """What listens on --port-metrics: the metrics, and a health check that always passes (§8.4.1)."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/metrics":
            return web.Response(body=metrics.text().encode(), headers={"Content-Type": CONTENT_TYPE})
        return web.Response(body=b"OK", headers=PLAIN) if request.path == "/healthz" else _not_found()

    return _application(answer)


def _application(answer: Handler) -> web.Application:
    app = web.Application(client_max_size=0)  # no limit
    app.router.add_route("*", "/{path:.*}", answer)
    app.on_response_prepare.append(_headers_as_in_go)
    return app


async def _headers_as_in_go(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
    # aiohttp invents a type where a handler named none.
    if response.headers.get("Content-Type") == "application/octet-stream" and response.content_length is None:
        del response.headers["Content-Type"]


def _routes(endpoints: Endpoints, echo: Echo, options: Options, log: Log) -> Sequence[Route]:
    """All of podinfo's endpoints; the first that matches answers."""
    store = Store(container_path(options.data_path), log)
    configs = Configs(container_path(options.config_path) if options.config_path else None)
    tokens = Tokens(options.jwt_secret)
    return (
        route("*", "/metrics", endpoints.metrics),
        route("*", "/debug/pprof/*", endpoints.missing),
        route("GET", "/", endpoints.index),
        route("GET", "/version", endpoints.version),
        route("*", "/echo", echo),
        route("*", "/echo/*", echo),
        route("GET POST", "/env", endpoints.env),
        route("GET POST", "/headers", endpoints.headers),
        route("GET", "/delay/{wait:[0-9]+}", endpoints.delay, name="delay"),
        route("GET", "/healthz", endpoints.healthz),
        route("GET", "/readyz", endpoints.readyz),
        route("POST", "/readyz/enable", endpoints.enable),
        route("POST", "/readyz/disable", endpoints.disable),
        route("GET", "/panic", endpoints.panic),
        route("GET POST PUT", "/status/{code:[0-9]+}", endpoints.status, name="status"),
        route("POST PUT", "/store", store.write),
        route("GET", "/store/{hash}", store.read, name="store"),
        route("POST PUT DELETE", "/cache/{key}", endpoints.cache),
        route("GET", "/cache/{key}", endpoints.cache, name="cache"),
        route("GET", "/configs", configs),
        route("POST", "/token", tokens.generate),
        route("GET", "/token/validate", tokens.validate),
        route("GET", "/api/info", endpoints.info),
        route("*", "/api/echo", echo),
        route("*", "/api/echo/*", echo),
        route("*", "/ws/echo", endpoints.missing),
        route("*", "/chunked", endpoints.chunked),
        route("*", "/chunked/{wait:[0-9]+}", endpoints.chunked),
        route("*", "/swagger/*", endpoints.missing),
        route("*", "/swagger.json", endpoints.missing),
    )


class _Server:
    """Answers every request of one server."""

    def __init__(
        self,
        routes: Sequence[Route],
        options: Options,
        metrics: Metrics,
        log: Log,
        *,
        pause: Pause,
        draw: random.Random,
    ) -> None:
        self._routes = routes
        self._options = options
        self._metrics = metrics
        self._log = log
        self._pause = pause
        self._draw = draw

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = unquote(request.rel_url.raw_path, errors="surrogateescape")
        cleaned = clean_path(path)
        if cleaned != path:
            return web.Response(status=301, headers={"Location": _location(cleaned, request.rel_url.raw_query_string)})
        try:
            return await self._timed(request, find_route(self._routes, request.method, path))
        except NotRouted as error:
            return _not_found() if error.status == 404 else web.Response(status=error.status)
        except HangUp:
            return hang_up(request)

    async def _timed(self, request: web.Request, found: Found) -> web.StreamResponse:
        """The answer, counted; none if it took longer than the server allows (§8.4.6)."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        answer = await self._handled(request, found)
        took = clock() - begun
        self._metrics.observe(request.method, found.route.label, answer.status, took)
        if took > self._options.http_server_timeout:
            raise HangUp
        return answer

    async def _handled(self, request: web.Request, found: Found) -> web.StreamResponse:
        """Every route's answer may be late or an error; paths without a route are answered 404 at once."""
        options = self._options
        self._log.debug("request started", method=request.method, uri=request.raw_path, remote=request.remote)
        if options.random_delay:
            await self._pause(self._delay_seconds())
        if options.random_error and self._draw.randrange(3) == 0:
            return web.Response(status=self._draw.choice(_RANDOM_ERRORS))
        return await found.route.handler(request, found.variables)

    def _delay_seconds(self) -> float:
        """From --random-delay-min up to, but never, --random-delay-max; so 1 and 2 make every delay 1 (§8.4.7)."""
        least, bound = self._options.random_delay_min, self._options.random_delay_max
        if least == bound:
            raise HangUp  # The original cannot draw a number from nothing.
        return self._draw.randrange(least, bound) * _UNIT_SECONDS[self._options.random_delay_unit]


def _location(path: str, query: str) -> str:
    escaped = quote(path, safe="/$&+,:;=@!'()*~", errors="surrogateescape")
    return f"{escaped}?{query}" if query else escaped


def _not_found() -> web.Response:
    return web.Response(status=404, body=b"404 page not found\n", headers={**PLAIN, **NOSNIFF})
