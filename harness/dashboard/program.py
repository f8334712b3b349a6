"""The program behind the dashboard's pages.

    python -m harness.dashboard [--kubeconfig FILE] [--host ADDRESS] [--port 8084]

In a pod it reads the cluster that it is part of as its ServiceAccount; anywhere else it needs a kubeconfig, and then
listens on 127.0.0.1 unless told otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from aiohttp import web

from harness.dashboard.feed import Feed
from harness.dashboard.reading import read_cluster
from harness.dashboard.web import application
from harness.errors import Exit
from harness.kube.client import Kube, NoKubeconfig

PORT = 8084  # what `linkerd viz dashboard` listens on
PERIOD_SECONDS = 2.0
WINDOW_SECONDS = 10.0
ACCOUNT = "var/run/secrets/kubernetes.io/serviceaccount"
_GOODBYE_SECONDS = 0.1
"""Given to open streams on SIGTERM; browsers come back by themselves."""


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    argv  program name and options
    """
    options = _parser().parse_args(argv[1:])
    try:
        with _connected(options.kubeconfig, os.environ) as kube:
            feed = Feed(partial(read_cluster, kube), period=options.period, window=options.window)
            asyncio.run(_serve(feed, options.host or _host(options.kubeconfig, os.environ), options.port))
    except NoKubeconfig as error:
        where = str(options.kubeconfig) if options.kubeconfig else "this is no pod with access to the API"
        print(f"{where}: {error.reason}; name a kubeconfig with --kubeconfig", file=sys.stderr)
        return Exit.INPUT
    except OSError as error:
        print(f"cannot listen on port {options.port}: {error}", file=sys.stderr)
        return Exit.ENVIRONMENT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signalbox-dashboard", description="Shows a mesh in a browser, live.")
    parser.add_argument("--kubeconfig", type=Path, help="the cluster; left out, the one that this is a pod of")
    parser.add_argument("--host", default="", help="address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes any free one; default %(default)s")
    parser.add_argument("--window", type=float, default=WINDOW_SECONDS, metavar="SECONDS", help="default %(default)g")
    parser.add_argument("--period", type=float, default=PERIOD_SECONDS, metavar="SECONDS", help="default %(default)g")
    return parser


@contextmanager
def _connected(kubeconfig: Path | None, environ: Mapping[str, str]) -> Iterator[Kube]:
    if kubeconfig is not None:
        with (
            tempfile.TemporaryDirectory(prefix="dashboard-") as scratch,
            Kube(kubeconfig, scratch=Path(scratch)) as kube,
        ):
            yield kube
        return
    # Where pods share the machine's file system their own begins at this root.
    account = Path(environ.get("SIGNALBOX_ROOT") or "/", ACCOUNT)
    with Kube.in_pod(account) as kube:
        yield kube


def _host(kubeconfig: Path | None, environ: Mapping[str, str]) -> str:
    return environ.get("SIGNALBOX_BIND") or ("0.0.0.0" if kubeconfig is None else "127.0.0.1")


async def _serve(feed: Feed, host: str, port: int) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        application(feed), handler_cancellation=True, access_log=None, shutdown_timeout=_GOODBYE_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        for address in runner.addresses:
            print(f"dashboard on http://{address[0]}:{address[1]}/", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
        await feed.close()
