"""Random policies and requests: compiled tables, and a real proxy, against sections 3B to 3E word by word.

The order of §3.15 is among them: not found, denied, redirected, limited. A limit lets one request a second pass, and
only those that are let in and not redirected may take its token.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import oracle
from harness.dialect import LINKERD_EDGE
from harness.embedded.dataplane.compile import Config, compile_snapshot
from harness.oracle import Objects, Workload
from harness.oracle.policy import judge
from harness.resources.identities import IDENTITY_SUFFIX
from harness.resources.policy_objects import parse_policy_object
from harness.tests.dataplane.builders import pod, service, snapshot
from harness.tests.dataplane.live import live_mesh
from harness.tests.dataplane.proxy_reading import Asked, find_route
from harness.tests.dataplane_inbound.live import Guarded
from harness.tests.resources_policy.documents import (
    CREATED,
    LATER,
    Obj,
    authorization_policy,
    mesh_tls,
    networks,
    rate_limit,
    requires,
    server,
    server_route,
    target,
)

RBAC = "envoy.filters.http.rbac"
NETWORKS = ["127.0.0.0/8", "127.255.0.0/16", "0.0.0.0/0"]
SENDERS = ["webapp", "books", "alien", "outsider", "kubelet"]


@dataclass(frozen=True)
class Sender:
    """Who asks, and from where."""

    address: str
    identity: str | None


def name_of(account: str, namespace: str = "booksapp") -> str:
    return f"{account}.{namespace}.{IDENTITY_SUFFIX}"


# what is drawn

_matches = st.fixed_dictionaries(
    {
        "path": st.fixed_dictionaries(
            {"type": st.sampled_from(["Exact", "PathPrefix"]), "value": st.sampled_from(["/", "/a", "/a/b", "/ping"])}
        )
    },
    optional={"method": st.sampled_from(["GET", "POST"])},
)
_elsewhere = {"type": "RequestRedirect", "requestRedirect": {"hostname": "elsewhere.example", "statusCode": 302}}
_rules = st.fixed_dictionaries(
    {"matches": st.lists(_matches, min_size=1, max_size=2)}, optional={"filters": st.just([_elsewhere])}
)
_access = st.sampled_from(["deny", "deny", "all-authenticated", "audit"])
_limits: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"total": {"requestsPerSecond": 1}}, {"identity": {"requestsPerSecond": 1}}]
)
_identities = st.lists(
    st.sampled_from([name_of("webapp"), name_of("books"), "*", f"*.booksapp.{IDENTITY_SUFFIX}"]), min_size=1, max_size=2
)
_targets = st.sampled_from(
    [target("Server", "s"), target("HTTPRoute", "one"), target("HTTPRoute", "two"), target("Namespace", "booksapp", "")]
)
_MESH_TLS, _NETWORK = requires("MeshTLSAuthentication", "m"), requires("NetworkAuthentication", "n")
_BOOKS = requires("ServiceAccount", "books")
_required = st.sampled_from(
    [[_NETWORK], [_MESH_TLS], [_MESH_TLS, _NETWORK], [_BOOKS, _NETWORK], [_BOOKS], [_BOOKS, _MESH_TLS], []]
)


@st.composite
def policies(draw: st.DrawFn) -> list[Obj]:
    """At most one Server, a limit on it, two routes, two policies and an authentication of each kind."""
    found = []
    if draw(st.integers(0, 15)):
        found.append(server("s", app="", port=7000, accessPolicy=draw(_access)))
        if limits := draw(_limits):
            found.append(rate_limit("l", "s", **limits))
    for name in draw(st.sampled_from([[], ["one"], ["one", "two"]])):
        rules = draw(st.lists(_rules, min_size=1, max_size=2))
        found.append(server_route(name, *rules, to="s", created=draw(st.sampled_from([CREATED, LATER]))))
    if draw(st.integers(0, 3)):
        found.append(mesh_tls("m", *draw(_identities)))
    if draw(st.integers(0, 3)):
        except_ = draw(st.sampled_from([[], NETWORKS[:1], NETWORKS[1:2]]))
        found.append(networks("n", {"cidr": draw(st.sampled_from(NETWORKS)), "except": except_}))
    for name in draw(st.sets(st.sampled_from(["p", "q"]), min_size=1)):
        found.append(authorization_policy(name, draw(_targets), *draw(_required)))
    return found


REQUESTS = [
    Asked("authors:7000", path, method)
    for path in ("/", "/a", "/a/", "/a/b", "/ab", "/ping", "/x")
    for method in ("GET", "POST", "HEAD")
]


# the rules, word by word: the oracle's reading of them, which shares nothing with the compiler


def expected(objects: Objects, asked: Asked, sender: Sender) -> int:
    """§3.12, §3.14, §3.15; the pod is probed by GET /ping. 200 stands for what a limit may still refuse."""
    host, _, port = asked.authority.rpartition(":")
    request = oracle.Request(host, int(port), asked.target, asked.method, authority=asked.authority)
    account, namespace = (sender.identity or "nobody.nowhere").split(".")[:2]
    client = oracle.Sender(namespace, account, sender.identity is not None, ip_address(sender.address))
    return judge(objects, client, request, GUARDED, 7000).status or 200


# the tables, as the proxy reads them

AUTHORS = pod("authors", "127.77.64.9", probes={7000: ("/ping",)})
ADDRESSES = ["127.77.64.2", "127.255.64.2", "10.1.2.3"]
GUARDED = Workload("Pod", AUTHORS.facts)
STRANGERS = [
    Sender(address, identity)
    for address in ADDRESSES
    for identity in (None, name_of("webapp"), name_of("books"), name_of("a", "b"))
]


def is_principal(principal: Config, sender: Sender) -> bool:
    """What the documentation of the filter says."""
    ((kind, value),) = principal.items()
    match kind:
        case "and_ids":
            return all(is_principal(item, sender) for item in value["ids"])
        case "or_ids":
            return any(is_principal(item, sender) for item in value["ids"])
        case "not_id":
            return not is_principal(value, sender)
        case "direct_remote_ip":
            network = ip_network(f"{value['address_prefix']}/{value['prefix_len']}")
            return ip_address(sender.address) in network
    assert kind == "authenticated"
    if sender.identity is None:
        return False
    name = value.get("principal_name", {"suffix": ""})
    return sender.identity == name["exact"] if "exact" in name else sender.identity.endswith(name["suffix"])


def answer(table: Config, asked: Asked, sender: Sender) -> int:
    found = find_route(table, asked)
    assert found is not None
    filters = found.get("typed_per_filter_config", {})
    limits = table["virtual_hosts"][0].get("typed_per_filter_config", {})
    unlimited = {name for name, config in filters.items() if config.get("disabled")}
    assert unlimited == (set() if "route" in found else set(limits))  # §3.15
    if "direct_response" in found:
        assert RBAC not in filters
        return int(found["direct_response"]["status"])
    rules = filters[RBAC]["rbac"]["rules"]
    assert rules["action"] == "ALLOW"
    allowed = any(is_principal(item, sender) for rule in rules["policies"].values() for item in rule["principals"])
    if not allowed:
        return 403
    return 302 if "redirect" in found else 200


@settings(max_examples=40, deadline=None)
@given(policies())
def test_compiled_tables_say_what_the_rules_say(found: list[Obj]) -> None:
    """Every request of every sender."""
    moment = replace(snapshot(AUTHORS, dialect=LINKERD_EDGE), policies=tuple(map(parse_policy_object, found)))
    table = compile_snapshot(moment, Path("/run")).routes["in/booksapp/authors-1/7000"]
    objects = Objects.read(found, LINKERD_EDGE)  # a policy that admission would refuse lets nobody in either
    for asked in REQUESTS:
        for sender in STRANGERS:
            assert answer(table, asked, sender) == expected(objects, asked, sender), (asked, sender)


# a real proxy


async def compare(world: Guarded, found: list[Obj], requests: list[tuple[Asked, str]]) -> None:
    await world.enforce()  # a changed table has full buckets, so one that is the same again must change in between
    await world.enforce(*found)
    limits = [obj["spec"] for obj in found if obj["kind"] == "HTTPLocalRateLimitPolicy"]
    spent: set[str | None] = set()
    objects = Objects.read(found, LINKERD_EDGE)
    for asked, name in requests:
        client = world.clients.get(name)
        address = client.endpoint.pod_ip if client else world.mesh.network.node_ip
        identity = client.identity if client and client.endpoint.meshed else None
        got = await world.ask(client, asked.target, asked.method)
        promised = expected(objects, asked, Sender(address, identity))
        if promised == 200 and limits:
            bucket = identity if "identity" in limits[0] else "all"  # §3.28
            assert got.status in ((200, 429) if bucket in spent else (200,)), (asked, name)
            spent.add(bucket)
        else:
            assert got.status == promised, (asked, name)


@pytest.mark.cluster
def test_a_real_proxy_does_what_the_rules_say() -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        mesh = runner.run(stack.enter_async_context(live_mesh(LINKERD_EDGE)))
        made = runner.run(mesh.app("authors", probes={7000: ("/ping",)}))
        world = Guarded(mesh, made, service("authors", made.endpoint.pod_ip, cluster_ip="127.77.1.5"), {})
        for name in SENDERS[:4]:
            namespace = "tools" if name == "alien" else "booksapp"
            runner.run(world.client(name, meshed=name != "outsider", namespace=namespace))

        asked_by = st.tuples(st.sampled_from(REQUESTS), st.sampled_from(SENDERS))

        @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(policies(), st.lists(asked_by, min_size=4, max_size=8))
        def check(found: list[Obj], requests: list[tuple[Asked, str]]) -> None:
            runner.run(compare(world, found, requests))

        try:
            check()
        finally:
            runner.run(stack.aclose())
