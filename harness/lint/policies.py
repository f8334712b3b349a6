"""Findings about Servers, policies and annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from harness.lint.given import Given
from harness.lint.problem import Problem
from harness.oracle import Request, Sender, locked_out
from harness.oracle.policy import judge, server_in_force
from harness.oracle.workloads import Workload
from harness.resources.annotations import parse_grpc_retry, parse_http_retry, parse_timeout_annotations
from harness.resources.authorizations import AuthorizationPolicy
from harness.resources.circuit_breaking import parse_failure_accrual
from harness.resources.default_policies import default_policy
from harness.resources.document import Node
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.parents import is_server_parent
from harness.resources.port_lists import parse_port_list
from harness.resources.routes import HTTPRoute
from harness.resources.servers import Server

_PORT_LISTS: Final = (
    "config.linkerd.io/opaque-ports",
    "config.linkerd.io/skip-inbound-ports",
    "config.linkerd.io/skip-outbound-ports",
    "config.linkerd.io/proxy-require-identity-inbound-ports",
)
_ACCRUAL: Final = "balancer.linkerd.io/failure-accrual"
_TRAEFIK_HEADERS: Final = "ingress.kubernetes.io/custom-request-headers"
_DST_OVERRIDE: Final = "l5d-dst-override"
"""§4.11: what the tutorial's repository has its Ingress say, without effect."""
_ROUTE_PREFIXES: Final = ("timeout.linkerd.io/", "retry.linkerd.io/")


def policy_problems(given: Given) -> Iterator[Problem]:
    """Everything about who is let in."""
    for index, server in given.servers:
        yield from _idle_server(given, index, server)
    for index, policy in given.policies:
        yield from _target(given, index, policy)
        yield from _authentications(given, index, policy)
    for index, route in given.routes:
        yield from _closed_route(given, index, route)
    yield from _locked_out(given)


def _idle_server(given: Given, index: int, server: Server) -> Iterator[Problem]:
    pods = [one for one in given.objects.workloads if one.pod.namespace == server.namespace]
    if not pods or server.pod_selector is None:
        return
    chosen = [one for one in pods if server.pod_selector.matches(one.pod.labels)]
    if not chosen:
        said = "the podSelector fits no pod of the namespace"
        yield Problem(index, "spec.podSelector", "server-selects-nothing", said)
    elif isinstance(server.port, str) and not any(one.pod.selected_ports(server.port) for one in chosen):
        names = sorted({port.name for one in chosen for port in one.pod.ports if not port.name.startswith("linkerd-")})
        known = f"they have {', '.join(names)}" if names else "they have no named ports"
        said = f"no pod that is selected has a container port '{server.port}'; {known}"
        yield Problem(index, "spec.port", "server-selects-nothing", said)


def _target(given: Given, index: int, policy: AuthorizationPolicy) -> Iterator[Problem]:
    target, namespace = policy.target, policy.namespace
    kinds = {"server": "Server", "httproute": "HTTPRoute", "grpcroute": GRPC_ROUTE}
    kind = kinds.get(target.kind.lower())
    if kind is None or not given.knows(kind, namespace):
        return
    found = given.has(kind, (namespace, target.name))
    if kind in ("HTTPRoute", GRPC_ROUTE):
        found = any(
            target.is_a(route.group, route.kind) and route.name.lower() == target.name.lower()
            for _, route in given.routes
            if route.namespace == namespace
        )
    if not found:
        said = f"there is no {target.canonical_kind} {namespace}/{target.name}, so the policy lets nobody in anywhere"
        yield Problem(index, "spec.targetRef.name", "target-not-found", said)


def _authentications(given: Given, index: int, policy: AuthorizationPolicy) -> Iterator[Problem]:
    for number, ref in enumerate(policy.authentications):
        kind = "MeshTLSAuthentication" if ref.is_mesh_tls else "NetworkAuthentication" if ref.is_network else ""
        namespace = policy.namespace if ref.namespace is None else ref.namespace
        if kind and not given.has(kind, (namespace, ref.name)) and _is_complete(given, namespace):
            said = f"there is no {kind} {namespace}/{ref.name}, so the policy lets nobody in"
            place = f"spec.requiredAuthenticationRefs[{number}].name"
            yield Problem(index, place, "authentication-not-found", said)


def _is_complete(given: Given, namespace: str) -> bool:
    """A missing authentication is told if the documents hold policies of the namespace together with their Servers."""
    authentications = ("MeshTLSAuthentication", "NetworkAuthentication", "Server")
    return any(given.knows(kind, namespace) for kind in authentications)


def _closed_route(given: Given, index: int, route: HTTPRoute) -> Iterator[Problem]:
    """A route of a Server that is there, and that neither a policy of its own nor one of the Server opens (§3.14)."""
    names = [parent.name for parent in route.parent_refs if is_server_parent(parent)]
    servers = [one for _, one in given.servers if one.namespace == route.namespace and one.name in names]
    if not servers or any(one.access_policy not in ("", "deny") for one in servers):
        return
    targeted = any(
        policy.namespace == route.namespace
        and (
            policy.target.is_namespace
            or (policy.target.is_server and policy.target.name in names)
            or (policy.target.is_a(route.group, route.kind) and policy.target.name.lower() == route.name.lower())
        )
        for _, policy in given.policies
    )
    legacy = any(one.is_about(server) for one in given.objects.server_authorizations for server in servers)
    if not (targeted or legacy):
        said = f"no policy opens it or Server '{servers[0].name}': whatever it matches is answered 403"
        yield Problem(index, "metadata.name", "route-lets-nobody-in", said)


