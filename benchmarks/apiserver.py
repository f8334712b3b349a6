"""What the embedded API server takes: requests per second over TLS on one connection after the other's heels.

A figure per second of CPU is what one core can do. Each is set against a baseline measured in the same run: aiohttp (a
well-known Python server) over the same TLS, answering bytes of the same size that it keeps ready. A ratio of 1 means
that storing, selecting and encoding cost nothing. Rollouts and watches have no such baseline; their seconds are printed
alone. The watchers have the process of the client; who shares the server's waits for its interpreter.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

from aiohttp import web
from rich.console import Console
from rich.table import Table

from harness.embedded.apiserver.store import Event
from harness.tests.apiserver.support import Box, deployment, is_rolled_out, running_box

CONNECTIONS = 4
PATH = "/api/v1/namespaces/default/configmaps"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each rate is measured")
    seconds = parser.parse_args().seconds
    table = Table(
        "what", "per second", "per second of CPU", "aiohttp, same bytes", "its per second of CPU", "ratio of CPU"
    )
    spawn = multiprocessing.get_context("spawn")  # the client has a process of its own, started once
    with tempfile.TemporaryDirectory() as directory, spawn.Pool(1) as client, running_box(Path(directory)) as box:
        for number in range(50):
            box.request("POST", PATH, {"metadata": {"name": f"c{number}"}, "data": {"k": "v" * 200}})
        patch = b'{"data":{"n":"%d"}}'
        requests = {
            "GET": (request("GET", f"{PATH}/c1"), f"{PATH}/c1"),
            "LIST of 50": (request("GET", f"{PATH}?limit=50"), f"{PATH}?limit=50"),
            "PATCH": (request("PATCH", f"{PATH}/c2", patch), f"{PATH}/c2"),
        }
        for what, (sent, path) in requests.items():
            body = box.request("GET", path).content
            ours = rate(client, box, box.server.port, sent, seconds)
            with ExitStack() as stack:
                theirs = rate(client, box, baseline(box, body, stack), sent, seconds)
            shown = (f"{figure:,.0f}" for one in (ours, theirs) for figure in (one.by_clock, one.by_cpu))
            table.add_row(what, *shown, f"{ours.by_cpu / theirs.by_cpu:.2f}")
        Console().print(table)
        print(
            f"30 replicas available after {rollout(box):.2f} s (pods are pretended, ready 10 ms after they are bound)"
        )
        for watchers in (1, 50):
            print(f"a change has reached {watchers} watching after {fan_out(client, box, watchers)}")
        print(f"the owner of 1,000 objects is deleted, and they are gone {garbage(box)}")
    memory = [sys.executable, str(Path(__file__).with_name("apiserver_memory.py"))]
    print(f"an idle server holds {subprocess.run(memory, check=True, capture_output=True, text=True).stdout.strip()}")


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """The bytes of a request; %d in a body is counted up."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: bench/1\r\n"
    if body:
        head += "Content-Type: application/merge-patch+json\r\nContent-Length: LENGTH\r\n"
    return f"{head}\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests answered, per second and per second that this process (the server's) computed.

    The second one is what one core can do, and stays true on a machine that is busy with something else.
    """

    by_clock: float
    by_cpu: float


def rate(client: Pool, box: Box, port: int, sent: bytes, seconds: float) -> Rate:
    """What the client's process gets answered."""
    begun = time.process_time()
    count, took = client.apply(measured, (str(box.directory), port, sent, seconds))
    return Rate(count / took, count / (time.process_time() - begun))


def measured(directory: str, port: int, sent: bytes, seconds: float) -> tuple[int, float]:
    """In the client's process: how many requests, in how many seconds."""
    return asyncio.run(_measured(_context(directory), port, sent, seconds))


def _context(directory: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=f"{directory}/ca.pem")
    context.load_cert_chain(f"{directory}/client.pem")
    return context


