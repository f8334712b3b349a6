"""The handlers that need nothing but the process itself: what it is, how it is, and answers made to order."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable
from typing import NoReturn

from aiohttp import web
from multidict import CIMultiDictProxy

from harness.embedded.apps.podinfo.answers import NOSNIFF, HangUp, bytes_answer, error_answer, go_json, json_answer
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.metrics import CONTENT_TYPE, Metrics
from harness.embedded.apps.podinfo.options import REVISION, VERSION, Options
from harness.embedded.apps.podinfo.page import index_page
from harness.embedded.apps.podinfo.routes import Variables

Pause = Callable[[float], Awaitable[None]]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LARGEST = 2**63 - 1
# What Go's server keeps out of a request's headers.
_UNSEEN = frozenset({"Host", "Transfer-Encoding", "Trailer"})


class Endpoints:
    """One method per endpoint (§8.4).

    pause  waits for a number of seconds
    leave  ends the process with an exit code at once
    """

    def __init__(
        self, options: Options, metrics: Metrics, log: Log, *, pause: Pause, leave: Callable[[int], NoReturn] = os._exit
    ) -> None:
        self._options = options
        self._metrics = metrics
        self._log = log
        self._pause = pause
        self._leave = leave
        self._healthy = not options.unhealthy
        self._ready = not options.unready

    async def index(self, request: web.Request, variables: Variables) -> web.Response:
        """A page for browsers, the facts for everybody else (§8.4.2)."""
        if request.headers.get("User-Agent", "").startswith("Mozilla"):
            return bytes_answer(index_page(self._options), 200)
        return await self.info(request, variables)

    async def info(self, _request: web.Request, _variables: Variables) -> web.Response:
        return json_answer(facts(self._options))

    async def version(self, _request: web.Request, _variables: Variables) -> web.Response:
        return json_answer({"commit": REVISION, "version": VERSION})

    async def env(self, _request: web.Request, _variables: Variables) -> web.Response:
        return json_answer([f"{name}={value}" for name, value in os.environ.items()])

    async def headers(self, request: web.Request, _variables: Variables) -> web.Response:
        """What arrived, with the two headers that podinfo adds to every request (§8.4.5)."""
        return json_answer(
            dict(sorted({**_values(request.headers), "X-Api-Version": [VERSION], "X-Api-Revision": [REVISION]}.items()))
        )

    async def status(self, _request: web.Request, variables: Variables) -> web.Response:
        code = _whole_number(variables["code"])
        if code is None:
            return _out_of_range(variables["code"])
        if not 100 <= code <= 999:
            raise HangUp
        # A status below 200 only announces the one that follows it.
        return json_answer({"status": code}, code if code >= 200 else 200)

    async def delay(self, _request: web.Request, variables: Variables) -> web.Response:
        """Whole seconds; longer than --http-server-timeout means no answer (§8.4.6)."""
        seconds = _whole_number(variables["wait"])
        if seconds is None:
            return _out_of_range(variables["wait"])
        await self._pause(seconds)
        return json_answer({"delay": seconds})

    async def chunked(self, request: web.Request, variables: Variables) -> web.StreamResponse:
        """Headers at once, the body after a while; so its type cannot be told any more."""
        seconds = _whole_number(variables.get("wait", ""))
        if seconds is None:
            raise HangUp  # Without a number it draws one below the timeout in seconds squared, which overflows.
        answer = web.StreamResponse(headers={**NOSNIFF, "Connection": "Keep-Alive"})
        if request.version >= (1, 1):
            answer.enable_chunked_encoding()
        await answer.prepare(request)
        await self._pause(seconds)
        if seconds > self._options.http_server_timeout:
            raise HangUp
        await answer.write_eof(go_json({"delay": seconds}))
        return answer

    async def healthz(self, _request: web.Request, _variables: Variables) -> web.Response:
        return _health(self._healthy)

    async def readyz(self, _request: web.Request, _variables: Variables) -> web.Response:
        return _health(self._ready)

    async def enable(self, _request: web.Request, _variables: Variables) -> web.Response:
        self._ready = True
        return web.Response(status=202)

    async def disable(self, _request: web.Request, _variables: Variables) -> web.Response:
        self._ready = False
        return web.Response(status=202)

    async def panic(self, _request: web.Request, _variables: Variables) -> web.Response:
        self._log.info("Panic command received")
        self._leave(255)

    async def metrics(self, _request: web.Request, _variables: Variables) -> web.Response:
        return web.Response(body=self._metrics.text().encode(), headers={"Content-Type": CONTENT_TYPE})

    async def cache(self, _request: web.Request, _variables: Variables) -> web.Response:
        """Every request to `/cache`, as podinfo without a Redis answers it."""
        return error_answer(400, "cache server is offline")

    async def missing(self, request: web.Request, _variables: Variables) -> web.Response:
        """Something the original has and this stand-in has not."""
        return bytes_answer(f"this stand-in of podinfo does not offer {request.path}\n".encode(), 501)


def facts(options: Options) -> dict[str, str]:
    """What podinfo tells about itself (§8.4.2)."""
    machine = platform.machine()
    return {
        "hostname": options.hostname,
        "version": VERSION,
        "revision": REVISION,
        "color": options.ui_color,
        "logo": options.ui_logo,
        "message": options.ui_message,
        "goos": platform.system().lower(),
        "goarch": _ARCHITECTURES.get(machine, machine),
        "runtime": f"python{platform.python_version()}",  # where the original names its Go
        "num_goroutine": str(len(asyncio.all_tasks())),
        "num_cpu": str(os.cpu_count() or 1),
    }


def _values(headers: CIMultiDictProxy[str]) -> dict[str, list[str]]:
    """All values by name as Go spells it."""
    values: dict[str, list[str]] = {}
    for name, value in headers.items():
        spelled = "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
        if spelled not in _UNSEEN:
            values.setdefault(spelled, []).append(value)
    return values


def _health(good: bool) -> web.Response:
    return json_answer({"status": "OK"}) if good else web.Response(status=503)


def _whole_number(digits: str) -> int | None:
    """The number; None if there is none or it does not fit into 64 bits."""
    if not digits or len(digits.lstrip("0")) > len(str(_LARGEST)):
        return None
    value = int(digits.lstrip("0") or "0")
    return value if value <= _LARGEST else None


def _out_of_range(digits: str) -> web.Response:
    return error_answer(400, f'strconv.Atoi: parsing "{digits}": value out of range')
