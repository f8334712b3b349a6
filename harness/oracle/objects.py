"""Everything that manifests, or a cluster, say about the mesh: read once, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from harness.dialect import Dialect
from harness.oracle.outcome import Key
from harness.oracle.workloads import WORKLOAD_KINDS, Workload, is_owned, parse_workload
from harness.resources.admission import review
from harness.resources.authorizations import AuthorizationPolicy, MeshTLSAuthentication, NetworkAuthentication
from harness.resources.document import Node, ResourceInvalid
from harness.resources.gateway_rules import gateway_rule_problems
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.grpc_routes import unforeseen
from harness.resources.policy_objects import PARSERS
from harness.resources.policy_set import InstallSettings
from harness.resources.rate_limits import HTTPLocalRateLimitPolicy
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP, HTTPRoute
from harness.resources.server_authorizations import ServerAuthorization
from harness.resources.servers import Server
from harness.resources.service_profiles import PROFILE_GROUP, ServiceProfile, parse_service_profile
from harness.resources.services import Service, parse_service

_NOT_LOOKED_AT: Final = ("TLSRoute", "TCPRoute", "EgressNetwork")
_MESH_GROUPS: Final = (POLICY_GROUP, GATEWAY_GROUP)
_RULE_FILTERS: Final = ("RequestHeaderModifier", "RequestRedirect")

T = TypeVar("T")
_Id = tuple[str, str, str, str]
"""Group, kind, namespace, name."""


@dataclass(frozen=True, slots=True)
class Unread:
    """An object that plays no part, and why: it cannot be read, is refused, or is of a kind that is not looked at.

    index   its place among the objects given
    """

    index: int
    kind: str
    namespace: str
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class Objects:
    """What takes part in deciding about requests, in the dialect that is in force.

    What the objects of a manifest do not say, such as when they were created, is left open: the oracle then goes by
    names alone (§1.51).
    """

    dialect: Dialect
    settings: InstallSettings = field(default_factory=InstallSettings)
    services: Mapping[Key, Service] = field(default_factory=dict)
    workloads: tuple[Workload, ...] = ()
    routes: tuple[HTTPRoute, ...] = ()
    servers: tuple[Server, ...] = ()
    authorization_policies: tuple[AuthorizationPolicy, ...] = ()
    mesh_tls_authentications: Mapping[Key, MeshTLSAuthentication] = field(default_factory=dict)
    network_authentications: Mapping[Key, NetworkAuthentication] = field(default_factory=dict)
    server_authorizations: tuple[ServerAuthorization, ...] = ()
    rate_limits: tuple[HTTPLocalRateLimitPolicy, ...] = ()
    service_profiles: Mapping[Key, ServiceProfile] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    @classmethod
    def read(cls, documents: Iterable[Any], dialect: Dialect, settings: InstallSettings | None = None) -> Objects:
        """The objects of these documents, as if applied in this order: of two with one name the later counts.

        Whatever cannot be used is in `unread`; nothing raises.
        """
        reading = _Reading(dialect)
        for index, document in enumerate(documents):
            reading.add(index, document)
        return reading.result(settings or InstallSettings())

    def workload(self, key: Key) -> Workload | None:
        """The workload of that namespace and name."""
        return next((one for one in self.workloads if one.key == key), None)


class _Reading:
    """Documents on their way in."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.documents: dict[_Id, tuple[int, Any]] = {}
        self.unread: list[Unread] = []

    def add(self, index: int, document: Any) -> None:
        node = Node(document)
        if not isinstance(document, dict):
            self._refuse(index, ("", "", "", ""), "it is no object")
            return
        metadata = node.child("metadata")
        group = node.text("apiVersion").rpartition("/")[0]
        namespace = metadata.text("namespace") or "default"
        place = (group, node.text("kind"), namespace, metadata.text("name"))
        if node.problems or not (node.text("apiVersion") and place[1] and place[3]):
            self._refuse(index, place, "a Kubernetes object needs apiVersion, kind and metadata.name")
            return
        self.documents.pop(place, None)
        self.documents[place] = (index, _in_namespace(document, namespace))

    def result(self, settings: InstallSettings) -> Objects:
        namespaces = {
            place[3]: _annotations(obj) for place, (_, obj) in self.documents.items() if place[1] == "Namespace"
        }
        found = [one for place, entry in self.documents.items() for one in self._read(place, *entry, namespaces)]
        policy = [one for one in found if not isinstance(one, Workload | Service)]
        return Objects(
            dialect=self.dialect,
            settings=settings,
            services=_by_key(_of(found, Service)),
            workloads=tuple(_of(found, Workload)),
            routes=tuple(_of(policy, HTTPRoute)),
            servers=tuple(_of(policy, Server)),
            authorization_policies=tuple(_of(policy, AuthorizationPolicy)),
            mesh_tls_authentications=_by_key(_of(policy, MeshTLSAuthentication)),
            network_authentications=_by_key(_of(policy, NetworkAuthentication)),
            server_authorizations=tuple(_of(policy, ServerAuthorization)),
            rate_limits=tuple(_of(policy, HTTPLocalRateLimitPolicy)),
            service_profiles=_by_key(_of(policy, ServiceProfile)),
            unread=tuple(sorted(self.unread, key=lambda one: one.index)),
        )

    def _read(self, place: _Id, index: int, obj: Any, namespaces: Mapping[str, Mapping[str, str]]) -> list[Any]:
        group, kind, namespace, _ = place
        if kind == "Service" and group == "":
            return self._try(index, place, lambda: parse_service(obj))
        if kind in WORKLOAD_KINDS and group in ("", "apps", "batch"):
            inherited = namespaces.get(namespace, {})
            read = lambda: parse_workload(obj, namespace, inherited, self.dialect)  # noqa: E731
            return [] if is_owned(obj) else self._try(index, place, read)
        if group in (POLICY_GROUP, PROFILE_GROUP) and not self.dialect.policy_resources:
            self._refuse(index, place, f"the Gateway API knows no {group}")
        elif (group, kind) == (PROFILE_GROUP, "ServiceProfile"):
            return self._try(index, place, lambda: parse_service_profile(obj))
        elif kind in _NOT_LOOKED_AT or (kind == GRPC_ROUTE and not self.dialect.grpc_routes):
            who = self.dialect.version if kind == GRPC_ROUTE and self.dialect.policy_resources else "the oracle"
            self._refuse(index, place, f"{who} does not look at {kind}s")
        elif group in _MESH_GROUPS:
            return self._policy(index, place, obj)
        return []

    def _policy(self, index: int, place: _Id, obj: Any) -> list[Any]:
        if place[1] not in PARSERS:
            self._refuse(index, place, f"'{place[1]}' is no kind of {place[0]} that the oracle knows")
            return []
        read = self._try(index, place, lambda: PARSERS[place[1]](obj))
        denials = (*_schema_denials(place, obj), *review(obj, self.dialect).denials) if read else ()
        for denial in denials:
            self._refuse(index, place, f"admission refuses it: {denial}")
        if not denials and (unknown := next(filter(None, map(unforeseen, _of(read, HTTPRoute))), "")):
            self._refuse(index, place, unknown)
            return []
        return [] if denials else read

    def _try(self, index: int, place: _Id, read: Callable[[], T]) -> list[T]:
        try:
            return [read()]
        except ResourceInvalid as invalid:
            for problem in invalid.problems:
                self._refuse(index, place, str(problem))
            return []

    def _refuse(self, index: int, place: _Id, problem: str) -> None:
        self.unread.append(Unread(index, place[1], place[2], place[3], problem))


def _schema_denials(place: _Id, obj: Any) -> Iterator[str]:
    """What the API server itself refuses, before any webhook."""
    if place[1] not in ("HTTPRoute", GRPC_ROUTE):
        return
    if place[0] == GATEWAY_GROUP:
        yield from map(str, gateway_rule_problems(obj))
    else:
        for rule in Node(obj).child("spec").items("rules"):  # §1.55
            for item in rule.items("filters"):
                if item.text("type") not in _RULE_FILTERS:
                    yield f"{item.path}.type: '{item.text('type')}' is not one of {', '.join(_RULE_FILTERS)}"


def _in_namespace(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def _annotations(obj: Any) -> Mapping[str, str]:
    return Node(obj).child("metadata").child("annotations").text_map()


def _of(found: Iterable[Any], kind: type[T]) -> Iterator[T]:
    return (one for one in found if isinstance(one, kind))


def _by_key(found: Iterable[T]) -> dict[Key, T]:
    return {(one.namespace, one.name): one for one in found}  # type: ignore[attr-defined]
