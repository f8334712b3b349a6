"""One process that owns one embedded cluster: it starts every part, says where the API is, and takes all down.

Whoever starts it holds the other end of its standard input. The cluster ends when that end closes (the starter died,
however it died) or on SIGTERM; every part it started dies with it. A starter that wants to keep the cluster says `keep`
whenever it likes, and is answered by a second line; unless that tells of an error, its end does not matter from then
on. Each answer is one line of JSON on standard output, `{"kubeconfig": …}` or `{"error": …, "remedy": …}`, and why a
part died is written to the file `failed`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import gc
import json
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.dialect import DIALECTS, Dialect
from harness.embedded.admission import register_mesh_admission
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.certs import ADMIN, ADMIN_GROUP, Authority, server_context, write_kubeconfig
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.apiserver.server import RunningServer, serve
from harness.embedded.apiserver.tokens import ServiceAccountTokens
from harness.embedded.controllers.events import record_event
from harness.embedded.controllers.loop import ControllerLoop
from harness.embedded.controllers.rate_limits import rate_limit_controllers
from harness.embedded.controllers.routes import route_status_controllers
from harness.embedded.controllers.startup import create_first_namespaces, standard_controllers
from harness.embedded.crds import definitions
from harness.embedded.dataplane.plane import Plane
from harness.embedded.mesh_config import publish_mesh_config
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.node.api_access import ApiAccess
from harness.embedded.node.images import Image, Images, parse_image
from harness.embedded.node.node import Node
from harness.embedded.pods import DataplaneError
from harness.errors import EnvironmentFailed

INGRESS_PORT = 54321  # the tutorial's
OWNER_LOCK = "owner.lock"
FAILED = "failed"
KEPT = "kept.json"
LET_GO = b"keep\n"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the starter asks for.

    name          what the cluster is called
    ingress_port  where the ingress listens on 127.0.0.1 if that is free, else on any free port
    images        programs for images besides the ones every cluster knows
    """

    name: str
    ingress_port: int
    run_dir: Path
    dialect: Dialect
    images: tuple[Image, ...]


