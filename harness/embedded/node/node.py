"""The node: runs every pod of the cluster as processes on this machine, as a kubelet would."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.embedded.apiserver.admission import NODE_NAME
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.errors import bad_request, not_found
from harness.embedded.apiserver.objects import is_deleting
from harness.embedded.apiserver.store import Event
from harness.embedded.apiserver.streams import Execution
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.node.admin import Metrics
from harness.embedded.node.api_access import ApiAccess
from harness.embedded.node.images import Images
from harness.embedded.node.leftovers import kill_leftovers
from harness.embedded.node.lifecycle import PodLife, Site
from harness.embedded.node.logs import ContainerLog, LogQuery
from harness.embedded.node.processes import LIBRARIES, Zygote
from harness.embedded.node.registration import node_object
from harness.embedded.node.runtime import Container
from harness.embedded.node.timing import Timing
from harness.embedded.pods import PROXY_CONTAINER, Dataplane
from harness.errors import EnvironmentFailed

Obj = dict[str, Any]
_log = logging.getLogger(__name__)


class Node:
    """Every pod of the API runs here, from its creation to its end; implements NodeStreams.

    record   writes an event about an object: type, reason, message (controllers.events.record_event)
    metrics  the proxy metrics of a pod, served on its port 4191
    preload  modules that are loaded before the first pod starts, besides those of the images
    zygote   started already, so that it loads them while other parts start; the node closes it
    """

    def __init__(
        self,
        *,
        api: Api,
        network: PodNetwork,
        dataplane: Dataplane,
        images: Images,
        run_dir: Path,
        metrics: Metrics,
        record: Callable[[Obj, str, str, str], object],
        timing: Timing | None = None,
        preload: Sequence[str] = LIBRARIES,
        zygote: Zygote | None = None,
    ) -> None:
        self._api = api
        self._network = network
        self._dataplane = dataplane
        self._images = images
        self._run_dir = run_dir
        self._metrics = metrics
        self._record = record
        self._timing = timing or Timing()
        self._preload = preload
        self._zygote = zygote
        self._site: Site | None = None
        self._lives: dict[tuple[str, str], PodLife] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self, api_access: ApiAccess | None = None) -> None:
        """Register the node and take up all pods, those that exist and those to come.

        api_access  how pods reach the API server
        """
        zygote = self._zygote or await Zygote.start(self._run_dir, (*self._preload, *self._images.modules()))
        self._site = Site(
            api=self._api,
            network=self._network,
            dataplane=self._dataplane,
            images=self._images,
            metrics=self._metrics,
            zygote=zygote,
            timing=self._timing,
            run_dir=self._run_dir,
            command_cwd=Path.cwd(),
            node_name=NODE_NAME,
            record=self._record,
            closing=asyncio.Event(),
            api_access=api_access,
        )
        if self._api.store.get("nodes", "", NODE_NAME) is None:
            self._api.create("nodes", node_object(NODE_NAME, self._network.node_ip, datetime.now(UTC)))
        self._unsubscribe = self._api.store.subscribe(("pods", "configmaps", "secrets"), self._take)
        for pod in self._api.store.list("pods"):
            self._adopt(pod)

    async def stop(self) -> None:
        """End all pods at the same time, quickly; when it returns no process of theirs is left."""
        if self._site is None:
            return
        self._unsubscribe()
        self._site.closing.set()
        for life in self._lives.values():
            life.abandon(self._timing.shutdown)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._site.zygote.close()
        await asyncio.to_thread(kill_leftovers, self._run_dir)

    async def lost(self) -> None:
        """Return when the parent of all pods died, which nothing can mend: all pods are dead."""
        if self._site is None:
            raise RuntimeError("the node has not been started")
        await asyncio.shield(self._site.zygote.lost)

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        tail_lines: int | None = None,
        previous: bool = False,
        since_seconds: float | None = None,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> AsyncIterator[bytes]:
        """The log of a container as a stream of lines; with `follow` it ends when the container does.

        raises  ApiError 400 if the container (or its previous run) has not started, 404 if there is no such pod
        """
        log = self._log(namespace, pod, container, previous=previous)
        return log.read(
            LogQuery(
                follow=follow,
                tail_lines=tail_lines,
                since_seconds=since_seconds,
                timestamps=timestamps,
                limit_bytes=limit_bytes,
            )
        )

    def check_execution(self, namespace: str, pod: str, container: str) -> None:
        """ApiError 400 for the proxy, which has no process to run a command beside."""
        if container == PROXY_CONTAINER:
            raise bad_request(f"container {container} has no process of its own: it is part of the cluster's Envoy")

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, stdin: bool, terminal: bool
    ) -> Execution:
        """Start a command in a container's environment; close what it returns.

        raises  ApiError 400 if the container does not run
        """
        self.check_execution(namespace, pod, container)
        started = await self._container(namespace, pod, container).start_beside(command, stdin=stdin, terminal=terminal)
        if started is None:
            raise bad_request(f"container {container} of pod {pod} is not running")
        return started

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection made inside the pod: to its processes, not to the inbound listeners before them (§3.5a).

        raises  OSError if nothing listens there
        """
        return await asyncio.open_connection(self._life(namespace, pod).inside_address(port), port)

    def _life(self, namespace: str, pod: str) -> PodLife:
        life = self._lives.get((namespace, pod))
        if life is None:
            raise not_found(self._api.kind("pods"), pod)
        return life

    def _container(self, namespace: str, pod: str, name: str) -> Container:
        container = self._life(namespace, pod).container(name)
        if container is None:
            raise bad_request(f"container {name} is not valid for pod {pod}")
        return container

    def _log(self, namespace: str, pod: str, name: str, *, previous: bool) -> ContainerLog:
        if name == PROXY_CONTAINER:
            return _proxy_log()
        container = self._container(namespace, pod, name)
        log = container.previous_log if previous else container.log
        if log is None and previous:
            raise bad_request(f'previous terminated container "{name}" in pod "{pod}" not found')
        if log is None:
            reason = getattr(container.view.state, "reason", "ContainerCreating")
            raise bad_request(f'container "{name}" in pod "{pod}" is waiting to start: {reason}')
        return log

    def _take(self, event: Event) -> None:
        namespace, name = event.obj["metadata"]["namespace"], event.obj["metadata"]["name"]
        if event.kind.key != "pods":
            self._refresh(namespace)
        elif event.type == "ADDED":
            self._adopt(event.obj)
        elif (life := self._lives.get((namespace, name))) and life.uid == event.obj["metadata"]["uid"]:
            if event.type == "DELETED":
                life.abandon(self._timing.forced)
            else:
                life.observe(event.obj)

    def _refresh(self, namespace: str) -> None:
        for life in self._lives.values():
            if life.namespace == namespace:
                life.refresh()

    def _adopt(self, pod: Obj) -> None:
        if self._site is None or pod["spec"].get("nodeName") != NODE_NAME:
            return
        place = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        try:
            life = PodLife(pod, self._site)
        except EnvironmentFailed as error:  # no address left
            self._record(pod, "Warning", "FailedCreatePodSandBox", str(error))
            return
        self._lives[place] = life
        self._tasks[place] = asyncio.create_task(self._live(place, life, after=self._tasks.get(place)))
        if is_deleting(pod):
            life.observe(pod)

    async def _live(self, place: tuple[str, str], life: PodLife, after: asyncio.Task[None] | None) -> None:
        if after:  # a pod of the same name that was deleted by force may still be on its way out
            await asyncio.wait([after])
        try:
            await life.run()
        except Exception:
            _log.exception("pod %s/%s was not cleared away", *place)
        finally:
            if self._lives.get(place) is life:
                del self._lives[place], self._tasks[place]


def _proxy_log() -> ContainerLog:
    log = ContainerLog()
    log.feed(b"no process of its own: the listeners of this pod are part of the cluster's Envoy\n")
    log.close()
    return log
