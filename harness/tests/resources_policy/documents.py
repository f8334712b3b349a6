"""Policy documents for tests, as somebody would write them or as they are stored."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

GROUP = "policy.linkerd.io"
NAMESPACE = "booksapp"
CREATED = "2024-05-01T10:00:00Z"
LATER = "2024-05-01T10:00:01Z"
SUFFIX = "serviceaccount.identity.linkerd.cluster.local"


def document(kind: str, name: str, spec: Any, *, version: str = "v1alpha1", created: str = "", **metadata: Any) -> Obj:
    """An object of policy.linkerd.io in namespace booksapp; `created` only for stored ones."""
    stored = {"creationTimestamp": created} if created else {}
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, **stored, **metadata},
        "spec": spec,
    }


def server(
    name: str = "authors-server", *, port: int | str = "service", app: str = "authors", version: str = "v1beta3",
    created: str = CREATED, labels: dict[str, str] | None = None, **spec: Any,
) -> Obj:  # fmt: skip
    """A Server for pods of one app; `app=""` for all pods."""
    selector = {"matchLabels": {"app": app}} if app else {}
    written = {"podSelector": selector, "port": port, **spec}
    return document("Server", name, written, version=version, created=created, labels=labels or {})


def target(kind: str, name: str, group: str = GROUP) -> Obj:
    """A targetRef; kinds of the core group take `group=""`."""
    return {"kind": kind, "name": name, **({"group": group} if group else {})}


def authorization_policy(name: str, to: Obj, *required: Obj, **metadata: Any) -> Obj:
    """An AuthorizationPolicy."""
    spec = {"targetRef": to, "requiredAuthenticationRefs": list(required)}
    return document("AuthorizationPolicy", name, spec, **metadata)


def requires(kind: str, name: str, namespace: str | None = None) -> Obj:
    """An entry of requiredAuthenticationRefs."""
    group = {} if kind in ("ServiceAccount", "Namespace") else {"group": GROUP}
    return {"kind": kind, "name": name, **group, **({} if namespace is None else {"namespace": namespace})}


def mesh_tls(name: str, *identities: str, **more: Any) -> Obj:
    """A MeshTLSAuthentication by identities, or by what `more` says."""
    return document("MeshTLSAuthentication", name, ({"identities": list(identities)} if identities else {}) | more)


def networks(name: str, *cidrs: str | Obj) -> Obj:
    """A NetworkAuthentication."""
    entries = [{"cidr": cidr} if isinstance(cidr, str) else cidr for cidr in cidrs]
    return document("NetworkAuthentication", name, {"networks": entries})


def server_authorization(name: str, which: Obj, **client: Any) -> Obj:
    """A ServerAuthorization."""
    return document("ServerAuthorization", name, {"server": which, "client": client}, version="v1beta1")


def rate_limit(
    name: str, to: str = "authors-server", *, created: str = CREATED, accepted: bool = True, **spec: Any
) -> Obj:
    """An HTTPLocalRateLimitPolicy for a Server, as its controller has left it."""
    condition = {"type": "Accepted", "status": "True" if accepted else "False", "reason": "Accepted"}
    policy = document("HTTPLocalRateLimitPolicy", name, {"targetRef": target("Server", to), **spec}, created=created)
    return policy | {"status": {"conditions": [condition], "targetRef": target("Server", to)}}


def server_route(
    name: str,
    *rules: Obj,
    to: str = "authors-server",
    group: str = GROUP,
    created: str = CREATED,
    accepted: bool = True,
    parents: list[Obj] | None = None,
    kind: str = "HTTPRoute",
) -> Obj:
    """A route of either group attached to a Server; `parents` in place of the one parentRef."""
    parent = target("Server", to)
    status = {"type": "Accepted", "status": "True" if accepted else "False"}
    entry = {"controllerName": "linkerd.io/policy-controller", "parentRef": parent, "conditions": [status]}
    version = "v1beta3" if group == GROUP else "v1"
    return {
        "apiVersion": f"{group}/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "creationTimestamp": created},
        "spec": {"parentRefs": parents or [parent], **({"rules": list(rules)} if rules else {})},
        "status": {"parents": [entry]},
    }


def pod(*, annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None, **spec: Any) -> Obj:
    """A pod of authors, as stored: container port `service` 7001, probed by GET /ping."""
    container = {
        "name": "service",
        "ports": [{"name": "service", "containerPort": 7001}],
        "readinessProbe": {"httpGet": {"path": "/ping", "port": 7001}},
    }
    return {
        "metadata": {
            "name": "authors-1",
            "namespace": NAMESPACE,
            "labels": {"app": "authors", "project": "booksapp"} if labels is None else labels,
            "annotations": annotations or {},
        },
        "spec": {"serviceAccountName": "authors", "containers": [container], **spec},
    }


def identity(account: str, namespace: str = NAMESPACE) -> str:
    """What a client of this ServiceAccount is called."""
    return f"{account}.{namespace}.{SUFFIX}"