async def _measured(context: ssl.SSLContext, port: int, sent: bytes, seconds: float) -> tuple[int, float]:
    streams = [await asyncio.open_connection("127.0.0.1", port, ssl=context) for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    counts = await asyncio.gather(*(_ask(stream, sent, start + seconds) for stream in streams))
    took = time.perf_counter() - start
    for _, writer in streams:
        writer.close()
    return sum(counts), took


async def _ask(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], sent: bytes, until: float) -> int:
    reader, writer = stream
    head, _, body = sent.partition(b"\r\n\r\n")
    count = 0
    while time.perf_counter() < until:
        counted = body % time.perf_counter_ns() if body else b""
        writer.write(head.replace(b"LENGTH", str(len(counted)).encode()) + b"\r\n\r\n" + counted)
        answered = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answered[:16]:
            raise SystemExit(answered.decode())
        size = int(answered.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(size)
        count += 1
    return count


def baseline(box: Box, body: bytes, stack: ExitStack) -> int:
    """The port of an aiohttp server in a thread of its own that answers everything with `body`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[web.AppRunner, int]:
        async def answer(asked: web.Request) -> web.Response:
            await asked.read()
            return web.Response(body=body, content_type="application/json")

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = box.authority.server(["127.0.0.1"])
        path = box.directory / "baseline.pem"
        path.write_bytes(certificate.certificate + certificate.key)
        context.load_cert_chain(path)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return runner, runner.addresses[0][1]

    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)

    def stop() -> None:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    stack.callback(stop)
    return port


def rollout(box: Box) -> float:
    """Seconds from the creation of a Deployment of 30 until all are available."""
    start = time.perf_counter()
    path = "/apis/apps/v1/namespaces/default/deployments"
    box.request("POST", path, deployment("thirty", replicas=30))
    while not is_rolled_out(box.request("GET", f"{path}/thirty").json):
        time.sleep(0.005)
    return time.perf_counter() - start


def fan_out(client: Pool, box: Box, watchers: int, changes: int = 100) -> str:
    """How long a PATCH takes to each of many watchers (which share the client's one process), and what it costs us."""
    begun = time.process_time()
    times = client.apply(watched, (str(box.directory), box.server.port, watchers, changes))
    cpu = (time.process_time() - begun) / changes
    p50, p99 = (statistics.quantiles(times, n=100)[cut] * 1000 for cut in (49, 98))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms; {cpu * 1000:.2f} ms of CPU for a change"


def watched(directory: str, port: int, watchers: int, changes: int) -> list[float]:
    """In the client's process: seconds from each PATCH until each watcher has seen it."""
    return asyncio.run(_watched(_context(directory), port, watchers, changes))


async def _watched(context: ssl.SSLContext, port: int, watchers: int, changes: int) -> list[float]:
    patching = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    streams = [await asyncio.open_connection("127.0.0.1", port, ssl=context) for _ in range(watchers)]
    for _, writer in streams:
        writer.write(request("GET", f"{PATH}?watch=1&fieldSelector=metadata.name%3Dc3"))
    for reader, _ in streams:
        await reader.readuntil(b'"type":"ADDED"')
    times: list[float] = []
    for number in range(changes):
        mark = f'"n":"mark{number}"'.encode()
        body = b'{"data":{"n":"mark%d"}}' % number
        patch = request("PATCH", f"{PATH}/c3", body).replace(b"LENGTH", str(len(body)).encode())
        start = time.perf_counter()
        patching[1].write(patch)
        _, *seen = await asyncio.gather(*(_seen(reader, mark, start) for reader, _ in (patching, *streams)))
        times += seen
    _close([patching, *streams])
    return times


async def _seen(reader: asyncio.StreamReader, mark: bytes, start: float) -> float:
    await reader.readuntil(mark)
    return time.perf_counter() - start


def garbage(box: Box, objects: int = 1000) -> str:
    """How long it takes from the deletion of an owner until all it owned is gone, and what that costs us."""
    owner = box.request("POST", PATH, {"metadata": {"name": "owner"}}).json
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    present: set[str] = set()
    gone = threading.Event()

    def follow(event: Event) -> None:
        name = event.obj["metadata"]["name"]
        present.discard(name) if event.type == "DELETED" else present.add(name)
        if not present:
            gone.set()

    def create() -> None:
        box.api.store.subscribe(["configmaps"], follow)
        for number in range(objects):
            body = {"metadata": {"name": f"owned-{number}", "ownerReferences": [reference]}, "data": {"k": "v" * 200}}
            box.api.create("configmaps", body, namespace="default")

    box.call(create)
    begun, computed = time.perf_counter(), time.process_time()
    box.request("DELETE", f"{PATH}/owner")
    gone.wait()
    return f"{time.perf_counter() - begun:.2f} s later ({time.process_time() - computed:.2f} s of CPU)"


def _close(streams: Sequence[tuple[Any, asyncio.StreamWriter]]) -> None:
    for _, writer in streams:
        writer.close()


if __name__ == "__main__":
    main()