def _locked_out(given: Given) -> Iterator[Problem]:
    """Told at the Server that does it."""
    for key in locked_out(given.objects):
        workload = given.objects.workload(key)
        assert workload is not None, "who is locked out is there"
        for port, path in workload.readiness:
            yield from _locked_port(given, workload, port, path)


def _locked_port(given: Given, workload: Workload, port: int, path: str) -> Iterator[Problem]:
    server = server_in_force(given.objects, workload, port)
    status = judge(given.objects, Sender("", meshed=False), Request("", port, path), workload, port).status
    for index, one in given.servers:
        if server is not None and (one.namespace, one.name) == (server.namespace, server.name) and status:
            said = f"the kubelet's GET {path} of {workload.pod.name} is answered {status}: its pods become unready"
            yield Problem(index, "metadata.name", "probe-locked-out", said)


# -- annotations -------------------------------------------------------------------------------------------------------


def annotation_problems(given: Given) -> Iterator[Problem]:
    """Annotations with values that mean nothing, and those that nobody reads."""
    for index, document in enumerate(given.documents):
        node = Node(document if isinstance(document, dict) else {})
        kind = node.text("kind")
        for owner in (node, node.child("spec").child("template")):
            found = owner.child("metadata").child("annotations")
            yield from _configuration(given, index, found.text_map(), found.path)
        annotations = node.child("metadata").child("annotations").text_map()
        if kind in ("Service", "HTTPRoute", GRPC_ROUTE):
            yield from _limits(given, index, kind, annotations)
        if kind == "Service":
            yield from _breaking(index, annotations)
        if kind == "Ingress" and _DST_OVERRIDE in annotations.get(_TRAEFIK_HEADERS, "").lower():
            said = f"only Traefik 1 reads {_TRAEFIK_HEADERS}, and only proxies in ingress mode {_DST_OVERRIDE}"
            yield Problem(index, f"metadata.annotations.{_TRAEFIK_HEADERS}", "annotation-not-read", said)


def _breaking(index: int, annotations: Mapping[str, str]) -> Iterator[Problem]:
    """§4.3: whatever is wrong disables it."""
    mode = annotations.get(_ACCRUAL, "consecutive")
    if mode not in ("consecutive", "unified"):
        said = f"'{mode}' is no mode of failure accrual, so there is none; write consecutive"
        yield Problem(index, f"metadata.annotations.{_ACCRUAL}", "bad-annotation", said)
    elif mode == "consecutive":
        for problem in parse_failure_accrual(annotations)[1]:
            yield Problem(index, problem.path, "bad-annotation", f"{problem.message}, so no endpoint is given up")


def _configuration(given: Given, index: int, annotations: Mapping[str, str], path: str) -> Iterator[Problem]:
    checks: dict[str, Callable[[str], str]] = {
        "linkerd.io/inject": lambda value: (
            "" if value in ("enabled", "disabled", "ingress") else "is none of enabled, disabled, ingress: not injected"
        ),
        "config.linkerd.io/default-inbound-policy": lambda value: (
            "" if default_policy(value, given.dialect) else "is no default policy: the install's own is used"
        ),
        **dict.fromkeys(_PORT_LISTS, _port_list),
    }
    for key, check in checks.items():
        if key in annotations and (wrong := check(annotations[key])):
            yield Problem(index, f"{path}.{key}", "bad-annotation", f"{key}: '{annotations[key]}' {wrong}")


def _port_list(value: str) -> str:
    try:
        parse_port_list(value)
    except ValueError as error:
        return f"is no list of ports: {error}"
    return ""


def _limits(given: Given, index: int, kind: str, annotations: Mapping[str, str]) -> Iterator[Problem]:
    written = [key for key in annotations if key.startswith(_ROUTE_PREFIXES)]
    if not given.dialect.route_annotations:
        for key in written:
            said = f"{given.dialect.name} does not know {key}"
            yield Problem(index, f"metadata.annotations.{key}", "annotation-not-read", said)
        return
    wrong = dict.fromkeys(parse_timeout_annotations(annotations)[1])
    if kind != GRPC_ROUTE:
        wrong |= dict.fromkeys(parse_http_retry(annotations)[1])
    if kind != "HTTPRoute":
        wrong |= dict.fromkeys(parse_grpc_retry(annotations)[1])
    for problem in wrong:
        yield Problem(index, problem.path, "bad-annotation", problem.message)
    for key in {"HTTPRoute": ("retry.linkerd.io/grpc",), GRPC_ROUTE: ("retry.linkerd.io/http",)}.get(kind, ()):
        if key in annotations:
            said = f"{kind}s do not read {key}"
            yield Problem(index, f"metadata.annotations.{key}", "annotation-not-read", said)
