"""The life of one pod on the node: addresses, volumes, listeners, containers, and the way back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.objects import controller_of, is_deleting
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.node.admin import AdminServer, Metrics
from harness.embedded.node.api_access import ApiAccess
from harness.embedded.node.endpoints import (
    is_meshed,
    parse_ports,
    pod_endpoint,
    real_containers,
    skip_inbound_text,
)
from harness.embedded.node.environment import ConfigError, Place
from harness.embedded.node.images import Images
from harness.embedded.node.launch import Workplace, container_plan
from harness.embedded.node.processes import Zygote
from harness.embedded.node.runtime import CREATING, Container, race
from harness.embedded.node.status import ContainerView, PodView, Running, State, Terminated, Waiting, pod_status
from harness.embedded.node.timing import Timing
from harness.embedded.pods import ADMIN_PORT, PROXY_CONTAINER, Dataplane, DataplaneError

Obj = dict[str, Any]
_PROXY_IMAGE_ID = "signalbox://envoy"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all pods of a node share.

    record   writes an event: the object it is about, type, reason, message
    closing  set once the whole cluster ends: the data plane is not told about each pod then
    api_access  how pods reach the API server, if they can
    """

    api: Api
    network: PodNetwork
    dataplane: Dataplane
    images: Images
    metrics: Metrics
    zygote: Zygote
    timing: Timing
    run_dir: Path
    command_cwd: Path
    node_name: str
    record: Callable[[Obj, str, str, str], object]
    closing: asyncio.Event
    api_access: ApiAccess | None = None


