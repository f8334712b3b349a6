"""nginx, as far as tutorials use it: servers that return statuses, texts and redirects, or serve files.

It obeys the container's configuration or refuses to start; a directive it cannot obey is named with its file and
line, never passed over.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from aiohttp import web

from harness.embedded.apps.nginx.configure import load_site
from harness.embedded.apps.nginx.files import ContainerFiles
from harness.embedded.apps.nginx.respond import Responder
from harness.embedded.apps.nginx.site import Site
from harness.embedded.apps.serving import DRAIN_SECONDS, serve_until_stopped
from harness.errors import Finding, InputError

DEFAULT_CONFIG = "/etc/nginx/nginx.conf"
# `daemon` only says whether nginx leaves the terminal, which a container's process never does.
DAEMON = {"daemon off;", "daemon off", "daemon on;", "daemon on"}


def main(argv: list[str]) -> int:
    """Serve the container's configuration until SIGTERM; 1 if it cannot be obeyed or a port cannot be bound."""
    mounts = os.environ.get("SIGNALBOX_ROOT")
    files = ContainerFiles(Path(mounts) if mounts else None)
    try:
        site = load_site(config_path(argv), files)
        asyncio.run(_serve(site, files))
    except InputError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"nginx: cannot listen: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def config_path(argv: list[str]) -> str:
    """The configuration file a command line asks for.

    argv  as the image takes it, e.g. `/docker-entrypoint.sh nginx -c /etc/nginx/nginx.conf -g "daemon off;"`
    raises  InputError for an option that cannot be obeyed
    """
    path = DEFAULT_CONFIG
    words = iter(argv[1:])
    for word in words:
        if word == "nginx":
            continue
        value = next(words, "")
        if word == "-c" and value:
            path = value if value.startswith("/") else f"/etc/nginx/{value}"
        elif word != "-g" or value.strip() not in DAEMON:
            message = f"nginx: {f'{word} {value}'.strip()!r} is not obeyed; known are -c FILE and -g 'daemon off;'"
            raise InputError([Finding("", 0, message)])
    return path


async def _serve(site: Site, files: ContainerFiles) -> None:
    await serve_until_stopped({port: runner(site, port, files) for port in site.ports})


def runner(site: Site, port: int, files: ContainerFiles) -> web.ServerRunner:
    """What serves one port of a site; call it in a running loop."""
    keepalive = site.ports[port][0].settings.keepalive_seconds
    server = web.Server(Responder(site, port, files), access_log=None, keepalive_timeout=keepalive)
    return web.ServerRunner(server, shutdown_timeout=DRAIN_SECONDS)
