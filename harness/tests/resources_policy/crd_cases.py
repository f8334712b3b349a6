"""Specs of policy kinds on both sides of every limit of their schemas."""

from __future__ import annotations

from typing import Any

from harness.resources.policy_heads import SERVED_POLICY_VERSIONS
from harness.tests.resources_policy.documents import Obj

VERSIONS = [(kind, version) for kind, versions in SERVED_POLICY_VERSIONS.items() for version in versions]

_TARGET: Obj = {"group": "policy.linkerd.io", "kind": "Server", "name": "s"}
_RATE: Obj = {"requestsPerSecond": 5}
_ACCOUNT: Obj = {"kind": "ServiceAccount", "name": "a"}
_LABELS: Obj = {"matchLabels": {"app": "a"}}
_EXPRESSION: Obj = {"key": "a", "operator": "In", "values": ["b"]}


def _port(port: Any, **more: Any) -> Obj:
    return {"podSelector": _LABELS, "port": port, **more}


def _policy(*required: Any, **to: Any) -> Obj:
    return {"targetRef": {**_TARGET, **to}, "requiredAuthenticationRefs": list(required)}


def _client(**client: Any) -> Obj:
    return {"server": {"name": "s"}, "client": client}


def _which(**which: Any) -> Obj:
    return {"server": which, "client": {"unauthenticated": True}}


def _override(**more: Any) -> Obj:
    return {"targetRef": _TARGET, "overrides": [{**_RATE, "clientRefs": [_ACCOUNT], **more}]}


VALID: dict[str, dict[str, Obj]] = {
    "Server": {
        "name": _port("service"),
        "number": _port(7001),
        "number out of range": _port(70000),
        "protocol": _port(1, proxyProtocol="HTTP/2"),
        "unknown protocol 1.74": _port(1, proxyProtocol="http"),
        "access policy 3.9": _port(1, accessPolicy="audit"),
        "unknown access policy 1.74": _port(1, accessPolicy="x"),
        "expressions": _port(1, podSelector={"matchExpressions": [_EXPRESSION, {"key": "b", "operator": "Exists"}]}),
        "unknown fields 1.67": _port(1, colour="red"),
        "other labels": _port(1, podSelector={"matchLabels": {"app": "a", "x.y/z": ""}}),
    },
    "ServerAuthorization": {
        "by name": _client(),
        "by selector": _which(selector=_LABELS),
        "by empty selector": _which(selector={}),
        "everything": _client(
            networks=[{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}, {"cidr": "no network"}],
            unauthenticated=False,
            meshTLS={
                "unauthenticatedTLS": False,
                "identities": ["*", "*.a.b", "a"],
                "serviceAccounts": [{"name": "a", "namespace": "b"}, {"name": "c"}],
            },
        ),
    },
    "AuthorizationPolicy": {
        "nothing required 1.74": _policy(),
        "several": _policy(_ACCOUNT, {**_TARGET, "namespace": "x"}),
        "core group": _policy(group=""),
        "unlikely kind 1.74": _policy(kind="Pod"),
        "empty namespace": _policy({**_ACCOUNT, "namespace": ""}),
        "long name": _policy(name="n" * 253),
    },
    "MeshTLSAuthentication": {
        "identities": {"identities": ["*", "a.b"]},
        "references": {"identityRefs": [_ACCOUNT, {"kind": "Namespace", "namespace": "x"}]},
        "nameless reference": {"identityRefs": [{"kind": "ServiceAccount"}]},
    },
    "NetworkAuthentication": {
        "no networks 1.74": {"networks": []},
        "networks": {"networks": [{"cidr": "::/0"}, {"cidr": "x", "except": []}]},
    },
    "HTTPLocalRateLimitPolicy": {
        "no limit": {"targetRef": _TARGET},
        "limits": {"targetRef": _TARGET, "total": _RATE, "identity": {"requestsPerSecond": 0}},
        "negative 1.74": {"targetRef": _TARGET, "total": {"requestsPerSecond": -1}},
        "overrides": _override(),
        "override for nobody": _override(clientRefs=[]),
        "client elsewhere": _override(clientRefs=[{**_ACCOUNT, "namespace": "x"}]),
        "target of another kind 1.74": {"targetRef": {"kind": "Pod", "name": "p"}},
    },
}
"""Valid in every version that is served."""

