"""A sender without a pod: requests from this machine, such as the article's `curl` through the ingress.

The same schedule, client and outcomes as the program in the pod, run in a thread of this process.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from harness.traffic.client import SenderClient
from harness.traffic.dispatch import Dispatch
from harness.traffic.exchange import exchange_for
from harness.traffic.plan import Plan
from harness.traffic.stream import Line, Trouble, encode

_Lines = queue.SimpleQueue[bytes | None]


def local_sender(redirect: Callable[[Plan], Plan] = lambda plan: plan) -> SenderClient:
    """A sender in this process.

    redirect  what is really sent for a plan, such as the same request to the ingress's address
    """

    @contextmanager
    def open_stream(body: bytes) -> Iterator[Iterator[bytes]]:
        sending = _Sending(redirect(Plan.decode(body)))
        sending.start()
        try:
            yield iter(sending.lines.get, None)
        finally:
            sending.stop()

    return SenderClient(open_stream)


def towards(address: str, host: str) -> Callable[[Plan], Plan]:
    """Send every request to `address` ("ip:port") instead, with the Host that a client of `host` would send there."""

    def redirect(plan: Plan) -> Plan:
        request = plan.request
        rest = request.url.partition("://")[2].partition("/")[2]
        headers = tuple(pair for pair in request.headers if pair[0].lower() != "host")
        port = address.rpartition(":")[2]
        url = f"http://{address}/{rest}"
        return replace(plan, request=replace(request, url=url, headers=(("Host", f"{host}:{port}"), *headers)))

    return redirect


class _Sending(threading.Thread):
    """One plan carried out; `lines` ends with None."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(name="local-sender", daemon=True)
        self.lines: _Lines = queue.SimpleQueue()
        self._plan = plan
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Send until the plan is done or `stop` is called."""
        try:
            self._task = self._loop.create_task(self._send())
            self._loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
        finally:
            self._loop.close()
            self.lines.put(None)

    def stop(self) -> None:
        """Return when nothing is sent any more."""
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._cancel)
            except RuntimeError:  # it was closed this moment: the plan is done
                self.join()
                return
        self.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _send(self) -> None:
        async def write(line: Line) -> None:
            self.lines.put(encode(line))

        try:
            async with exchange_for(self._plan) as exchange:
                await Dispatch(self._plan, exchange).run(write)
        except* Exception as group:
            await write(Trouble(f"the sender failed: {group.exceptions[0]!r}"))
