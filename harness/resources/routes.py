"""HTTPRoutes as frozen data: policy.linkerd.io (all served versions) and gateway.networking.k8s.io.

Here are shapes and defaults only. Whether a match fits a request, which rule wins and where a backend leads is
said twice elsewhere on purpose: by the data plane and by the oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from harness.resources.document import Node, Problem, ResourceInvalid
from harness.resources.durations import DurationInvalid, parse_gateway_duration, parse_policy_duration
from harness.resources.filters import (
    Filter,
    Header,
    PathRewrite,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UnsupportedFilter,
    parse_filters,
)
from harness.resources.matches import HeaderMatch, Match, PathMatch, QueryParamMatch, parse_matches

__all__ = [
    "GATEWAY_GROUP",
    "POLICY_GROUP",
    "BackendRef",
    "Filter",
    "HTTPRoute",
    "Header",
    "HeaderMatch",
    "Match",
    "ParentRef",
    "PathMatch",
    "PathRewrite",
    "Problem",
    "QueryParamMatch",
    "RequestHeaderModifier",
    "RequestRedirect",
    "ResourceInvalid",
    "ResponseHeaderModifier",
    "RouteKey",
    "Rule",
    "Timeouts",
    "UnsupportedFilter",
    "has_timeouts",
    "parse_http_route",
]

POLICY_GROUP: Final = "policy.linkerd.io"
GATEWAY_GROUP: Final = "gateway.networking.k8s.io"
SERVED_VERSIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {POLICY_GROUP: ("v1alpha1", "v1beta1", "v1beta2", "v1beta3"), GATEWAY_GROUP: ("v1beta1", "v1")}
)
"""Versions by group, the stored one last (§1.67, §1.68)."""

_OLD_BACKEND_SHAPE: Final = ("v1alpha1", "v1beta1")

RouteKey = tuple[str, str, str, str]
"""(group, kind, namespace, name): what tells routes apart when both groups are pooled (§1.14)."""


@dataclass(frozen=True, slots=True)
class ParentRef:
    """What a route attaches to, after the CRD's defaults (§1.2).

    group           as written; see `parents` for what counts as a Service
    namespace       the route's own if none is written
    port            a Service port number, or None for all ports (§1.3)
    """

    group: str
    kind: str
    namespace: str
    name: str
    section_name: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class BackendRef:
    """Where a rule sends requests.

    namespace   None if not written: the data plane then takes the parent's, the status controller the route's (§1.12)
    port        None if not written, which only the gateway group's admission refuses (§1.25)
    weight      any sum; default 1 (§1.30)
    """

    name: str
    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    port: int | None = None
    weight: int = 1
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of a rule; 0, absent and (gateway group) unreadable are all None (§2.4)."""

    request: timedelta | None = None
    backend_request: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Matches (OR, never empty, §1.22), filters, and backends (none written means the parent itself, §1.20)."""

    matches: tuple[Match, ...] = (Match(),)
    filters: tuple[Filter, ...] = ()
    backend_refs: tuple[BackendRef, ...] = ()
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class HTTPRoute:
    """One HTTPRoute of either group, or a GRPCRoute, which differs in its matches alone.

    creation_timestamp  RFC 3339 to the second, sorts as text; "" if the object was never stored
    generation          0 if the object was never stored
    rules               empty only if `rules: []` was written: such a route answers every request 404 (§1.21)
    status              the raw status, as stored; no part of equality. Read it through `conditions`
    """

    group: str
    namespace: str
    name: str
    parent_refs: tuple[ParentRef, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = (Rule(),)
    creation_timestamp: str = ""
    generation: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    status: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    kind: str = "HTTPRoute"

    @property
    def key(self) -> RouteKey:
        """What tells this route apart from all others (§1.14)."""
        return (self.group, self.kind, self.namespace, self.name)


def parse_http_route(obj: object) -> HTTPRoute:
    """Read an HTTPRoute of either group and any served version, stored or straight from a manifest.

    Fills in what the API server would have (§1.2, §1.21, §1.22, §1.41) and drops what the written version's schema
    does not know (§1.67). A namespace that is absent stays "" and is also the parents'.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    group, version = _group_version(node)
    metadata = node.child("metadata")
    namespace = metadata.text("namespace")
    spec = node.child("spec")
    route = HTTPRoute(
        group=group,
        namespace=namespace,
        name=metadata.text("name", required=True),
        parent_refs=tuple(parse_parent(item, group, namespace) for item in spec.items("parentRefs")),
        hostnames=spec.texts("hostnames"),
        rules=_parse_rules(spec, group, version),
        creation_timestamp=metadata.text("creationTimestamp"),
        generation=metadata.integer("generation", low=0, high=2**63 - 1) or 0,
        annotations=metadata.child("annotations").text_map(),
        status=node.child("status").value,
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return route


def has_timeouts(group: str, version: str) -> bool:
    """True if the schema of that version knows `timeouts`; elsewhere they are dropped silently (§1.67)."""
    return group == GATEWAY_GROUP or (group, version) == (POLICY_GROUP, "v1beta3")


def _group_version(node: Node) -> tuple[str, str]:
    if not isinstance(node.value, dict):
        node.report("an HTTPRoute is an object")
        return "", ""
    node.choice("kind", ("HTTPRoute",), "HTTPRoute", required=True)
    api_version = node.text("apiVersion", required=True)
    group, _, version = api_version.rpartition("/")
    if api_version and version not in SERVED_VERSIONS.get(group, ()):
        known = ", ".join(f"{name}/{served}" for name, versions in SERVED_VERSIONS.items() for served in versions)
        node.report(f"'{api_version}' has no HTTPRoute; known are {known}", "apiVersion")
    return group, version


def parse_parent(node: Node, group: str, namespace: str) -> ParentRef:
    """One parentRef of a route of that group and namespace."""
    return ParentRef(
        group=node.text("group", group),  # §1.2: each CRD defaults to its own group, so a bare Service is none
        kind=node.text("kind", "Gateway"),
        namespace=node.text("namespace") or namespace,
        name=node.text("name", required=True),
        section_name=node.text("sectionName") or None,
        port=node.integer("port", low=1, high=65535),
    )


def _parse_rules(spec: Node, group: str, version: str) -> tuple[Rule, ...]:
    if not spec.has("rules"):
        return (Rule(),)  # §1.21
    return tuple(_parse_rule(node, group, version) for node in spec.items("rules"))


def _parse_rule(node: Node, group: str, version: str) -> Rule:
    with_timeouts = has_timeouts(group, version)
    return Rule(
        matches=parse_matches(node),
        filters=parse_filters(node),
        backend_refs=tuple(parse_backend(item, group, version) for item in node.items("backendRefs")),
        timeouts=_parse_timeouts(node.child("timeouts"), group) if with_timeouts else Timeouts(),
    )


def parse_backend(node: Node, group: str, version: str) -> BackendRef:
    """One backendRef as that version of the group's routes has it."""
    name, namespace = node.text("name", required=True), node.text("namespace") or None
    port = node.integer("port", low=1, high=65535)
    filters = parse_filters(node)
    if group == POLICY_GROUP and version in _OLD_BACKEND_SHAPE:
        # §1.67: these schemas know no group, kind or weight, so the API server drops them.
        return BackendRef(name, namespace=namespace or "default", port=port, filters=filters)
    weight = node.integer("weight", low=0, high=1_000_000)
    return BackendRef(
        name=name,
        group=node.text("group"),
        kind=node.text("kind", "Service"),
        namespace=namespace,
        port=port,
        weight=1 if weight is None else weight,
        filters=filters,
    )


def _parse_timeouts(node: Node, group: str) -> Timeouts:
    read = _gateway_timeout if group == GATEWAY_GROUP else _policy_timeout
    return Timeouts(read(node, "request"), read(node, "backendRequest"))


def _policy_timeout(node: Node, key: str) -> timedelta | None:
    try:
        # The controller drops a sign; admission is what refuses negative ones.
        return abs(parse_policy_duration(node.text(key, "0"))) or None
    except DurationInvalid as invalid:
        node.report(str(invalid), key)
        return None


def _gateway_timeout(node: Node, key: str) -> timedelta | None:
    try:
        return parse_gateway_duration(node.text(key, "0s")) or None
    except DurationInvalid:
        return None  # §2.4: silently ignored; admission warns about it
