"""The tutorial's Server, state by state (section 7.4): who gets what from authors:7001."""

from __future__ import annotations

import pytest

from harness.resources.inbound import Client, InboundPolicy, InboundRoute
from harness.resources.matches import Match
from harness.tests.resources_policy.documents import (
    Obj,
    authorization_policy,
    identity,
    mesh_tls,
    networks,
    requires,
    server,
    server_route,
    target,
)
from harness.tests.resources_policy.policies import inbound, meshed, unmeshed


def path(method: str, value: str, kind: str = "PathPrefix") -> Obj:
    return {"method": method, "path": {"type": kind, "value": value}}


GETS = server_route("authors-get-route", {"matches": [path("GET", "/authors.json"), path("GET", "/authors/")]})
PROBES = server_route("authors-probe-route", {"matches": [path("GET", "/ping")]})
CHANGES = server_route(
    "authors-modify-route",
    {"matches": [path("DELETE", "/authors/"), path("PUT", "/authors/"), path("POST", "/authors.json")]},
)
READERS = mesh_tls("readers", identity("books"), identity("webapp"))
WRITERS = mesh_tls("writers", identity("webapp"))
EVERYWHERE = networks("everywhere", "0.0.0.0/0", "::/0")


def allow(name: str, route: str, kind: str, authentication: str) -> Obj:
    return authorization_policy(name, target("HTTPRoute", route), requires(kind, authentication))


STATES: list[list[Obj]] = [
    [],
    [server(version="v1beta1")],
    [GETS],
    [READERS, allow("get", "authors-get-route", "MeshTLSAuthentication", "readers")],
    [PROBES, EVERYWHERE, allow("probe", "authors-probe-route", "NetworkAuthentication", "everywhere")],
    [CHANGES],
    [WRITERS, allow("modify", "authors-modify-route", "MeshTLSAuthentication", "writers")],
]
WEBAPP, BOOKS, TRAFFIC, KUBELET = meshed("webapp"), meshed("books"), meshed("traffic"), unmeshed("10.0.0.1")

# request: client, method, path, and the status in each of the seven states
REQUESTS: list[tuple[str, Client, str, str, list[int]]] = [
    ("webapp reads", WEBAPP, "GET", "/authors.json", [200, 403, 403, 200, 200, 200, 200]),
    ("books reads", BOOKS, "GET", "/authors/1.json", [200, 403, 403, 200, 200, 200, 200]),
    ("traffic reads", TRAFFIC, "GET", "/authors.json", [200, 403, 403, 403, 403, 403, 403]),
    ("unmeshed reads", KUBELET, "GET", "/authors.json", [200, 403, 403, 403, 403, 403, 403]),
    ("books checks, 7.4.7", BOOKS, "HEAD", "/authors/1.json", [200, 403, 404, 404, 404, 404, 404]),
    ("webapp writes", WEBAPP, "POST", "/authors.json", [200, 403, 404, 404, 404, 403, 200]),
    ("webapp deletes", WEBAPP, "DELETE", "/authors/1.json", [200, 403, 404, 404, 404, 403, 200]),
    ("books writes", BOOKS, "PUT", "/authors/1.json", [200, 403, 404, 404, 404, 403, 403]),
    ("kubelet probes", KUBELET, "GET", "/ping", [200, 200, 404, 404, 200, 200, 200]),
    ("probe below, 7.4.4", KUBELET, "GET", "/ping/x", [200, 403, 404, 404, 200, 200, 200]),
    ("probe by HEAD", KUBELET, "HEAD", "/ping", [200, 403, 404, 404, 404, 404, 404]),
]


def status(policy: InboundPolicy, client: Client, method: str, asked: str) -> int:
    """404 before 403 (§3.15); of the routes that match, the one with the longest path (§1.48)."""
    fitting = [(length, route) for route in policy.routes if (length := _longest(route, method, asked)) is not None]
    if not fitting:
        return 404
    best = max(fitting, key=lambda found: found[0])[1]
    return 200 if best.authorization_for(client) else 403


def _longest(route: InboundRoute, method: str, asked: str) -> int | None:
    matches = (match for rule in route.rules for match in rule.matches)
    return max((len(match.path.value) for match in matches if _fits(match, method, asked)), default=None)


def _fits(match: Match, method: str, asked: str) -> bool:
    if match.method not in (None, method):
        return False
    if match.path.type == "Exact":
        return asked == match.path.value
    prefix = match.path.value.rstrip("/")
    return asked.rstrip("/") == prefix or asked.startswith(f"{prefix}/")


@pytest.mark.parametrize("state", range(len(STATES)))
@pytest.mark.parametrize("request_", REQUESTS, ids=[request[0] for request in REQUESTS])
def test_the_matrix_7_4(request_: tuple[str, Client, str, str, list[int]], state: int) -> None:
    _, client, method, asked, expected = request_
    policy = inbound(*(obj for step in STATES[: state + 1] for obj in step))
    assert status(policy, client, method, asked) == expected[state]
