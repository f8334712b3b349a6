"""A whole API server with controllers and a pretended node, in a thread, for clients that speak TLS to it."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import orjson
from kubernetes import client, config, dynamic, watch

from harness.embedded.apiserver.api import Api, Event, Obj, Store
from harness.embedded.apiserver.certs import ADMIN, ADMIN_GROUP, Authority, server_context, write_kubeconfig
from harness.embedded.apiserver.crds import serve_custom_kinds
from harness.embedded.apiserver.errors import bad_request
from harness.embedded.apiserver.objects import clone, dig, is_deleting, name_of, namespace_of, timestamp, uid_of
from harness.embedded.apiserver.server import RunningServer, serve
from harness.embedded.apiserver.streams import Execution
from harness.embedded.controllers.loop import ControllerLoop
from harness.embedded.controllers.startup import create_first_namespaces, standard_controllers
from harness.embedded.node.execution import ProcessExecution
from harness.embedded.node.processes import Order, Zygote

# The official client comes with half of its types; the tests want what it does, not what it declares.
official: Any = client
official_config: Any = config
official_watch: Any = watch
official_dynamic: Any = dynamic

T = TypeVar("T")
READY_SECONDS = 0.01
NEVER_READY = "test/never-ready"


def new_api(**options: Any) -> Api:
    """An API with addresses of its own and nothing in it."""
    numbers = count(1)
    return Api(lambda: f"127.200.1.{next(numbers)}", **options)


class FakeNode:
    """Marks pods running and ready a moment after they are bound, and lets deleted ones go."""

    def __init__(self, api: Api, directory: Path) -> None:
        self._api = api
        self._directory = directory
        self._zygote: Zygote | None = None
        self._numbers = count(1)
        self.lines = [b"first\n", b"second\n"]
        api.store.subscribe(["pods"], self._follow)

    def _follow(self, event: Event) -> None:
        if event.type == "DELETED":
            return
        loop = asyncio.get_running_loop()
        if is_deleting(event.obj):
            loop.call_later(READY_SECONDS, self._stop, event.obj)
        elif event.type == "ADDED" and NEVER_READY not in (event.obj["metadata"].get("annotations") or {}):
            loop.call_later(READY_SECONDS, self._run, event.obj)

    def _run(self, pod: Obj) -> None:
        current = self._api.store.get("pods", namespace_of(pod), name_of(pod))
        if current is None or is_deleting(current):
            return
        status = clone(current)["status"]
        now = timestamp()
        ready = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")]
        status |= {"phase": "Running", "podIP": f"127.200.2.{next(self._numbers)}", "conditions": ready}
        self._api.update_status("pods", {**current, "status": status})

    def _stop(self, pod: Obj) -> None:
        current = self._api.store.get("pods", namespace_of(pod), name_of(pod))
        if current is not None and uid_of(current) == uid_of(pod):
            self._api.delete("pods", namespace_of(pod), name_of(pod), grace_seconds=0, uid=uid_of(pod))

    async def logs(self, namespace: str, pod: str, container: str, **query: Any) -> AsyncIterator[bytes]:
        if query["previous"]:
            raise bad_request(f'previous terminated container "{container}" in pod "{pod}" not found')

        async def lines() -> AsyncIterator[bytes]:
            for line in self.lines[-(query["tail_lines"] or len(self.lines)) :]:
                yield line
            while query["follow"]:
                await asyncio.sleep(0.01)
                yield b"more\n"

        return lines()

    def check_execution(self, namespace: str, pod: str, container: str) -> None:
        if container == "proxy":
            raise bad_request("container proxy has no process of its own")

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, stdin: bool, terminal: bool
    ) -> Execution:
        """Containers are pretended, commands in them are real processes."""
        if self._zygote is None:
            self._zygote = await Zygote.start(self._directory)
        order = Order(command, {"PATH": os.environ["PATH"], "POD": pod}, self._directory, "exec")
        return await ProcessExecution.start(self._zygote, order, stdin=stdin, terminal=terminal)

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", port)

    async def close(self) -> None:
        if self._zygote is not None:
            await self._zygote.close()


class Box:
    """A running API server.

    call  runs a function on the server's thread and returns its result
    """

    def __init__(self, directory: Path, history: int) -> None:
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self._history = history
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self) -> None:
        self.authority = Authority()
        self.api = new_api(store=Store(self._history))
        self._controllers = ControllerLoop(self.api.store, standard_controllers(self.api))
        self._controllers.start()
        serve_custom_kinds(self.api)
        self.node = FakeNode(self.api, self.directory)
        create_first_namespaces(self.api, self.authority.certificate.decode())
        context = server_context(self.authority, self.authority.server(["127.0.0.1", "localhost"]), self.directory)
        self.server: RunningServer = await serve(self.api, context, self.node)
        self.url = f"https://127.0.0.1:{self.server.port}"
        client = self.authority.client(ADMIN, ADMIN_GROUP)
        (self.directory / "client.pem").write_bytes(client.certificate + client.key)
        (self.directory / "ca.pem").write_bytes(self.authority.certificate)
        write_kubeconfig(self.kubeconfig, self.url, self.authority.certificate, client)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        self._controllers.close()
        await self.server.close()
        await self.node.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def call(self, function: Callable[[], T]) -> T:
        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def run(self, function: Callable[[], Coroutine[Any, Any, T]], seconds: float = 60.0) -> T:
        """Run a coroutine on the server's thread and return its result."""
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(seconds)

    def ssl_context(self, *, anonymous: bool = False) -> ssl.SSLContext:
        """What a client needs to reach this server, with the admin's certificate or without any."""
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        if not anonymous:
            context.load_cert_chain(self.directory / "client.pem")
        return context

    def request(self, method: str, path: str, body: Any = None, *, anonymous: bool = False, **headers: str) -> Answer:
        """One request with any body; header names with `_` for `-`."""
        connection = HTTPSConnection(
            "127.0.0.1", self.server.port, context=self.ssl_context(anonymous=anonymous), timeout=60
        )
        try:
            sent = body if isinstance(body, bytes | None) else orjson.dumps(body)
            connection.request(method, path, sent, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            headers = {name: ", ".join(answer.headers.get_all(name, ())) for name in answer.headers}
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)


