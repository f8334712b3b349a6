"""pods/exec and pods/attach over WebSocket: one message is one channel's byte and what goes through it.

Subprotocol v5.channel.k8s.io is v4 plus a message that closes a channel, which is how `kubectl exec -i` ends stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from urllib.parse import parse_qs

import orjson

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.errors import bad_request
from harness.embedded.apiserver.httpd import Request, Upgrade
from harness.embedded.apiserver.objects import Obj, dig
from harness.embedded.apiserver.podlogs import container_of
from harness.embedded.apiserver.streams import Execution, NodeStreams
from harness.embedded.apiserver.targets import Target
from harness.embedded.apiserver.websocket import WebSocket, accept_websocket

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_CHUNK = 32 * 1024
_TRUE = ("1", "true", "True")
_LARGEST = 4096
"""Columns or rows beyond which a terminal size is nonsense."""


async def serve_terminal(api: Api, node: NodeStreams, target: Target, request: Request) -> Upgrade:
    """Run a command in a container, or follow what its own process writes from now on.

    raises  ApiError 400, 404
    """
    pod = api.get(target.kind.key, target.namespace, target.name)
    query = parse_qs(request.raw_query, keep_blank_values=True)
    container = container_of(pod, query.get("container", [""])[-1])
    _check_running(pod, container)
    if target.subresource == "attach":
        log = await _following(node, target, container)
        return accept_websocket(request, PROTOCOLS, lambda websocket: _attach(websocket, log))
    command = query.get("command", [])
    if not command:
        raise bad_request("you must specify at least one command for the container")
    wants = {name: query.get(name, [""])[-1] in _TRUE for name in ("stdin", "tty")}

    async def run(websocket: WebSocket) -> None:
        try:
            await _converse(websocket, execution)
        finally:
            execution.close()

    # kubectl tries again without a WebSocket, and shows what it is told then.
    node.check_execution(target.namespace, target.name, container)
    answer = accept_websocket(request, PROTOCOLS, run)  # before anything runs for a client that cannot listen
    execution = await node.execute(
        target.namespace, target.name, container, command, stdin=wants["stdin"], terminal=wants["tty"]
    )
    return answer


def _check_running(pod: Obj, container: str) -> None:
    phase = dig(pod, "status", "phase")
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec in or attach to a container in a completed pod; current phase is {phase}")
    for status in dig(pod, "status", "containerStatuses") or ():
        if status["name"] == container and not dig(status, "state", "running"):
            [(state, why)] = status["state"].items()
            raise bad_request(f"container {container} is not running: {state} ({why.get('reason', 'no reason given')})")


async def _converse(websocket: WebSocket, execution: Execution) -> None:
    """Pass everything on until the command has ended and all it wrote is sent, or the client is gone."""
    listening = asyncio.create_task(_listen(websocket, execution))
    speaking = asyncio.create_task(_speak(websocket, execution))
    try:
        await asyncio.wait([listening, speaking], return_when=asyncio.FIRST_COMPLETED)
        if speaking.done():
            await speaking
    finally:
        for task in (listening, speaking):
            task.cancel()
        await asyncio.gather(listening, speaking, return_exceptions=True)


async def _speak(websocket: WebSocket, execution: Execution) -> None:
    async def pump(channel: int, source: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):  # EIO is how a terminal says that nobody holds its other end
            while data := await source.read(_CHUNK):
                await websocket.send(bytes([channel]) + data)

    outputs = [asyncio.create_task(pump(STDOUT, execution.stdout)), asyncio.create_task(pump(STDERR, execution.stderr))]
    try:
        code = await execution.wait()
        await asyncio.gather(*outputs)
    finally:
        for output in outputs:
            output.cancel()
    await websocket.send(bytes([ERROR]) + orjson.dumps(exit_status(code)))


async def _listen(websocket: WebSocket, execution: Execution) -> None:
    async for message in websocket.messages():
        channel, data = message[0] if message else STDIN, message[1:]
        if channel == STDIN:
            await execution.feed(data)
        elif channel == RESIZE:
            _resize(execution, data)
        elif channel == CLOSE and data == bytes([STDIN]):
            execution.end_input()


def _resize(execution: Execution, data: bytes) -> None:
    with contextlib.suppress(orjson.JSONDecodeError):
        size = orjson.loads(data)
        columns, rows = dig(size, "Width"), dig(size, "Height")
        if isinstance(columns, int) and isinstance(rows, int) and max(columns, rows) <= _LARGEST:
            execution.resize(max(columns, 0), max(rows, 0))


async def _following(node: NodeStreams, target: Target, container: str) -> AsyncIterator[bytes]:
    return await node.logs(
        target.namespace,
        target.name,
        container,
        follow=True,
        tail_lines=0,
        previous=False,
        since_seconds=None,
        timestamps=False,
        limit_bytes=None,
    )


async def _attach(websocket: WebSocket, log: AsyncIterator[bytes]) -> None:
    """The container's process has no stdin here, so what the client types goes nowhere."""

    async def read() -> None:
        async for _ in websocket.messages():
            pass

    async def write() -> None:
        async for chunk in log:
            await websocket.send(bytes([STDOUT]) + chunk)
        await websocket.send(bytes([ERROR]) + orjson.dumps(exit_status(0)))

    tasks: Sequence[asyncio.Task[None]] = [asyncio.create_task(read()), asyncio.create_task(write())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def exit_status(code: int) -> Obj:
    """The Status by which clients learn a command's exit code."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code)}
    said = f"command terminated with non-zero exit code: exit status {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": said,
        "details": {"causes": [cause]},
    }
