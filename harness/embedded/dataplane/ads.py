"""The discovery server: tells the proxy all resources over one stream, and knows what it has taken.

State of the world: an ACK means that the next request sees the new state; a NACK names what is wrong. gRPC runs in
threads of its own, which only pass messages; every decision is made in the event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc

from harness.embedded.dataplane.channel import Channel
from harness.embedded.dataplane.compile.names import Config, Resources
from harness.embedded.dataplane.protos import KIND_BY_URL, Kind
from harness.embedded.pods import DataplaneError

_log = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 30.0  # some 2 s are needed for 100 pods at once on two slow cores
_STREAMS: Final = 4  # one is used; a proxy that reconnects may hold a second for a moment


@dataclass(frozen=True, slots=True)
class Rejection:
    """A resource that the proxy refused, with the proxy's own words; what it had before stays in force."""

    kind: Kind
    name: str
    reason: str

    def __str__(self) -> str:
        return f"the proxy refuses {self.kind.value} '{self.name}': {self.reason}"


class Rejected(DataplaneError):
    """The proxy refused some resources; everything else of the same push is in force."""

    def __init__(self, rejections: Iterable[Rejection]) -> None:
        self.rejections = tuple(rejections)
        super().__init__("; ".join(str(rejection) for rejection in self.rejections))


