"""Random policy sets against the rules written out over the raw documents, without any of the code under test."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.resources.inbound import Client
from harness.tests.resources_policy.documents import (
    CREATED,
    LATER,
    Obj,
    authorization_policy,
    identity,
    mesh_tls,
    networks,
    requires,
    server,
    server_authorization,
    server_route,
    target,
)
from harness.tests.resources_policy.policies import inbound

SERVERS = ["s1", "s2"]
ROUTES = ["r1", "r2"]
IDENTITIES = [identity("webapp"), identity("books"), "*", identity("*")]
CIDRS = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "0.0.0.0/0"]
ADDRESSES = ["10.0.0.9", "10.1.0.9", "192.0.2.9", "198.51.100.9", "127.0.0.1"]
AUTHENTICATIONS = ["m1", "m2"], ["n1", "n2"]

targets = st.sampled_from(
    [*(target("Server", name) for name in SERVERS), *(target("HTTPRoute", name) for name in ROUTES),
     target("Namespace", "booksapp", "")]
)  # fmt: skip
references = st.sampled_from(
    [*(requires("MeshTLSAuthentication", name) for name in AUTHENTICATIONS[0]),
     *(requires("NetworkAuthentication", name) for name in AUTHENTICATIONS[1]),
     requires("ServiceAccount", "books")]
)  # fmt: skip
named = {"name": st.sampled_from(SERVERS)}
networks_of_clients = st.lists(st.sampled_from(CIDRS).map(lambda cidr: {"cidr": cidr}), max_size=2)
client_specs = st.one_of(
    st.fixed_dictionaries({"unauthenticated": st.just(True)}, optional={"networks": networks_of_clients}),
    st.fixed_dictionaries(
        {"meshTLS": st.fixed_dictionaries({"identities": st.lists(st.sampled_from(IDENTITIES), max_size=1)})},
        optional={"networks": networks_of_clients},
    ),
)


@st.composite
def clusters(draw: st.DrawFn) -> list[Obj]:
    """Up to two objects of each kind; references may lead nowhere."""
    created = st.sampled_from([CREATED, LATER])
    access = st.sampled_from(["deny", "all-authenticated", "all-unauthenticated", "cluster-unauthenticated"])
    found = [
        server(name, created=draw(created), accessPolicy=draw(access))
        for name in draw(st.sets(st.sampled_from(SERVERS)))
    ]
    found += [
        server_route(name, to=draw(st.sampled_from(SERVERS)), created=draw(created), accepted=draw(st.booleans()))
        for name in draw(st.sets(st.sampled_from(ROUTES)))
    ]
    found += [
        mesh_tls(name, *draw(st.lists(st.sampled_from(IDENTITIES), min_size=1, max_size=2)))
        for name in draw(st.sets(st.sampled_from(AUTHENTICATIONS[0])))
    ]
    found += [
        networks(
            name, {"cidr": draw(st.sampled_from(CIDRS)), "except": draw(st.lists(st.sampled_from(CIDRS), max_size=1))}
        )
        for name in draw(st.sets(st.sampled_from(AUTHENTICATIONS[1])))
    ]
    found += [
        authorization_policy(name, draw(targets), *draw(st.lists(references, max_size=2, unique_by=str)))
        for name in draw(st.sets(st.sampled_from(["p1", "p2"])))
    ]
    if draw(st.booleans()):
        found.append(server_authorization("z", draw(st.fixed_dictionaries(named)), **draw(client_specs)))
    return found


clients = st.builds(
    lambda address, name: Client(ip_address(address), name, mesh_tls=name is not None),
    st.sampled_from(ADDRESSES),
    st.sampled_from([None, identity("webapp"), identity("books"), identity("bot", "tools")]),
)


def of_kind(cluster: list[Obj], kind: str) -> dict[str, Obj]:
    return {obj["metadata"]["name"]: obj for obj in cluster if obj["kind"] == kind}


def server_in_force(cluster: list[Obj]) -> Obj | None:
    """§1.74: the oldest, then by name."""
    found = of_kind(cluster, "Server").values()
    return min(found, key=lambda obj: (obj["metadata"]["creationTimestamp"], obj["metadata"]["name"]), default=None)


def routes_of(cluster: list[Obj], server_name: str) -> dict[str, Obj]:
    """§3.12: accepted and attached."""
    return {
        name: obj
        for name, obj in of_kind(cluster, "HTTPRoute").items()
        if obj["spec"]["parentRefs"][0]["name"] == server_name
        and obj["status"]["parents"][0]["conditions"][0]["status"] == "True"
    }


def has_identity(client: Client, patterns: list[str]) -> bool:
    """§3.19."""
    return client.identity is not None and any(
        client.identity.endswith(pattern[1:]) if pattern.startswith("*") else client.identity == pattern
        for pattern in patterns
    )


def comes_from(client: Client, entries: list[Obj]) -> bool:
    """§3.20."""
    return any(
        client.address in ip_network(entry["cidr"])
        and not any(client.address in ip_network(text) for text in entry.get("except", []))
        for entry in entries
    )


def satisfies(client: Client, required: Obj, cluster: list[Obj]) -> bool:
    """§3.18: what is missing is never satisfied."""
    if required["kind"] == "ServiceAccount":
        return has_identity(client, [identity(required["name"])])
    found = of_kind(cluster, required["kind"]).get(required["name"])
    if found is None:
        return False
    spec = found["spec"]
    return comes_from(client, spec["networks"]) if "networks" in spec else has_identity(client, spec["identities"])


def is_inert(policy: Obj) -> bool:
    """§1.74, §3.18: one identity and one network at most."""
    kinds = ["network" if ref["kind"] == "NetworkAuthentication" else "identity" for ref in required_by(policy)]
    return len(kinds) != len(set(kinds))


def required_by(policy: Obj) -> list[Obj]:
    found: list[Obj] = policy["spec"]["requiredAuthenticationRefs"]
    return found


def by_access_policy(client: Client, name: str) -> bool:
    """§3.1, §3.9."""
    inside = client.address in ip_network("10.0.0.0/8")
    return {
        "deny": False,
        "all-unauthenticated": True,
        "all-authenticated": client.identity is not None,
        "cluster-unauthenticated": inside,
    }[name]


def by_server_authorization(client: Client, spec: Obj, server_name: str) -> bool:
    """§3.21; of the networks drawn here, the cluster's is 10.0.0.0/8."""
    asked = spec["client"]
    inside = comes_from(client, asked.get("networks") or [{"cidr": "10.0.0.0/8"}])
    known = asked.get("unauthenticated") or has_identity(client, asked.get("meshTLS", {}).get("identities", []))
    return spec["server"]["name"] == server_name and inside and bool(known)


