"""Two echo servers: one for images that nobody knows, and fortio's, which can take its time.

main    answers what was asked, as JSON, on every port of SIGNALBOX_ECHO_PORTS
fortio  fortio server [-http-port 8080] [-echo-server-default-params "delay=1s&status=503"] …
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

from harness.embedded.apps.podinfo.flags import duration, read_flags, text
from harness.embedded.apps.serving import DRAIN_SECONDS, serve_until_stopped
from harness.embedded.apps.traffic import UsageError

PORTS_VARIABLE = "SIGNALBOX_ECHO_PORTS"

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_DISABLED = "disabled"
_OTHER_PORTS = ("tcp-port", "udp-port", "grpc-port", "redirect-port")
_FORTIO_FLAGS = {
    "http-port": text,
    "echo-server-default-params": text,
    "max-echo-delay": duration,
    **dict.fromkeys(_OTHER_PORTS, text),
}
# Parameters of the original that would change an answer; any others mean nothing to it either.
_NOT_OFFERED = frozenset({"size", "close", "header", "gzip"})


def main(_argv: list[str]) -> int:
    """Echo on all ports until SIGTERM; 1 if there is none or one cannot be bound."""
    try:
        ports = echo_ports(os.environ.get(PORTS_VARIABLE, ""))
    except ValueError as error:
        print(f"echo: {error}", file=sys.stderr, flush=True)
        return 1
    return _serve("echo", dict.fromkeys(ports, echo))


def echo_ports(written: str) -> tuple[int, ...]:
    """The ports in a text like `8080,9090`; raises ValueError."""
    words = [word.strip() for word in written.split(",") if word.strip()]
    if not words or not all(word.isdecimal() and 0 < int(word) < 65536 for word in words):
        raise ValueError(f"{PORTS_VARIABLE} must name ports, like 8080,9090, not {written!r}")
    return tuple(dict.fromkeys(int(word) for word in words))


async def echo(request: web.BaseRequest) -> web.Response:
    """What was asked and who answers; names of headers in lower case, each with all its values."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), []).append(value)
    await request.read()
    facts = {
        "method": request.method,
        "path": request.raw_path,
        "headers": headers,
        "hostname": os.environ.get("HOSTNAME") or socket.gethostname(),
        "port": _own_port(request),
    }
    body = json.dumps(facts, indent=2).encode() + b"\n"
    return web.Response(body=body, headers={"Content-Type": "application/json"})


def _own_port(request: web.BaseRequest) -> int | None:
    """The port that was asked; None if the connection is gone."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return int(name[1]) if name else None


def fortio(argv: list[str]) -> int:
    """fortio's echo server until SIGTERM; 1 for a command line that cannot be obeyed or a port that is taken."""
    try:
        server = parse_fortio(argv[1:])
    except UsageError as error:
        print(f"fortio: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return _serve("fortio", {server.port: server.answer})


@dataclass(frozen=True, slots=True)
class Fortio:
    """fortio's echo server: the body comes back, late and with another status if parameters ask for it.

    defaults       parameters of requests that have no `?` at all, in words; {} for none
    most_seconds   no delay is longer, whatever is asked for
    """

    port: int
    defaults: Mapping[str, str]
    most_seconds: float = 1.5
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def answer(self, request: web.BaseRequest) -> web.Response:
        query = dict(parse_qsl(request.rel_url.raw_query_string)) if "?" in request.raw_path else self.defaults
        try:
            delay, status = wanted(query)
        except ValueError as error:
            return web.Response(status=501, text=f"{error}\n")
        body = await request.read()
        if delay > 0:
            await self.pause(min(delay, self.most_seconds))
        kind = request.headers.get("Content-Type")
        return web.Response(status=status, body=body, headers={"Content-Type": kind} if kind else None)


def parse_fortio(words: Sequence[str]) -> Fortio:
    """The server that a command line without the program's name asks for; raises UsageError."""
    if not words or words[0] != "server":
        raise UsageError("only `fortio server` is offered by this stand-in", 1)
    given, rest = read_flags(words[1:], _FORTIO_FLAGS, dashes=("--", "-"))
    opened = [f"-{name} {_DISABLED}" for name in _OTHER_PORTS if given.get(name) != _DISABLED]
    if rest or opened:
        raise UsageError(f"only HTTP is offered by this stand-in; give {' '.join(opened) or 'flags only'}", 1)
    port, defaults = given.get("http-port", "8080"), dict(parse_qsl(given.get("echo-server-default-params", "")))
    try:
        wanted(defaults)
        return Fortio(echo_ports(port)[0], defaults, given.get("max-echo-delay", 1.5))
    except ValueError as error:
        raise UsageError(str(error), 1) from None


def wanted(query: Mapping[str, str]) -> tuple[float, int]:
    """Delay in seconds and status; raises ValueError for what is not offered, like a list of probabilities."""
    if unknown := sorted(_NOT_OFFERED & set(query)):
        raise ValueError(f"parameter {', '.join(unknown)} is not offered by this stand-in of fortio")
    delay, status = duration(query.get("delay", "0")), query.get("status", "200")
    if not (status.isdecimal() and 200 <= int(status) <= 599):
        raise ValueError(f"status must be one from 200 to 599, not {status!r}")
    return delay, int(status)


def _serve(program: str, answers: Mapping[int, Answer]) -> int:
    try:
        asyncio.run(_listen(answers))
    except OSError as error:
        print(f"{program}: cannot listen: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


async def _listen(answers: Mapping[int, Answer]) -> None:
    await serve_until_stopped({port: runner(answer) for port, answer in answers.items()})


def runner(answer: Answer) -> web.ServerRunner:
    """What serves one port; call it in a running loop."""
    server = web.Server(answer, access_log=None, handler_cancellation=True)
    return web.ServerRunner(server, shutdown_timeout=DRAIN_SECONDS)