class AdsServer:
    """Serves one proxy on a Unix socket."""

    def __init__(self, socket: Path, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._socket = socket
        self._patience = patience_seconds
        nonces = itertools.count(1)
        self._channels = {kind: Channel(kind, lambda: str(next(nonces))) for kind in Kind}
        self._stream: _Stream | None = None
        self._lock = asyncio.Lock()
        self._late: list[Rejection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: DataplaneError | None = None
        self._server: Any = None

    async def start(self) -> None:
        """Listen; returns when the proxy can connect."""
        self._server = grpc.server(
            ThreadPoolExecutor(_STREAMS, thread_name_prefix="ads"),
            options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
        )
        servicer = _Servicer(self, asyncio.get_running_loop())
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(servicer, self._server)
        self._server.add_insecure_port(f"unix:{self._socket}")
        self._server.start()

    async def stop(self) -> None:
        """Close the stream and the socket; whoever still waits gets an error."""
        self.fail(DataplaneError("the data plane is stopping"))
        if self._stream is not None:
            self._stream.close()
        if self._server is not None:
            stopped = self._server.stop(None)
            await asyncio.to_thread(stopped.wait)
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def fail(self, error: DataplaneError) -> None:
        """The proxy is gone for good: every push, running or coming, raises this."""
        self._failure = self._failure or error
        for channel in self._channels.values():
            channel.fail(self._failure)

    async def push(self, wanted: Resources) -> None:
        """Make the proxy's state this one; returns when it is in force for the next request.

        Only what differs is sent: clusters, their endpoints, routes, listeners; what is gone is taken away last.
        raises  Rejected for what the proxy refuses now, once for the same content; DataplaneError if it does not answer
        """
        async with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                async with asyncio.timeout(self._patience):
                    rejections = await self._push(wanted)
            except TimeoutError:
                raise DataplaneError(f"the proxy did not take its configuration within {self._patience:g} s") from None
            if rejections:
                raise Rejected(rejections)

    async def _push(self, wanted: Resources) -> list[Rejection]:
        self._late.clear()
        routes = self._channels[Kind.ROUTE]
        changed_routes = _put(routes, wanted.routes)
        rejections = await self._push_clusters(wanted)
        rejections += await self._deliver(routes, changed_routes)
        rejections += await self._push_listeners(wanted)
        await self._take_away(wanted)
        return rejections + self._late

    async def _push_clusters(self, wanted: Resources) -> list[Rejection]:
        """Clusters and their endpoints; returns when all are in service."""
        clusters, assignments = self._channels[Kind.CLUSTER], self._channels[Kind.ASSIGNMENT]
        changed, endpoints = _put(clusters, wanted.clusters), _put(assignments, wanted.assignments)
        if not changed and clusters.is_answered:
            return await self._deliver(assignments, endpoints)
        delivery = clusters.deliver(changed)
        await delivery.sent.wait()
        # A new or changed cluster waits to hear of its endpoints once more, and the answer waits for the cluster.
        again = _assignments_of(wanted.clusters[name] for name in changed)
        rejections = await self._deliver(assignments, endpoints | again)
        rejections += await self._judge(clusters, changed, await delivery.answer)
        await assignments.when_live(_assignments_of(clusters.accepted(wanted.clusters)))
        return rejections

    async def _push_listeners(self, wanted: Resources) -> list[Rejection]:
        """Listeners, old ones gone; returns when the new ones have their route tables."""
        listeners = self._channels[Kind.LISTENER]
        changed, gone = _put(listeners, wanted.listeners), listeners.gone(wanted.listeners)
        if not changed and not gone and listeners.is_answered:
            return []
        listeners.drop(gone)
        rejections = await self._deliver(listeners, changed)
        await self._channels[Kind.ROUTE].when_live(_tables_of(listeners.accepted(wanted.listeners)))
        return rejections

    async def _take_away(self, wanted: Resources) -> None:
        clusters = self._channels[Kind.CLUSTER]
        if gone := clusters.gone(wanted.clusters):
            clusters.drop(gone)
            await self._deliver(clusters, frozenset())
        for kind, left in ((Kind.ASSIGNMENT, wanted.assignments), (Kind.ROUTE, wanted.routes)):
            self._channels[kind].drop(self._channels[kind].gone(left))

    async def _deliver(self, channel: Channel, names: Collection[str]) -> list[Rejection]:
        """Send, and find out which resource is guilty if the proxy refuses."""
        if not names and not channel.kind.is_whole:
            return []
        return await self._judge(channel, names, await channel.deliver(names).answer)

    async def _judge(self, channel: Channel, names: Collection[str], reason: str | None) -> list[Rejection]:
        if reason is None:
            return []
        if not channel.kind.is_whole and len(names) > 1:
            # One bad resource spoils its whole response: alone, the good ones are taken.
            return [item for name in sorted(names) for item in await self._deliver(channel, {name})]
        guilty = [name for name in names if f"{name}:" in reason] or names
        for name in guilty:
            channel.revert(name)
        return [Rejection(channel.kind, name, _about(name, reason)) for name in sorted(guilty)]

    # called by the servicer, in the event loop

    def connected(self, stream: _Stream) -> None:
        self._stream = stream
        for channel in self._channels.values():
            channel.connect(stream.send)

    def disconnected(self, stream: _Stream) -> None:
        if self._stream is stream:
            self._stream = None
            for channel in self._channels.values():
                channel.connect(None)

    def received(self, stream: _Stream, request: Any) -> None:
        kind = KIND_BY_URL.get(request.type_url)
        if kind is None or stream is not self._stream or self._failure is not None:
            return
        asked = self._channels[kind].receive(request)
        if asked is not None:
            self._spawn(self._answer(self._channels[kind], asked))

    async def _answer(self, channel: Channel, names: frozenset[str]) -> None:
        with suppress(DataplaneError):  # the push that waits for these names raises it
            rejections = await self._deliver(channel, names)
            self._late += rejections
            for rejection in rejections:
                _log.warning("%s", rejection)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _about(name: str, reason: str) -> str:
    """What a NACK says of one resource: it lists all that it refuses, one a line."""
    _, found, rest = reason.partition(f"{name}: ")
    return rest.partition("\n")[0] if found else reason


def _put(channel: Channel, wanted: Any) -> frozenset[str]:
    changed = channel.changes(wanted)
    channel.put({name: wanted[name] for name in changed})
    return changed


def _assignments_of(clusters: Iterable[Config]) -> frozenset[str]:
    """The assignments that these clusters listen to."""
    return frozenset(
        cluster["eds_cluster_config"]["service_name"] for cluster in clusters if cluster.get("type") == "EDS"
    )


def _tables_of(listeners: Iterable[Config]) -> frozenset[str]:
    """The route tables that these listeners ask for."""
    chains = (chain for listener in listeners for chain in listener["filter_chains"])
    filters = (item["typed_config"] for chain in chains for item in chain["filters"])
    return frozenset(config["rds"]["route_config_name"] for config in filters if "rds" in config)


class _Stream:
    """The way out to one connected proxy."""

    def __init__(self) -> None:
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def send(self, message: Any) -> None:
        self._outgoing.put(message)

    def close(self) -> None:
        self._outgoing.put(None)

    def messages(self) -> Iterator[Any]:
        return iter(self._outgoing.get, None)


class _Servicer(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # untyped package
    """Runs in gRPC's threads and only passes messages on."""

    def __init__(self, server: AdsServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop

    def StreamAggregatedResources(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        stream = _Stream()
        self._post(self._server.connected, stream)
        threading.Thread(target=self._read, args=(requests, stream), name="ads-requests", daemon=True).start()
        yield from stream.messages()

    def _read(self, requests: Iterator[Any], stream: _Stream) -> None:
        with suppress(grpc.RpcError):  # how gRPC says that the other side is gone
            for request in requests:
                self._post(self._server.received, stream, request)
        self._post(self._server.disconnected, stream)
        stream.close()

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: there is nobody left to tell
            self._loop.call_soon_threadsafe(call, *arguments)