def may(client: Client, cluster: list[Obj], server: Obj, route: str) -> bool:
    """§3.14: any authorization of the route or of its Server; §3.5."""
    name = server["metadata"]["name"]
    aims = {("Server", name), ("Namespace", "booksapp"), ("HTTPRoute", route)}
    return (
        str(client.address) == "127.0.0.1"
        or by_access_policy(client, server["spec"]["accessPolicy"])
        or any(
            by_server_authorization(client, obj["spec"], name)
            for obj in of_kind(cluster, "ServerAuthorization").values()
        )
        or any(
            (policy["spec"]["targetRef"]["kind"], policy["spec"]["targetRef"]["name"]) in aims
            and not is_inert(policy)
            and all(satisfies(client, required, cluster) for required in required_by(policy))
            for policy in of_kind(cluster, "AuthorizationPolicy").values()
        )
    )


@settings(max_examples=150)
@given(clusters(), clients)
def test_who_may_use_which_route(cluster: list[Obj], client: Client) -> None:
    policy, expected = inbound(*cluster), server_in_force(cluster)
    if expected is None:
        assert policy.server.is_default
        return
    assert policy.server.name == expected["metadata"]["name"]
    attached = routes_of(cluster, policy.server.name)
    assert {route.ref.name for route in policy.routes} == (set(attached) or {"default", "probe"})
    for route in policy.routes:
        is_let_in = route.authorization_for(client) is not None
        assert is_let_in is (route.ref.name == "probe" or may(client, cluster, expected, route.ref.name)), route.ref
    assert (policy.authorization_for(client) is not None) is may(client, cluster, expected, "")
