"""The program in a sender pod: takes a plan over HTTP, sends its requests from where it is, streams what happened.

    python -m harness.traffic.sender [--port 4199]

    GET  /healthz   200 when it can take orders
    POST /send      a plan (harness.traffic.plan); answers with the lines of harness.traffic.stream. Closing the
                    connection stops the sending at once. 400 with {"error": …} for a plan that cannot be carried out

It listens on $SIGNALBOX_SKIP_BIND, else on all addresses. If the environment names an `http_proxy`, requests go
through it; on a real cluster they leave directly and the pod's own proxy takes them up.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from aiohttp import web

from harness.traffic.dispatch import Dispatch
from harness.traffic.exchange import exchange_for
from harness.traffic.plan import Plan
from harness.traffic.stream import Line, Trouble, encode

PORT = 4199
MAX_PLAN_BYTES = 16 * 1024 * 1024
_GOODBYE_SECONDS = 0.1
"""Given to open streams on SIGTERM; whoever reads them sees them cut off."""


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    argv  program name and options
    """
    parser = argparse.ArgumentParser(prog="signalbox-sender", description="Sends requests as it is told over HTTP.")
    parser.add_argument("--port", type=int, default=PORT, help="port for orders; 0 takes any free one")
    options = parser.parse_args(argv[1:])
    asyncio.run(_serve(os.environ.get("SIGNALBOX_SKIP_BIND") or "0.0.0.0", options.port))
    return 0


def application() -> web.Application:
    """The sender as an aiohttp application; its runner needs `handler_cancellation=True`."""
    app = web.Application(client_max_size=MAX_PLAN_BYTES)
    app.router.add_get("/healthz", _healthz)
    app.router.add_post("/send", _send)
    return app


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(application(), handler_cancellation=True, access_log=None, shutdown_timeout=_GOODBYE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        for address in runner.addresses:
            print(f"takes orders on {address[0]}:{address[1]}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _send(request: web.Request) -> web.StreamResponse:
    try:
        plan = Plan.decode(await request.read())
    except ValueError as error:
        return web.Response(status=400, body=encode(Trouble(str(error))), content_type="application/json")
    print(f"sends {plan.request} at {plan.rate_per_second:g}/s, {plan.limit} times at most", flush=True)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
    await response.prepare(request)

    async def write(line: Line) -> None:
        await response.write(encode(line))

    try:
        async with exchange_for(plan) as exchange:
            await Dispatch(plan, exchange).run(write)
    except* ConnectionResetError:
        print("the client went away, sending stopped", flush=True)
    except* Exception as group:
        traceback.print_exception(group)
        await write(Trouble(f"the sender failed: {group.exceptions[0]!r}"))
    return response


if __name__ == "__main__":
    sys.exit(main(sys.argv))
