"""The mesh data plane of an embedded cluster: what the API holds and what pods there are, in force in one proxy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.dialect import Dialect
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import Obj
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.events import record_event
from harness.embedded.dataplane.ads import AdsServer, Rejected, Rejection
from harness.embedded.dataplane.compile import compile_snapshot
from harness.embedded.dataplane.compile.names import INGRESS, inbound_names, outbound_listener
from harness.embedded.dataplane.envoy import Envoy, envoy_binary
from harness.embedded.dataplane.identity import Identities
from harness.embedded.dataplane.ingresses import Ingress
from harness.embedded.dataplane.metrics import Metrics
from harness.embedded.dataplane.routebook import Report, only_log
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.dataplane.world import KEYS, World, pod_facts
from harness.embedded.pods import DataplaneError, PodEndpoint
from harness.errors import EnvironmentFailed
from harness.resources.pods import PodFacts, PodPort

_log = logging.getLogger(__name__)
_REMEDY: Final = "run it again; if that does not help, read envoy.log in the run directory of a cluster that is kept"


class Plane:
    """Implements `pods.Dataplane`; everything happens on the event loop that starts it.

    Changes are taken as they come and made to be in force one after the other; those that come while the proxy is
    being told of earlier ones go out together.
    """

    def __init__(
        self,
        api: Api,
        dialect: Dialect,
        run_dir: Path,
        *,
        on_failure: Callable[[EnvironmentFailed], None],
        report: Report | None = None,
        ingress_port: int | None = None,
        ingress_source: str = "127.0.0.2",
    ) -> None:
        """Nothing runs yet.

        on_failure      called at once when the proxy dies or no longer follows: nothing of the mesh can be trusted then
        report          told of routes and policies that cannot be used; by default people see an event
        ingress_port    where the way in listens on 127.0.0.1, 0 for any free port; None for no way in
        ingress_source  the address that it calls pods from, which no pod has
        """
        self._api = api
        self._run_dir = run_dir
        self._on_failure = on_failure
        self._dialect = dialect
        ingress = None if ingress_port is None else Ingress(ingress_port, ingress_source)
        self._world = World(dialect, report or self._record, ingress)
        self._has_ingress = ingress is not None
        self._ingress_address: str | None = None
        self._identities = Identities(run_dir / "identity")
        self._ads = AdsServer(run_dir / "xds.sock")
        self._metrics = Metrics(run_dir / "admin.sock", dialect)
        self._envoy: Envoy | None = None
        self._failure: DataplaneError | None = None
        self._live = False
        self._unsubscribe: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()
        self._waiting: list[asyncio.Future[tuple[Rejection, ...]]] = []
        self._publisher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the proxy; returns when it is live with everything the API holds now.

        raises  EnvironmentFailed if there is no proxy, it does not come up, or the way in has no port
        """
        binary = envoy_binary()
        await self._ads.start()
        self._envoy = await Envoy.start(binary, self._run_dir, self._died)
        self._unsubscribe = self._api.store.subscribe(KEYS, self._take)
        for key in KEYS:
            for obj in self._api.store.list(key):
                self._world.put(key, obj)
        self._publisher = asyncio.create_task(self._publish_changes())
        try:
            await self._open_ingress(await self._settled())
        except DataplaneError as error:
            await self.stop()
            raise EnvironmentFailed(f"the mesh's proxy does not come up: {error}", _REMEDY) from error
        self._live = True

    @property
    def ingress_address(self) -> str | None:
        """Where the way in listens, as `127.0.0.1:54321`; None without one and before `start` has returned."""
        return self._ingress_address

    async def stop(self) -> None:
        """End the proxy; returns when its process and sockets are gone."""
        self._unsubscribe()
        if self._publisher is not None:
            self._publisher.cancel()
            await asyncio.gather(self._publisher, return_exceptions=True)
        self._fail(DataplaneError("the data plane is stopping"))
        if self._envoy is not None:
            await self._envoy.stop()
        await self._ads.stop()
        await self._metrics.close()

    async def add_pod(self, pod: PodEndpoint) -> None:
        """Return once the pod's listeners accept connections.

        raises  DataplaneError with the proxy's text if it refuses them; the pod is forgotten again then
        """
        stored = self._api.store.get("pods", pod.namespace, pod.name)
        facts = pod_facts(stored, self._dialect) if stored else None
        known = Pod(pod, facts or _declared_facts(pod))
        self._world.add_pod(known)
        self._metrics.add_pod(pod)
        refused = [rejection for rejection in await self._settled() if _concerns(rejection, known)]
        if refused:
            await self.remove_pod(pod.namespace, pod.name)
            raise Rejected(refused)

    async def remove_pod(self, namespace: str, name: str) -> None:
        """Return once the pod's listeners are gone; a pod that was never added is no error."""
        self._world.remove_pod(namespace, name)
        self._metrics.remove_pod(namespace, name)
        if self._failure is None:
            await self._settled()

    async def settled(self) -> None:
        """Return once every change until now is in force; raises DataplaneError if the proxy is gone."""
        await self._settled()

    async def pod_metrics(self, namespace: str, name: str) -> str:
        """The metrics of a pod's proxy in Linkerd's names, as text; empty for a pod without one."""
        return await self._metrics.of_pod(namespace, name)

    def _record(self, involved: Obj, reason: str, message: str) -> None:
        only_log(involved, reason, message)
        record_event(self._api, involved, "Warning", reason, message, component="mesh")

    def _take(self, event: Event) -> None:
        if event.type == "DELETED":
            self._world.remove(event.kind.key, event.obj)
        elif not self._world.put(event.kind.key, event.obj):
            return
        self._changed.set()

    async def _open_ingress(self, refused: tuple[Rejection, ...]) -> None:
        if not self._has_ingress:
            return
        if failed := [rejection for rejection in refused if rejection.name == INGRESS]:
            raise Rejected(failed)
        self._ingress_address = await self._metrics.listener_address(INGRESS)

    async def _settled(self) -> tuple[Rejection, ...]:
        """What the proxy refused of the changes that are in force when this returns."""
        if self._failure is not None:
            raise self._failure
        done: asyncio.Future[tuple[Rejection, ...]] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._changed.set()
        return await done

    async def _publish_changes(self) -> None:
        while self._failure is None:
            await self._changed.wait()
            self._changed.clear()
            waiting, self._waiting = self._waiting, []
            try:
                refused = await self._publish()
            except Exception as error:  # also our own bugs: a data plane that stands still must not look alive
                self._lost(error)
                _raise_in(waiting, error)
                return
            for done in waiting:
                if not done.done():
                    done.set_result(refused)

    async def _publish(self) -> tuple[Rejection, ...]:
        snapshot = self._world.snapshot()
        for pod in snapshot.pods:
            if pod.endpoint.meshed:
                self._identities.issue(pod.identity)
        try:
            await self._ads.push(compile_snapshot(snapshot, self._identities.directory))
        except Rejected as rejected:
            for rejection in rejected.rejections:
                _log.warning("%s", rejection)
            return rejected.rejections
        return ()

    def _died(self, reason: str) -> None:
        self._lost(DataplaneError(reason))

    def _lost(self, error: Exception) -> None:
        """The mesh does not follow any more: tell everyone who waits, then the cluster."""
        if self._failure is not None:
            return
        failure = error if isinstance(error, DataplaneError) else DataplaneError(f"{type(error).__name__}: {error}")
        if failure is not error:
            _log.error("the data plane failed", exc_info=error)
        self._fail(failure)
        if self._live:  # else whoever starts the data plane hears of it
            self._on_failure(EnvironmentFailed(f"the mesh's proxy is lost: {failure}", _REMEDY))

    def _fail(self, failure: DataplaneError) -> None:
        self._failure = self._failure or failure
        self._ads.fail(self._failure)
        waiting, self._waiting = self._waiting, []
        _raise_in(waiting, self._failure)


def _declared_facts(pod: PodEndpoint) -> PodFacts:
    """For a pod that the API does not hold: what the node says of it."""
    ports = tuple(PodPort(port.name, port.number) for port in pod.ports if port.protocol == "TCP")
    return PodFacts(pod.namespace, pod.name, pod.service_account, pod.labels, ports)


def _concerns(rejection: Rejection, pod: Pod) -> bool:
    """True if it is about one of the pod's own listeners, tables or clusters."""
    return rejection.name == outbound_listener(pod) or rejection.name.startswith(inbound_names(pod))


def _raise_in(waiting: list[asyncio.Future[tuple[Rejection, ...]]], error: Exception) -> None:
    for done in waiting:
        if not done.done():
            done.set_exception(error)
