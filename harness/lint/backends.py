"""Findings about where rules lead, how long they may take, and what versions make of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.lint.given import Given
from harness.lint.problem import Problem
from harness.resources.document import Node
from harness.resources.filters import RequestRedirect, UnsupportedFilter
from harness.resources.parents import is_service_backend, is_service_parent
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP, BackendRef, HTTPRoute, Rule

_DROPPED_FROM_BACKENDS = ("weight", "kind", "group")


def backend_problems(given: Given) -> Iterator[Problem]:
    """Everything about the backends and limits of routes on Services."""
    for index, route in given.routes:
        if not any(is_service_parent(parent) for parent in route.parent_refs):
            continue
        for number, rule in enumerate(route.rules):
            place = f"spec.rules[{number}]"
            if rule.backend_refs and not any(ref.weight for ref in rule.backend_refs):
                yield from _all_zero(given, index, len(rule.backend_refs), place)
            if _has_nowhere_to_go(given, rule):
                said = "the rule names no backend, and no Service is one by itself: 500 is answered"
                yield Problem(index, place, "backends-omitted", said)
            for at, ref in enumerate(rule.backend_refs):
                yield from _backend(given, index, route, ref, f"{place}.backendRefs[{at}]")
        yield from _limits(given, index, route)


def _has_nowhere_to_go(given: Given, rule: Rule) -> bool:
    """E63, E59."""
    redirects = any(isinstance(item, RequestRedirect) for item in rule.filters)
    return given.dialect.omitted_backends == "500" and not rule.backend_refs and not redirects


def _all_zero(given: Given, index: int, count: int, place: str) -> Iterator[Problem]:
    if count == 1 and given.dialect.single_zero_weight_is_served:  # §1.33
        return
    empty = given.dialect.all_weights_zero
    closed = count > 1 and empty == "closed"
    what = "connections are closed" if closed else f"{'500' if empty == '500' else '503'} is answered"
    yield Problem(index, f"{place}.backendRefs", "weights-all-zero", f"no backend has a weight above 0: {what}")


def _backend(given: Given, index: int, route: HTTPRoute, ref: BackendRef, place: str) -> Iterator[Problem]:
    fails = "its share of the requests is answered 500"
    if not is_service_backend(ref):
        yield Problem(index, f"{place}.kind", "backend-kind-unknown", f"{ref.kind} '{ref.name}' is no Service: {fails}")
        return
    if ref.port is None:
        yield Problem(index, place, "backend-without-port", f"backend '{ref.name}' has no port: {fails}")
    for number, item in enumerate(ref.filters):
        if isinstance(item, UnsupportedFilter) and item.kind not in given.dialect.optional_filters:
            said = f"the mesh has no filter {item.kind} for backends: {fails}"
            yield Problem(index, f"{place}.filters[{number}].type", "filter-fails-backend", said)
    beside_route = given.dialect.backends_beside == "route"
    for parent in filter(is_service_parent, route.parent_refs):
        namespace = ref.namespace or (route.namespace if beside_route else parent.namespace)
        if ref.namespace is None and parent.namespace != route.namespace and not beside_route:
            said = (
                f"'{ref.name}' is looked for in {parent.namespace}, its status in {route.namespace}; write a namespace"
            )
            yield Problem(index, place, "consumer-backend-namespace", said)
        service = given.objects.services.get((namespace, ref.name))
        if service is None and given.knows("Service", namespace):
            said = f"there is no Service {namespace}/{ref.name}: {fails}"
            yield Problem(index, f"{place}.name", "backend-not-found", said)
        elif service is not None and ref.port is not None and service.port(ref.port) is None:
            becomes = fails if given.dialect.backend_ports_are_declared else "it is taken for a port of its pods"
            said = f"Service '{ref.name}' declares no port {ref.port}: {becomes}"
            yield Problem(index, f"{place}.port", "backend-port-unknown", said)


def _limits(given: Given, index: int, route: HTTPRoute) -> Iterator[Problem]:
    node = Node(given.documents[index])
    version = node.text("apiVersion").rpartition("/")[2]
    for rule in node.child("spec").items("rules"):
        place = f"{rule.path}.timeouts"
        if rule.has("timeouts"):
            yield from _timeouts(given, index, route.group, version, rule.child("timeouts"), place)
        if route.group == POLICY_GROUP and version in ("v1alpha1", "v1beta1"):
            for ref in rule.items("backendRefs"):
                for key in _DROPPED_FROM_BACKENDS:
                    if ref.has(key):
                        said = f"{version} has no {key} for backends and drops it; write v1beta2 or later"
                        yield Problem(index, f"{ref.path}.{key}", "field-dropped-by-version", said)


def _timeouts(given: Given, index: int, group: str, version: str, timeouts: Node, place: str) -> Iterator[Problem]:
    if group == POLICY_GROUP and version != "v1beta3":
        said = f"policy.linkerd.io/{version} has no timeouts and drops them; write v1beta3"
        yield Problem(index, place, "timeouts-not-read", said)
    elif group == GATEWAY_GROUP and not given.dialect.gateway_route_timeouts:
        said = f"{given.dialect.name} reads no timeouts of the gateway group; write policy.linkerd.io/v1beta3"
        yield Problem(index, place, "timeouts-not-read", said)
    elif timeouts.has("backendRequest") and not given.dialect.backend_request_timeout:
        said = (
            f"{given.dialect.name} accepts backendRequest and ignores it; request, or retry.linkerd.io/timeout, is read"
        )
        yield Problem(index, f"{place}.backendRequest", "backend-request-not-read", said)


def version_problems(given: Given) -> Iterator[Problem]:
    """Kinds, versions and fields that this mesh, or the written version, does not have."""
    for index, document in enumerate(given.documents):
        node = Node(document if isinstance(document, dict) else {})
        group, _, version = node.text("apiVersion").rpartition("/")
        kind = node.text("kind")
        if group == GATEWAY_GROUP and kind == "HTTPRoute" and version == "v1" and not _serves_gateway_v1(given):
            said = f"{given.dialect.name} ships {GATEWAY_GROUP}/v1beta1 only (§1.68)"
            yield Problem(index, "apiVersion", "version-not-shipped", said)
        if kind == "HTTPLocalRateLimitPolicy" and not given.dialect.rate_limits:
            said = f"{given.dialect.name} has no HTTPLocalRateLimitPolicy (§3.27)"
            yield Problem(index, "kind", "kind-unknown-to-mesh", said)
        if kind == "Server" and group == POLICY_GROUP:
            yield from _server_version(given, index, node.child("spec"), version)


def _server_version(given: Given, index: int, spec: Any, version: str) -> Iterator[Problem]:
    if version in ("v1beta2", "v1beta3") and not given.dialect.server_access_policies:
        said = f"{given.dialect.name} serves Server up to v1beta1"
        yield Problem(index, "apiVersion", "kind-unknown-to-mesh", said)
    elif spec.has("accessPolicy") and version != "v1beta3":
        said = f"{version} has no accessPolicy and drops it; write v1beta3"
        yield Problem(index, "spec.accessPolicy", "field-dropped-by-version", said)


def _serves_gateway_v1(given: Given) -> bool:
    """2.14 is the one that looks at no gateway routes in its webhook, and the one that ships no v1 (§1.68)."""
    return given.dialect.gateway_routes_are_reviewed or not given.dialect.policy_resources
