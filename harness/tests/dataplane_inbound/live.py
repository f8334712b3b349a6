"""Real proxies with policies in force, and clients of every kind in front of a pod."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from harness.dialect import LINKERD_EDGE, Dialect
from harness.embedded.dataplane.compile import compile_snapshot
from harness.embedded.dataplane.ingresses import Ingress
from harness.embedded.dataplane.snapshot import Pod, RouteInForce, ServiceState
from harness.resources.policy_objects import parse_policy_object
from harness.tests.dataplane.builders import service, snapshot
from harness.tests.dataplane.live import Answer, LiveMesh, live_mesh
from harness.tests.resources_policy.documents import Obj


@dataclass
class Guarded:
    """A mesh with one application, authors, behind policies; clients are added as they are named."""

    mesh: LiveMesh
    authors: Pod
    service: ServiceState
    clients: dict[str, Pod]

    async def client(self, name: str, **changes: Any) -> Pod:
        """A pod of that name (and ServiceAccount) that only calls."""
        if name not in self.clients:
            self.clients[name] = await self.mesh.app(name, listening=False, **changes)
        return self.clients[name]

    async def enforce(
        self, *policies: Obj, ingress: Ingress | None = None, others: Iterable[ServiceState] = ()
    ) -> None:
        """Make these the policies of the cluster."""
        parts: list[Pod | ServiceState | RouteInForce] = [
            *(self.authors, *self.clients.values()),
            *(self.service, *others),
        ]
        self.mesh.compile(*parts)  # certificates of new pods
        moment = replace(
            snapshot(*parts, dialect=self.mesh.dialect),
            policies=tuple(map(parse_policy_object, policies)),
            ingress=ingress,
        )
        await self.mesh.ads.push(compile_snapshot(moment, self.mesh.identities.directory))

    async def ask(self, client: Pod | None, path: str, method: str = "GET", **headers: str) -> Answer:
        """What a client gets from authors; None is the kubelet, which dials the pod from the node's address."""
        if client is None:
            return await self.probe(path, method, **headers)
        return await self.mesh.get(client, f"http://authors.booksapp:7000{path}", method=method, **headers)

    async def probe(self, path: str, method: str = "GET", *, source: str = "", **headers: str) -> Answer:
        """A plain connection from an address, the node's unless another is given."""
        connector = aiohttp.TCPConnector(local_addr=(source or self.mesh.network.node_ip, 0))
        url = f"http://{self.authors.endpoint.pod_ip}:7000{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, url, headers=named, allow_redirects=False) as answer,
        ):
            body = await answer.text()
            seen = json.loads(body) if body.startswith("{") else {}
            return Answer(answer.status, {key.lower(): value for key, value in answer.headers.items()}, body, seen)

    async def counted(self, name: str, **labels: str) -> float:
        """The sum of a metric of authors over all series with these labels."""
        return sum(
            sample.value
            for sample in await self.mesh.counted(self.authors)
            if sample.name == name and labels.items() <= dict(sample.labels).items()
        )


def guarded(test: Callable[[Guarded], Awaitable[None]], dialect: Dialect = LINKERD_EDGE, **authors: Any) -> None:
    """Run a test with the mesh; `authors` changes the application's pod."""

    async def main() -> None:
        async with live_mesh(dialect) as mesh:
            made = await mesh.app("authors", **{"probes": {7000: ("/ping",)}, **authors})
            address = mesh.network.service_address()
            await test(Guarded(mesh, made, service("authors", made.endpoint.pod_ip, cluster_ip=address), {}))

    asyncio.run(main())