@contextmanager
def running_box(directory: Path, *, history: int = 4096) -> Iterator[Box]:
    box = Box(directory, history)
    box.start()
    try:
        yield box
    finally:
        box.stop()


def deployment(name: str = "web", *, replicas: int = 1, image: str = "app:1", **spec: Any) -> Obj:
    """A small valid Deployment."""
    labels = {"app": name}
    container = {"name": "app", "image": image, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def configmap(name: str, labels: dict[str, str] | None = None, **data: str) -> Obj:
    """A small valid ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels or {}}, "data": data}


def pod(name: str = "one", **metadata: Any) -> Obj:
    """A small valid Pod."""
    spec = {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def is_rolled_out(obj: Obj) -> bool:
    """All replicas of a Deployment (as JSON) are new and available."""
    wanted = obj["spec"]["replicas"]
    current = dig(obj, "status", "observedGeneration") == obj["metadata"]["generation"]
    counts = [dig(obj, "status", name) or 0 for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return current and counts == [wanted] * 3


WIDGET_CRD: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": version,
                "served": True,
                "storage": version == "v1",
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
                },
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["color"],
                                "properties": {
                                    "color": {"type": "string", "enum": ["red", "green"]},
                                    "size": {"type": "integer", "format": "int32", "minimum": 0, "default": 1},
                                    "weight": {"x-kubernetes-int-or-string": True},
                                    "note": {"type": "string", "nullable": True, "pattern": "^[a-z]+$"},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "parts": {
                                        "type": "array",
                                        "maxItems": 3,
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {
                                                "name": {"type": "string"},
                                                "count": {"type": "integer", "default": 7},
                                            },
                                        },
                                    },
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
            for version in ("v1", "v1beta1")
        ],
    },
}