class PodLife:
    """One pod from its creation to its end; `run` is its whole life, the other methods tell it what happens."""

    def __init__(self, pod: Obj, site: Site) -> None:
        metadata = pod["metadata"]
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self._pod = pod
        self._site = site
        self._started_at = datetime.now(UTC)
        self._stop_asked = asyncio.Event()
        self._refresh_asked = asyncio.Event()
        self._mounted = False
        self._gone = False  # from the API: nothing is left to report or to delete
        self._failure: tuple[str, str] | None = None
        self._proxy: State = Waiting("PodInitializing")
        self._admin: AdminServer | None = None
        self._addresses = site.network.pod_addresses()
        self._workplace = self._make_workplace()
        init = [container["name"] for container in pod["spec"].get("initContainers") or ()]
        self._init = [self._container(name, init=True) for name in init]
        waiting = Waiting("PodInitializing") if init else CREATING
        self._containers = [self._container(c["name"], waiting=waiting) for c in real_containers(pod)]

    async def run(self) -> None:
        """Live until the pod is deleted or `stop` is called, and leave nothing behind."""
        assigned = f"Successfully assigned {self.namespace}/{self.name} to {self._site.node_name}"
        self._record("Normal", "Scheduled", assigned)
        self._sync()
        try:
            if await self._unless_stopped(self._prepare()):
                await self._run_containers()
        except Exception as error:
            _log.exception("pod %s/%s failed inside the node", self.namespace, self.name)
            self._failure = ("NodeError", f"{type(error).__name__}: {error}")
        self._proxy = self._proxy_ended()
        self._sync()
        await self._leave_mesh()
        await self._stop_asked.wait()  # an ended pod stays to be looked at until somebody deletes it
        self._workplace.remove()
        self._delete()

    def observe(self, pod: Obj) -> None:
        """The pod has changed: it is to stop, or what held it up (an image, an annotation) is mended."""
        before, self._pod = self._pod, pod
        if is_deleting(pod):
            self.stop(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0) * self._site.timing.second)
        elif _instructions(pod) != _instructions(before):
            self._wake()

    def refresh(self) -> None:
        """A ConfigMap or Secret of the pod's namespace has changed."""
        if self._mounted:
            with contextlib.suppress(ConfigError):  # a kubelet, too, keeps the files of an object that went away
                self._workplace.write_volumes(self._pod)
        self._wake()

    def stop(self, grace: float) -> None:
        """End all containers within `grace` seconds, then delete the pod for good; again to hurry it."""
        for container in (*self._init, *self._containers):
            container.stop(grace)
        self._stop_asked.set()

    def abandon(self, grace: float) -> None:
        """The API has no such pod any more, or nobody will ask it again: only end the processes."""
        self._gone = True
        self.stop(grace)

    def container(self, name: str) -> Container | None:
        """The container with this name; None also for the proxy, which has no process."""
        return next((c for c in (*self._containers, *self._init) if c.plan.name == name), None)

    def inside_address(self, port: int) -> str:
        """Where a connection to the pod's own localhost leads: its processes, or the proxy's admin port (§3.5)."""
        place = self._workplace.place
        on_pod_ip = port == ADMIN_PORT or port in parse_ports(place.skip_ports)
        return place.addresses.pod_ip if on_pod_ip else place.bind

    def _make_workplace(self) -> Workplace:
        site = self._site
        return Workplace(
            place=Place(
                addresses=self._addresses,
                meshed=is_meshed(self._pod),
                skip_ports=skip_inbound_text(self._pod),
                node_name=site.node_name,
                node_ip=site.network.node_ip,
                run_dir=str(site.run_dir),
                api=site.api_access,
            ),
            find=lambda kind, name: site.api.store.get(kind, self.namespace, name),
            images=site.images,
            directory=site.run_dir / "pods" / f"{self.namespace}.{self.name}.{self.uid[:8]}",
            command_cwd=site.command_cwd,
        )

    def _container(self, name: str, *, init: bool = False, waiting: Waiting = CREATING) -> Container:
        plan = container_plan(name, self._workplace, lambda: self._pod, init=init)
        site = self._site
        return Container(plan, site.zygote, site.timing, record=self._record, changed=self._sync, waiting=waiting)

    async def _prepare(self) -> None:
        await self._mount()
        await self._join_mesh()
        if is_meshed(self._pod):
            self._proxy = Running(datetime.now(UTC))
            self._sync()

    async def _mount(self) -> None:
        while True:
            self._refresh_asked.clear()
            try:
                self._workplace.write_volumes(self._pod)
            except ConfigError as error:
                self._record("Warning", "FailedMount", str(error))
                await self._refresh_asked.wait()
            else:
                self._mounted = True
                return

    async def _join_mesh(self) -> None:
        endpoint = pod_endpoint(self._pod, self._addresses, replicaset=self._replicaset())
        while True:
            try:
                await self._site.dataplane.add_pod(endpoint)
                if endpoint.meshed:
                    self._admin = await AdminServer.start(
                        endpoint.app_ip, self.namespace, self.name, self._site.metrics
                    )
            except (DataplaneError, OSError) as error:
                self._record("Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
                await asyncio.sleep(self._site.timing.second)
            else:
                return

    async def _run_containers(self) -> None:
        for container in self._init:
            await container.run()
            if not container.view.succeeded:
                return
        async with asyncio.TaskGroup() as group:
            for container in self._containers:
                group.create_task(container.run())

    async def _leave_mesh(self) -> None:
        if self._admin:
            self._admin.close()
        if not self._site.closing.is_set():
            try:
                await self._site.dataplane.remove_pod(self.namespace, self.name)
            except DataplaneError:
                _log.exception("the listeners of pod %s/%s cannot be removed", self.namespace, self.name)

    def _delete(self) -> None:
        if self._gone:
            return
        try:
            self._site.api.delete("pods", self.namespace, self.name, grace_seconds=0, uid=self.uid)
        except ApiError as error:
            if error.code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):  # somebody else was quicker
                raise

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do it; False if the pod was asked to stop before it was done."""
        task = asyncio.ensure_future(work)
        await race(task, self._stop_asked.wait())
        if not task.cancelled():
            task.result()
        return not self._stop_asked.is_set()

    def _wake(self) -> None:
        self._refresh_asked.set()
        for container in (*self._init, *self._containers):
            container.wake()

    def _replicaset(self) -> Obj | None:
        owner = controller_of(self._pod)
        if owner is None or owner["kind"] != "ReplicaSet":
            return None
        return self._site.api.store.get("replicasets.apps", self.namespace, owner["name"])

    def _record(self, kind: str, reason: str, message: str) -> None:
        self._site.record(self._pod, kind, reason, message)

    def _sync(self) -> None:
        """Report the pod's status, if it is still the one that the API knows."""
        stored = None if self._gone else self._site.api.store.get("pods", self.namespace, self.name)
        if stored is not None and stored["metadata"]["uid"] == self.uid:
            status = pod_status(stored, self._view(), datetime.now(UTC))
            self._site.api.update_status("pods", {**stored, "status": status})

    def _view(self) -> PodView:
        return PodView(
            containers=[container.view for container in self._containers],
            init_containers=[container.view for container in self._init],
            sidecars=[self._proxy_view()] if is_meshed(self._pod) else [],
            started_at=self._started_at,
            node_ip=self._site.network.node_ip,
            pod_ip=self._addresses.pod_ip,
            failure=self._failure,
        )

    def _proxy_view(self) -> ContainerView:
        spec = next(c for c in self._pod["spec"]["containers"] if c["name"] == PROXY_CONTAINER)
        live = isinstance(self._proxy, Running)
        return ContainerView(
            name=PROXY_CONTAINER,
            image=spec.get("image", ""),
            image_id=_PROXY_IMAGE_ID,
            container_id=f"signalbox://{self.uid}/{PROXY_CONTAINER}/1" if live else "",
            state=self._proxy,
            ready=live,
            started=live,
        )

    def _proxy_ended(self) -> State:
        if not isinstance(self._proxy, Running):
            return self._proxy
        return Terminated(
            exit_code=0,
            reason="Completed",
            started_at=self._proxy.started_at,
            finished_at=datetime.now(UTC),
            container_id=f"signalbox://{self.uid}/{PROXY_CONTAINER}/1",
        )


def _instructions(pod: Obj) -> tuple[Obj, Obj]:
    """What others tell the node; the rest is what the node itself reports."""
    return pod["spec"], pod["metadata"].get("annotations") or {}
