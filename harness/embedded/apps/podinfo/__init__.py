"""podinfo 6.9.3: a small web service that tells about itself and calls other services (§8.4).

Flags and PODINFO_* variables are the original's. What is not offered is said in the log at the start (HTTPS, tracing,
stress), or answered with 501 (/ws/echo, /swagger, /debug/pprof).
"""

from __future__ import annotations

import asyncio
import os
import sys

from aiohttp import web

from harness.embedded.apps.podinfo.calls import CallServer
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.metrics import Metrics
from harness.embedded.apps.podinfo.options import REVISION, VERSION, Options, parse_options
from harness.embedded.apps.podinfo.server import metrics_app, podinfo_app
from harness.embedded.apps.serving import DRAIN_SECONDS, PortServer, client_session, serve_until_stopped
from harness.embedded.apps.traffic import UsageError

# Where podinfo would never close an idle connection.
LONGEST_IDLE_SECONDS = 3600.0


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; 2 for flags and variables that make no sense, 1 if a port cannot be bound."""
    try:
        options = parse_options(argv[1:], os.environ)
        asyncio.run(_serve(options))
    except UsageError as error:
        print(error, file=sys.stderr if error.exit_code else sys.stdout, flush=True)
        return error.exit_code
    except OSError as error:
        Log("error").error("HTTP server crashed", error=str(error))
        return 1
    return 0


async def _serve(options: Options) -> None:
    log = Log(options.level)
    for message in options.not_offered:
        log.warn(message)
    log.info("Starting podinfo", version=VERSION, revision=REVISION, port=str(options.port))
    async with client_session() as session:
        metrics = Metrics()
        apps = {options.port: podinfo_app(session, options, metrics, log), options.port_metrics: metrics_app(metrics)}
        servers: dict[int, PortServer] = {port: runner(app, options) for port, app in apps.items() if port}
        if options.grpc_port > 0:
            servers[options.grpc_port] = CallServer(options, log)
        await serve_until_stopped(servers)


def runner(app: web.Application, options: Options) -> web.AppRunner:
    """What serves one of the two ports."""
    return web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,  # A client that goes away takes its calls to backends with it.
        keepalive_timeout=min(2 * options.http_server_timeout, LONGEST_IDLE_SECONDS),
        shutdown_timeout=DRAIN_SECONDS,
    )
