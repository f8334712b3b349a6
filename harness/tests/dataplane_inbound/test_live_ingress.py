"""The way in from outside, by Host and path, to pods that take it for a stranger (4.14)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.dataplane.ingresses import Ingress, ingress_paths
from harness.tests.dataplane.builders import service
from harness.tests.dataplane.live import Answer
from harness.tests.dataplane_inbound.live import Guarded, guarded
from harness.tests.resources_policy.documents import authorization_policy, networks, requires, server, target

pytestmark = pytest.mark.cluster

Obj = dict[str, Any]
SOURCE = "127.0.0.2"


def ingress(name: str, *rules: Obj, created: str = "2026-01-01T00:00:00Z", **spec: Any) -> Obj:
    metadata = {"namespace": "booksapp", "name": name, "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"rules": list(rules), **spec}}


def rule(host: str, *paths: Obj) -> Obj:
    return {**({"host": host} if host else {}), "http": {"paths": list(paths)}}


def path(value: str, backend: str = "authors", kind: str = "Prefix") -> Obj:
    return {
        "path": value,
        "pathType": kind,
        "backend": {"service": {"name": backend, "port": {"number": 7000}}},
    }


def test_requests_go_by_host_and_path() -> None:
    paths = ingress_paths(
        [
            ingress("one", rule("authors.local", path("/"), path("/only", "nope", "Exact"))),
            ingress("two", rule("*.wild.local", path("/under/"), path("/gone", "empty"))),
            ingress("three", rule("", path("/shared"))),
            ingress("other", rule("other.local", path("/")), ingressClassName="nginx"),
        ]
    )

    async def test(world: Guarded) -> None:
        await world.enforce(ingress=Ingress(0, SOURCE, paths), others=[service("empty")])
        address = await world.mesh.metrics.listener_address("ingress")

        async def get(host: str, asked: str) -> Answer:
            return await world.mesh.fetch(f"http://{address}{asked}", Host=host)

        for host in ("authors.local", "authors.local:54321", "AUTHORS.local"):
            answer = await get(host, "/x?y=1")
            assert (answer.status, answer.seen["path"]) == (200, "/x?y=1")
            told = answer.seen["headers"]
            assert (told["host"], told["x-forwarded-host"], told["x-real-ip"]) == (host, host, "127.0.0.1")
            assert (told["x-forwarded-proto"], told["x-forwarded-port"]) == ("http", address.rpartition(":")[2])
        found = {
            ("a.wild.local", "/under"): 200, ("a.wild.local", "/under/x"): 200, ("a.wild.local", "/underx"): 404,
            ("a.wild.local", "/gone"): 503, ("a.wild.local", "/shared/x"): 200, ("whoever", "/shared"): 200,
            ("authors.local", "/only"): 200, ("whoever", "/"): 404, ("other.local", "/"): 404,
        }  # fmt: skip
        assert {asked: (await get(*asked)).status for asked in found} == found
        unknown = await get("whoever", "/")
        assert (unknown.body, unknown.error) == ("404 page not found\n", None)

    guarded(test)


def test_it_has_no_identity_and_an_address_of_its_own() -> None:
    """§3.20, §3.23."""
    paths = ingress_paths([ingress("one", rule("authors.local", path("/")))])
    policy = authorization_policy("p", target("Server", "authors-server"), requires("NetworkAuthentication", "n"))

    async def test(world: Guarded) -> None:
        async def status(*policies: Obj) -> int:
            await world.enforce(*policies, ingress=Ingress(0, SOURCE, paths))
            address = await world.mesh.metrics.listener_address("ingress")
            return (await world.mesh.fetch(f"http://{address}/", Host="authors.local")).status

        assert await status() == 200
        assert await status(server()) == 403
        assert await status(server(accessPolicy="all-authenticated")) == 403
        assert await status(server(), policy, networks("n", f"{SOURCE}/32")) == 200
        assert await status(server(), policy, networks("n", "127.0.0.1/32")) == 403

    guarded(test)


def test_the_older_ingress_wins_and_a_default_backend_takes_what_is_left() -> None:
    found = ingress_paths(
        [
            ingress("young", rule("h", path("/a", "young"))),
            ingress("old", rule("h", path("/a", "old"), path("/a/b", "long")), created="2025-01-01T00:00:00Z",
                    defaultBackend={"service": {"name": "rest", "port": {"number": 1}}}),
            ingress("exact", rule("h", path("/a", "exact", "Exact"))),
        ]
    )  # fmt: skip
    assert [item.service for item in found] == ["exact", "long", "old", "young", "rest"]
    assert (found[-1].host, found[-1].path, found[-1].port) == ("", "", 1)


@pytest.mark.parametrize(
    ("spec", "annotations", "meant"),
    [
        ({}, {}, True),
        ({"ingressClassName": "traefik"}, {}, True),
        ({"ingressClassName": "nginx"}, {}, False),
        ({}, {"kubernetes.io/ingress.class": "traefik"}, True),
        ({}, {"kubernetes.io/ingress.class": "nginx"}, False),
    ],
)
def test_only_ingresses_of_its_class_are_read(spec: Obj, annotations: dict[str, str], meant: bool) -> None:
    obj = ingress("one", rule("h", path("/")), **spec)
    obj["metadata"]["annotations"] = annotations
    assert bool(ingress_paths([obj])) is meant
