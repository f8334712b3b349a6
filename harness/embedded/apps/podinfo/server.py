"""Everything around the handlers: routing, metrics, the log, made-up delays and errors, the server's time limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from harness.embedded.apps.podinfo.answers import NOSNIFF, PLAIN, HangUp, hang_up
from harness.embedded.apps.podinfo.backends import Echo
from harness.embedded.apps.podinfo.endpoints import Endpoints, Pause
from harness.embedded.apps.podinfo.files import Configs, Store
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.metrics import Metrics
from harness.embedded.apps.podinfo.options import Options, container_path
from harness.embedded.apps.podinfo.routes import Found, NotRouted, Route, clean_path, find_route, route
from harness.embedded.apps.podinfo.tokens import Tokens

_UNIT_SECONDS = {"s": 1.0, "ms": 0.001}
_RANDOM_ERRORS = (500, 400, 409)


def podinfo_app(
    session: aiohttp.ClientSession,
    options: Options,
    *,
    pause: Pause = asyncio.sleep,
    draw: random.Random | None = None,
) -> web.Application:
    """podinfo's HTTP server.

    session  for calls to backends
    pause    waits for a number of seconds
    draw     decides about random delays and errors
    """
    log = Log(options.level)
    metrics = Metrics()
    endpoints = Endpoints(options, metrics, log, pause=pause)
    routes = _routes(endpoints, Echo(session, options, log), options, log)
    answer = _Answering(routes, options, metrics, log, pause=pause, draw=draw or random.Random())
    return _application(answer)


def metrics_app(app: web.Application) -> web.Application:
    """What listens on --port-metrics beside `app`: its metrics, and a health check that always passes (§8.4.1)."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/metrics":
            return web.Response(body=app[_METRICS].text().encode(), headers={"Content-Type": CONTENT_TYPE})
        return web.Response(body=b"OK", headers=PLAIN) if request.path == "/healthz" else _unrouted(404)

    return _application(answer)