INVALID: dict[str, dict[str, Obj]] = {
    "Server": {
        "no port": {"podSelector": _LABELS},
        "no selector": {"port": 1},
        "port as a truth": _port(True),
        "port as a fraction": _port(1.5),
        "port as a list": _port([1]),
        "protocol as a number": _port(1, proxyProtocol=1),
        "selector as text": _port(1, podSelector="a"),
        "labels as a list": _port(1, podSelector={"matchLabels": []}),
        "operator": _port(1, podSelector={"matchExpressions": [{"key": "a", "operator": "in"}]}),
        "no operator": _port(1, podSelector={"matchExpressions": [{"key": "a"}]}),
        "no key": _port(1, podSelector={"matchExpressions": [{"operator": "Exists"}]}),
        "values as text": _port(1, podSelector={"matchExpressions": [{**_EXPRESSION, "values": "b"}]}),
    },
    "ServerAuthorization": {
        "no server": {"client": {}},
        "no client": {"server": {"name": "s"}},
        "neither": _which(),
        "both": _which(name="s", selector={}),
        "name in capitals": _which(name="S"),
        "client as text": {"server": {"name": "s"}, "client": "all"},
        "no cidr": _client(networks=[{"except": []}]),
        "truth as text": _client(unauthenticated="true"),
        "identity": _client(meshTLS={"identities": ["a.*"]}),
        "SPIFFE": _client(meshTLS={"identities": ["spiffe://a/b"]}),
        "account": _client(meshTLS={"serviceAccounts": [{"name": "A"}]}),
        "no account": _client(meshTLS={"serviceAccounts": [{"namespace": "a"}]}),
    },
    "AuthorizationPolicy": {
        "no target": {"requiredAuthenticationRefs": []},
        "nothing required 1.74": {"targetRef": _TARGET},
        "no kind": {"targetRef": {"name": "s"}, "requiredAuthenticationRefs": []},
        "no name": {"targetRef": {"kind": "Server"}, "requiredAuthenticationRefs": []},
        "empty name": _policy(name=""),
        "name of 254": _policy(name="n" * 254),
        "group in capitals": _policy(group="Core"),
        "kind of 64": _policy(kind="k" * 64),
        "kind with a space": _policy(kind="a b"),
        "nameless requirement": _policy({"kind": "ServiceAccount"}),
        "requirement in a long namespace": _policy({**_ACCOUNT, "namespace": "n" * 254}),
        "requirement as text": _policy("everybody"),
    },
    "MeshTLSAuthentication": {
        "nothing 1.74": {},
        "both 1.74": {"identities": ["*"], "identityRefs": [_ACCOUNT]},
        "no identities 1.74": {"identities": []},
        "no references 1.74": {"identityRefs": []},
        "identity as a number": {"identities": [1]},
        "reference without a kind": {"identityRefs": [{"name": "a"}]},
        "empty name": {"identityRefs": [{"kind": "ServiceAccount", "name": ""}]},
    },
    "NetworkAuthentication": {
        "nothing": {},
        "no cidr": {"networks": [{"except": ["::1"]}]},
        "cidr as a number": {"networks": [{"cidr": 10}]},
        "exception as text": {"networks": [{"cidr": "::/0", "except": "::1"}]},
    },
    "HTTPLocalRateLimitPolicy": {
        "no target": {"total": _RATE},
        "no rate": {"targetRef": _TARGET, "total": {}},
        "fraction": {"targetRef": _TARGET, "total": {"requestsPerSecond": 1.5}},
        "rate as text": {"targetRef": _TARGET, "identity": {"requestsPerSecond": "5"}},
        "rate of 2^63": {"targetRef": _TARGET, "identity": {"requestsPerSecond": 2**63}},
        "override without a rate": {"targetRef": _TARGET, "overrides": [{"clientRefs": []}]},
        "override without clients": {"targetRef": _TARGET, "overrides": [_RATE]},
        "client in an empty namespace": _override(clientRefs=[{**_ACCOUNT, "namespace": ""}]),
        "nameless client": _override(clientRefs=[{"kind": "ServiceAccount"}]),
    },
}
"""Invalid in every version."""

SERVERS_BY_VERSION: dict[str, tuple[Obj, list[str]]] = {
    "empty selector": (_port(1, podSelector={}), ["v1beta1", "v1beta2", "v1beta3"]),
    "labels and expressions": (
        _port(1, podSelector={**_LABELS, "matchExpressions": [_EXPRESSION]}),
        ["v1beta1", "v1beta2", "v1beta3"],
    ),
    "external workloads": ({"port": 1, "externalWorkloadSelector": {}}, ["v1beta2", "v1beta3"]),
    "both selectors": (_port(1, externalWorkloadSelector={}), ["v1alpha1", "v1beta1"]),
}
"""Specs of Servers, and the versions in which they are valid."""

ALL: list[tuple[str, str, Obj]] = [
    (kind, case, spec)
    for cases in (VALID, INVALID, {"Server": {name: spec for name, (spec, _) in SERVERS_BY_VERSION.items()}})
    for kind, specs in cases.items()
    for case, spec in specs.items()
]
