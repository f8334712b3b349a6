"""Settling believes proxies and nothing else: what they count must fit the policies, and differ from before."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import pytest

from harness.dialect import LINKERD_EDGE
from harness.kube.client import Kube, PodAnswer
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.changes import Change, Witness
from harness.mesh.policy_proof import ALLOWED, DENIED, NOT_FOUND
from harness.mesh.settle import NotSettled, Settled, settle
from harness.tests.mesh.fake_mesh import FakeMesh, Series, pod, policy, series, service, witness

WEBAPP = "webapp.booksapp.serviceaccount.identity.linkerd.cluster.local"
SERVER = policy("Server", "authors", {"podSelector": {"matchLabels": {"app": "authors"}}, "port": "service"})
AUTHENTICATION = policy("MeshTLSAuthentication", "webapp-only", {"identities": [WEBAPP]})
LET_IN = policy(
    "AuthorizationPolicy",
    "let-in",
    {
        "targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "authors"},
        "requiredAuthenticationRefs": [
            {"group": "policy.linkerd.io", "kind": "MeshTLSAuthentication", "name": "webapp-only"}
        ],
    },
)
ON_SERVER = {"srv_kind": "server", "srv_name": "authors", "target_port": "7001", "client_id": WEBAPP}
DEFAULT_ROUTE = {"route_kind": "default", "route_name": "default"}
AS_BEFORE = series(
    ALLOWED,
    srv_kind="default",
    srv_name="all-unauthenticated",
    target_port="7001",
    client_id=WEBAPP,
    **DEFAULT_ROUTE,
    authz_kind="default",
    authz_name="all-unauthenticated",
)
DENIED_BY_SERVER = series(DENIED, **ON_SERVER, **DEFAULT_ROUTE)
LET_IN_BY_POLICY = series(ALLOWED, **ON_SERVER, **DEFAULT_ROUTE, authz_kind="authorizationpolicy", authz_name="let-in")

Counts = Callable[[str], Series]
"""What a proxy counts a request to an address as."""


def mesh(*more: JsonObject) -> FakeMesh:
    sender = pod("sender", "10.0.0.5", app="sender", account="webapp")
    return FakeMesh([service(), pod("authors-1", "10.0.0.1"), sender, *more])


def asked(fake: FakeMesh, counts: Counts, *, url: str = "http://authors:7001/authors.json") -> Witness:
    def send(to: str, times: int) -> None:
        ip = urlsplit(to).hostname
        reached = next(one for one in fake.stored if one.get("status", {}).get("podIP") == ip)
        fake.count(reached["metadata"]["name"], counts(str(ip)), times)

    return witness("sender", send, url=url)


def settled(fake: FakeMesh, changes: list[Change], *witnesses: Witness, within: float = 5.0) -> Settled:
    return settle(cast(Kube, fake), LINKERD_EDGE, changes, witnesses, within=within)


def created(obj: JsonObject) -> Change:
    return Change(ObjectRef.of(obj), None, obj)


def deleted(obj: JsonObject) -> Change:
    return Change(ObjectRef.of(obj), obj, None)


def test_a_server_is_proved_by_what_its_proxy_counts() -> None:
    fake = mesh(SERVER)
    done = settled(fake, [created(SERVER)], asked(fake, lambda ip: DENIED_BY_SERVER))
    assert done.proof == (
        "authors-1:7001 counts GET /authors.json of sender as denied by server/authors, default default",
    )


def test_a_proxy_that_does_not_know_the_server_is_no_proof() -> None:
    fake = mesh(SERVER)
    with pytest.raises(NotSettled, match=re.escape("let in by default on default, default default, which is not")):
        settled(fake, [created(SERVER)], asked(fake, lambda ip: AS_BEFORE), within=0.2)


def test_a_proxy_that_learns_late_is_waited_for() -> None:
    fake, answers = mesh(SERVER), [AS_BEFORE, AS_BEFORE, DENIED_BY_SERVER]
    settled(fake, [created(SERVER)], asked(fake, lambda ip: answers.pop(0)))
    assert not answers


def test_every_pod_is_asked() -> None:
    fake = mesh(SERVER, pod("authors-2", "10.0.0.2"))
    late = {"10.0.0.1": DENIED_BY_SERVER, "10.0.0.2": AS_BEFORE}
    with pytest.raises(NotSettled, match="authors-2:7001"):
        settled(fake, [created(SERVER)], asked(fake, late.__getitem__), within=0.2)


def test_a_policy_is_proved_by_whom_it_lets_in() -> None:
    fake = mesh(SERVER, AUTHENTICATION, LET_IN)
    done = settled(fake, [created(LET_IN)], asked(fake, lambda ip: LET_IN_BY_POLICY))
    assert "let in by authorizationpolicy/let-in" in done.proof[0]
    assert "as before" not in done.proof[0]


def test_a_client_that_is_denied_still_is_no_proof_of_a_policy() -> None:
    fake = mesh(SERVER, AUTHENTICATION, LET_IN)
    with pytest.raises(NotSettled, match="denied by server/authors"):
        settled(fake, [created(LET_IN)], asked(fake, lambda ip: DENIED_BY_SERVER), within=0.2)


def test_a_deleted_policy_is_proved_by_whom_it_keeps_out() -> None:
    fake = mesh(SERVER, AUTHENTICATION)
    with pytest.raises(NotSettled, match="let in by authorizationpolicy/let-in"):
        settled(fake, [deleted(LET_IN)], asked(fake, lambda ip: LET_IN_BY_POLICY), within=0.2)
    assert settled(fake, [deleted(LET_IN)], asked(fake, lambda ip: DENIED_BY_SERVER)).proof


def test_a_changed_authentication_is_proved_too() -> None:
    nobody = policy("MeshTLSAuthentication", "webapp-only", {"identities": ["other.example"]})
    fake = mesh(SERVER, nobody, LET_IN)
    change = Change(ObjectRef.of(nobody), AUTHENTICATION, nobody)
    with pytest.raises(NotSettled, match="which is not what the policies say now"):
        settled(fake, [change], asked(fake, lambda ip: LET_IN_BY_POLICY), within=0.2)
    assert settled(fake, [change], asked(fake, lambda ip: DENIED_BY_SERVER)).proof


def test_who_cannot_tell_is_said() -> None:
    others = policy("MeshTLSAuthentication", "webapp-only", {"identities": ["other.example"]})
    fake = mesh(SERVER, others, LET_IN)
    done = settled(fake, [created(LET_IN)], asked(fake, lambda ip: DENIED_BY_SERVER))
    assert "as before: no harmless request of this step tells the two apart" in done.proof[0]


def test_only_what_the_sender_itself_was_counted_as_is_looked_at() -> None:
    """Others ask the same port all the time."""
    fake = mesh(SERVER)
    others = ("tls", "no_identity"), ("client_id", "books.booksapp.serviceaccount.identity.linkerd.cluster.local")

    def send(to: str, times: int) -> None:
        for label, value in others:
            name, labels = DENIED_BY_SERVER
            kept = {key: old for key, old in labels if key != "client_id"}
            fake.count("authors-1", series(name, **kept, **{label: value}), times)
        fake.count("authors-1", AS_BEFORE, times)

    with pytest.raises(NotSettled, match="let in by default"):
        settled(fake, [created(SERVER)], witness("sender", send), within=0.2)


def test_a_step_that_does_not_ask_the_pod_is_said() -> None:
    fake = mesh(SERVER)
    elsewhere = asked(fake, lambda ip: AS_BEFORE, url="http://books:7002/books.json")
    assert settled(fake, [created(SERVER)], elsewhere).proof == (
        "no harmless request of this step goes to authors-1:7001, so its proxy was not asked",
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("HTTPRoute", "no harmless request of this step meets it, so no proxy was asked"),
        ("GRPCRoute", "what proxies count under it is not looked at, so none was asked"),
    ],
)
def test_a_route_that_no_proxy_is_asked_about_is_said(kind: str, said: str) -> None:
    parent = {"group": "core", "kind": "Service", "name": "authors"}
    conditions = [{"type": name, "status": "True", "observedGeneration": 1} for name in ("Accepted", "ResolvedRefs")]
    status = {"parents": [{"parentRef": parent, "controllerName": "x/y", "conditions": conditions}]}
    route = policy(kind, "calls", {"parentRefs": [parent]}, status=status)
    route["apiVersion"] = "gateway.networking.k8s.io/v1"
    (proof,) = settled(mesh(route), [created(route)]).proof
    assert proof.endswith(f"for generation 1; {said}")


def test_a_server_without_pods_is_said() -> None:
    lonely = policy("Server", "lonely", {"podSelector": {"matchLabels": {"app": "none"}}, "port": 7001})
    fake = mesh(lonely)
    assert "no policy of a running meshed pod" in settled(fake, [created(lonely)]).proof[0]


def test_a_route_on_a_server_is_proved_by_what_it_ends() -> None:
    spec = {
        "parentRefs": [{"group": "policy.linkerd.io", "kind": "Server", "name": "authors"}],
        "rules": [{"matches": [{"path": {"value": "/other"}}]}],
    }
    accepted = {
        "parents": [
            {
                "controllerName": "linkerd.io/policy-controller",
                "parentRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "authors"},
                "conditions": [{"type": "Accepted", "status": "True"}],
            }
        ]
    }
    route = policy("HTTPRoute", "other", spec, status=accepted)
    fake = mesh(SERVER, route)
    with pytest.raises(NotSettled, match="denied by server/authors, default default"):
        settled(fake, [created(route)], asked(fake, lambda ip: DENIED_BY_SERVER), within=0.2)
    done = settled(fake, [created(route)], asked(fake, lambda ip: series(NOT_FOUND, **ON_SERVER)))
    assert "not found on server/authors" in done.proof[1]


def test_a_rate_limit_waits_for_its_condition() -> None:
    limit = policy(
        "HTTPLocalRateLimitPolicy",
        "limit",
        {
            "targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "authors"},
            "total": {"requestsPerSecond": 9},
        },
    )
    fake = mesh(SERVER, limit)
    witness = asked(fake, lambda ip: DENIED_BY_SERVER)
    with pytest.raises(NotSettled, match="no controller has looked at it yet"):
        settled(fake, [created(limit)], witness, within=0.2)
    limit["status"] = {"conditions": [{"type": "Accepted", "status": "True"}]}
    first, second = settled(fake, [created(limit)], witness).proof
    assert first == "HTTPLocalRateLimitPolicy/limit in booksapp is Accepted"
    assert "a limit shows only where it is reached" in second


def test_a_pod_that_is_gone_by_now_is_looked_up_anew() -> None:
    fake = mesh(SERVER)
    fake.answers.append(PodAnswer(404, b'{"kind": "Status"}'))
    assert settled(fake, [created(SERVER)], asked(fake, lambda ip: DENIED_BY_SERVER)).proof
    assert not fake.answers


def test_a_policy_that_hides_the_counters_is_said() -> None:
    """§3.24: a proxy refuses without a word."""
    fake = mesh(SERVER)
    fake.answers.append(PodAnswer(403, b""))
    (said,) = settled(fake, [created(SERVER)], asked(fake, lambda ip: DENIED_BY_SERVER)).proof
    assert "authors-1:7001 is not proved: the inbound policy of pod booksapp/authors-1 denies its metrics" in said