def main(argv: Sequence[str]) -> int:
    """Run one cluster until it is no longer wanted; 0 if it ended in order, 4 if it could not start."""
    settings = _settings(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    lock = (settings.run_dir / OWNER_LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        return asyncio.run(_run(settings))
    except EnvironmentFailed as error:
        _answer({"error": error.message, "remedy": error.remedy})
        return 4
    finally:
        shutil.rmtree(settings.run_dir, ignore_errors=True)


def _settings(argv: Sequence[str]) -> Settings:
    parser = argparse.ArgumentParser(prog="harness.embedded", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--name", default="signalbox")
    parser.add_argument("--ingress-port", type=int, default=INGRESS_PORT)
    parser.add_argument("--dialect", choices=sorted(DIALECTS), required=True)
    parser.add_argument("--image", action="append", default=[], type=parse_image, metavar="PATTERN=MODULE:FUNCTION")
    arguments = parser.parse_args(argv)
    return Settings(
        name=arguments.name,
        ingress_port=arguments.ingress_port,
        run_dir=arguments.run_dir,
        dialect=DIALECTS[arguments.dialect],
        images=tuple(arguments.image),
    )


async def _run(settings: Settings) -> int:
    kept = asyncio.Event()
    stopped = _stop_wanted(kept)
    async with _cluster(settings) as (kubeconfig, plane, node):
        answer = {"kubeconfig": str(kubeconfig), "ingress": plane.ingress_address or ""}
        _answer(answer)
        # What was imported and built so far lives until the end; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        async with asyncio.TaskGroup() as parts:
            keeping = parts.create_task(_keep_when_told(kept, settings, answer))
            await _until(stopped, node, settings.run_dir)
            keeping.cancel()
    return 0


async def _keep_when_told(kept: asyncio.Event, settings: Settings, answer: dict[str, str]) -> None:
    """Let the starter go once it wants the cluster kept and whoever looks for kept ones finds it; say so if not."""
    while True:
        await kept.wait()
        kept.clear()
        try:
            _write_kept(settings, answer)
        except OSError as error:
            _answer({"error": f"the cluster cannot be kept: {error}", "remedy": f"look at {settings.run_dir}"})
            continue
        asyncio.get_running_loop().remove_reader(0)
        _answer(answer)
        return


def _write_kept(settings: Settings, answer: dict[str, str]) -> None:
    said = {"name": settings.name, "dialect": settings.dialect.name, "pid": os.getpid(), **answer}
    draft = settings.run_dir / f"{KEPT}.draft"
    draft.write_text(json.dumps(said), encoding="utf-8")
    draft.rename(settings.run_dir / KEPT)


@asynccontextmanager
async def _cluster(settings: Settings) -> AsyncIterator[tuple[Path, Plane, Node]]:
    """Every part of the cluster, started in order and stopped in reverse; gives the kubeconfig and what can die."""
    async with AsyncExitStack() as stack:
        network = PodNetwork.claim()
        stack.callback(network.close)
        api = Api(network.service_address)
        serve_custom_kinds(api)
        for definition in definitions(settings.dialect):
            api.create(CRD_KEY, definition)
        register_mesh_admission(api, settings.dialect)
        authority = Authority()
        status_writers = [
            *route_status_controllers(api, settings.dialect),
            *rate_limit_controllers(api, settings.dialect),
        ]
        loop = ControllerLoop(api.store, [*standard_controllers(api), *status_writers])
        loop.start()
        stack.callback(loop.close)
        create_first_namespaces(api, authority.certificate.decode())
        publish_mesh_config(api, settings.dialect)
        plane = Plane(
            api,
            settings.dialect,
            settings.run_dir,
            on_failure=partial(_write_failure, settings.run_dir),
            ingress_port=_claim_port(settings.ingress_port, stack),
            ingress_source=network.service_address(),
        )
        node = Node(
            api=api,
            network=network,
            dataplane=plane,
            images=Images(extra=settings.images),
            run_dir=settings.run_dir,
            metrics=plane.pod_metrics,
            record=partial(record_event, api),
        )
        stack.push_async_callback(plane.stop)
        stack.push_async_callback(node.stop)
        tokens = ServiceAccountTokens(api)
        # Nobody is told where it listens before everything runs.
        server = await _serve(api, authority, tokens, node, plane, settings.run_dir)
        stack.push_async_callback(server.close)
        access = ApiAccess("127.0.0.1", server.port, authority.certificate, tokens.issue)
        await asyncio.gather(plane.start(), node.start(access))
        yield _write_kubeconfig(settings.run_dir, authority, server.port), plane, node


async def _serve(
    api: Api, authority: Authority, tokens: ServiceAccountTokens, node: Node, plane: Plane, run_dir: Path
) -> RunningServer:
    """The API, served from now on."""
    certificate = authority.server(["127.0.0.1", "localhost", "kubernetes.default.svc"])

    async def in_force() -> None:
        with contextlib.suppress(DataplaneError):  # the plane tells of what it cannot take by events
            await plane.settled()

    context = server_context(authority, certificate, run_dir)
    return await serve(api, context, node, in_force=in_force, tokens=tokens)


def _write_kubeconfig(run_dir: Path, authority: Authority, port: int) -> Path:
    kubeconfig = run_dir / "kubeconfig"
    client = authority.client(ADMIN, ADMIN_GROUP)
    write_kubeconfig(kubeconfig, f"https://127.0.0.1:{port}", authority.certificate, client)
    return kubeconfig


async def _until(stopped: asyncio.Event, node: Node, run_dir: Path) -> None:
    """Return when the cluster is no longer wanted; meanwhile write down the death of the pods' parent."""
    wanted_no_more, node_lost = asyncio.create_task(stopped.wait()), asyncio.create_task(node.lost())
    await asyncio.wait([wanted_no_more, node_lost], return_when=asyncio.FIRST_COMPLETED)
    if node_lost.done():
        _write_failure(run_dir, EnvironmentFailed("the parent process of all pods died, and every pod with it"))
    node_lost.cancel()
    await wanted_no_more


def _write_failure(run_dir: Path, failure: EnvironmentFailed) -> None:
    """Say why a part died, in one step, so that whoever reads sees all of it or nothing; the first one counts."""
    if (run_dir / FAILED).exists():
        return
    draft = run_dir / f"{FAILED}.draft"
    draft.write_text(str(failure), encoding="utf-8")
    draft.rename(run_dir / FAILED)


def _claim_port(wanted: int, stack: AsyncExitStack) -> int:
    """The wanted port of 127.0.0.1, or 0 (any) if somebody has it.

    Clusters that start at the same moment agree by the UDP port of the same number, which is held while this one lives.
    """
    claim = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            claim.bind(("127.0.0.1", wanted))
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _stop_wanted(kept: asyncio.Event) -> asyncio.Event:
    """Set when the starter is gone or asks for the end.

    kept  set when the starter says that the cluster is to go on without it
    """
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)

    def readable() -> None:
        said = os.read(0, 4096)
        if said == LET_GO:
            kept.set()
        elif not said:  # it closed its end or died
            loop.remove_reader(0)
            stopped.set()

    loop.add_reader(0, readable)
    return stopped


def _answer(answer: dict[str, str]) -> None:
    """One line for the starter, who may be gone already."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
