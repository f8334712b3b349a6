"""A node with the real API and a data plane that only remembers, for tests about pods."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from harness.embedded.apiserver.api import Api, Event
from harness.embedded.node.addresses import PodNetwork
from harness.embedded.node.images import Image, Images
from harness.embedded.node.node import Node
from harness.embedded.node.timing import Timing
from harness.embedded.pods import DataplaneError, PodEndpoint

Obj = dict[str, Any]
NAMESPACE = "town"
QUICK = Timing(second=0.05, backoff=0.2, backoff_max=0.4, eager_first=0.01, eager_then=0.02, shutdown=0.5, forced=0.2)
STAND_INS = "harness.tests.node.stand_ins"
_PATIENCE = 60.0
_GLANCE = 0.005


@dataclass
class RememberingDataplane:
    """Knows which pods it was told about; `refusals` are raised one by one first."""

    pods: dict[str, PodEndpoint] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    async def add_pod(self, pod: PodEndpoint) -> None:
        if self.refusals:
            raise DataplaneError(self.refusals.pop(0))
        self.calls.append(f"add {pod.name}")
        self.pods[pod.name] = pod

    async def remove_pod(self, namespace: str, name: str) -> None:
        self.calls.append(f"remove {name}")
        self.pods.pop(name, None)


@dataclass
class LocalNode:
    """The running node and what it did."""

    api: Api
    node: Node
    network: PodNetwork
    dataplane: RememberingDataplane
    run_dir: Path
    events: list[tuple[str, str, str]]
    """Name of the pod, reason and message."""

    def create_pod(self, name: str, container: Obj, *, annotations: Obj | None = None, **spec: Any) -> Obj:
        """A pod with one container named `main`; its image is the name of a stand-in."""
        pod = {
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": {"containers": [{"name": "main", **container}], **spec},
        }
        return self.api.create("pods", pod, namespace=NAMESPACE)

    def create(self, key: str, name: str, **fields: Any) -> Obj:
        return self.api.create(key, {"metadata": {"name": name}, **fields}, namespace=NAMESPACE)

    def update_config_map(self, name: str, **data: str) -> Obj:
        return self.api.update("configmaps", {"metadata": {"name": name, "namespace": NAMESPACE}, "data": data})

    def pod(self, name: str) -> Obj | None:
        return self.api.store.get("pods", NAMESPACE, name)

    def status(self, name: str, container: str = "main") -> Obj:
        """The entry of containerStatuses, {} before there is one."""
        statuses = ((self.pod(name) or {}).get("status") or {}).get("containerStatuses") or ()
        return next((status for status in statuses if status["name"] == container), {})

    def state(self, name: str) -> tuple[str, str]:
        """What the container does and its reason."""
        for what, about in self.status(name).get("state", {}).items():
            return what, about.get("reason", "")
        return "", ""

    def condition(self, name: str, kind: str = "Ready") -> str:
        conditions = ((self.pod(name) or {}).get("status") or {}).get("conditions") or ()
        return next((condition["status"] for condition in conditions if condition["type"] == kind), "")

    def phase(self, name: str) -> str:
        return str((self.pod(name) or {}).get("status", {}).get("phase", ""))

    def reasons(self, name: str) -> list[str]:
        """Reasons of the pod's events in order."""
        return [reason for pod, reason, _ in self.events if pod == name]

    def history(self, name: str) -> list[tuple[str, str]]:
        """All that `state` has been, each once in a row."""
        return self._history.get(name, [])

    def remember(self, event: Event) -> None:
        """Callback of the store: add to `history`."""
        name = event.obj["metadata"]["name"]
        history = self._history.setdefault(name, [])
        if (state := self.state(name)) not in (*history[-1:], ("", "")):
            history.append(state)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to be seen; fails after some seconds."""
        async with asyncio.timeout(_PATIENCE):
            while not holds():
                await asyncio.sleep(_GLANCE)

    def processes(self) -> list[psutil.Process]:
        """All processes of all pods."""
        mine = psutil.Process().children()
        zygotes = [process for process in mine if str(self.run_dir) in process.environ().values()]
        return [process for zygote in zygotes for process in zygote.children(recursive=True)]

    async def log(self, name: str, *, previous: bool = False, **query: Any) -> str:
        """What `kubectl logs` would print."""
        stream = await self.node.logs(NAMESPACE, name, "main", previous=previous, **query)
        return b"".join([part async for part in stream]).decode()

    async def until_logged(self, name: str, text: str) -> None:
        """Wait for a line in the log of a container that has started or will."""
        await self.until(lambda: "containerID" in self.status(name))
        async with asyncio.timeout(_PATIENCE):
            seen = b""
            async for part in await self.node.logs(NAMESPACE, name, "main", follow=True):
                seen += part
                if text.encode() in seen:
                    return
        raise AssertionError(f"{text!r} is not in {seen!r}")

    _history: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


@asynccontextmanager
async def local_node(timing: Timing = QUICK) -> AsyncIterator[LocalNode]:
    """A node whose images are the stand-ins by name, and one namespace."""
    network = PodNetwork.claim()
    api = Api(network.service_address)
    api.create("namespaces", {"metadata": {"name": NAMESPACE}})
    api.create("serviceaccounts", {"metadata": {"name": "default"}}, namespace=NAMESPACE)
    events: list[tuple[str, str, str]] = []

    async def metrics(namespace: str, name: str) -> str:
        return f'up{{pod="{namespace}/{name}"}} 1\n'

    with tempfile.TemporaryDirectory() as run_dir:
        dataplane = RememberingDataplane()
        node = Node(
            api=api,
            network=network,
            dataplane=dataplane,
            images=Images(_stand_ins(), defaults=()),
            run_dir=Path(run_dir),
            metrics=metrics,
            record=lambda obj, kind, reason, message: events.append((obj["metadata"]["name"], reason, message)),
            timing=timing,
            preload=(),
        )
        local = LocalNode(api, node, network, dataplane, Path(run_dir), events)
        api.store.subscribe(("pods",), local.remember)
        try:
            await node.start()
            yield local
        finally:
            await node.stop()
            network.close()


def _stand_ins() -> list[Image]:
    programs = ("sleeper", "stubborn", "graceful", "exiting", "raising", "crash_once", "report", "print_file", "web")
    return [Image(name, f"{STAND_INS}:{name}") for name in (*programs, "daughter")]
