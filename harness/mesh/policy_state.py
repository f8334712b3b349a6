"""Inbound policy as the API holds it now, and as it was before a step: what holds for which port of which pod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.dialect import Dialect
from harness.kube.client import Kube, KubeError
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.changes import Change
from harness.mesh.metrics import DEPLOYMENT_LABEL, PROXY_CONTAINER, MeshedPod, is_meshed
from harness.resources.document import ResourceInvalid
from harness.resources.inbound import InboundPolicy
from harness.resources.pods import PodFacts, parse_pod
from harness.resources.policy_objects import PolicyObject, parse_policy_object
from harness.resources.policy_set import PolicySet
from harness.resources.servers import Server

_POLICY: Final = "policy.linkerd.io"
_KINDS: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = (
    ("Server", _POLICY, ("v1beta3", "v1beta2", "v1beta1")),
    ("HTTPRoute", _POLICY, ("v1beta3",)),
    ("HTTPRoute", "gateway.networking.k8s.io", ("v1", "v1beta1")),
    ("GRPCRoute", "gateway.networking.k8s.io", ("v1",)),
    ("AuthorizationPolicy", _POLICY, ("v1alpha1",)),
    ("MeshTLSAuthentication", _POLICY, ("v1alpha1",)),
    ("NetworkAuthentication", _POLICY, ("v1alpha1",)),
    ("ServerAuthorization", _POLICY, ("v1beta1",)),
    ("HTTPLocalRateLimitPolicy", _POLICY, ("v1alpha1",)),
)
"""Newest version first: an older one is read without the fields it lacks (§1.69)."""

Key = tuple[str, str, str | None, str]


@dataclass(frozen=True, slots=True)
class MeshedServer:
    """A running pod with a proxy.

    labels     what Services select it by
    numbers    declared ports of its applications
    """

    pod: MeshedPod
    ip: str
    facts: PodFacts
    labels: Mapping[str, str]
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a pod whose policy a step has changed."""

    server: MeshedServer
    port: int
    old: InboundPolicy
    new: InboundPolicy

    @property
    def key(self) -> tuple[str, int]:
        """Tells it from all others, also from the same port of a pod that comes later by the same name."""
        return (self.server.pod.uid, self.port)

    def __str__(self) -> str:
        return f"{self.server.pod.name}:{self.port}"


def changed_places(kube: Kube, dialect: Dialect, changes: Iterable[Change]) -> list[Place]:
    """Every port of a running meshed pod for which the changes make a difference, in a fixed order."""
    now = _objects(kube)
    past = dict(now)
    for change in changes:
        past.pop(_key(change.newest), None)
        if change.before is not None:
            past[_key(change.before)] = change.before
    old, new = _policy_set(past.values(), dialect), _policy_set(now.values(), dialect)
    found = []
    for server in _servers(kube, dialect, {namespace for _, _, namespace, _ in (*past, *now) if namespace}):
        for port in sorted(_ports(server, (*old.servers, *new.servers))):
            was, is_now = old.inbound_policy(server.facts, port), new.inbound_policy(server.facts, port)
            if was != is_now:
                found.append(Place(server, port, was, is_now))
    return found


def _ports(server: MeshedServer, selecting: Iterable[Server]) -> set[int]:
    """Declared ports, and those that Servers select by number."""
    written = {one.port for one in selecting if isinstance(one.port, int) and one.selects(server.facts, one.port)}
    return written | server.numbers


def _policy_set(objects: Iterable[JsonObject], dialect: Dialect) -> PolicySet:
    return PolicySet.of(_readable(objects), dialect)


def _readable(objects: Iterable[JsonObject]) -> Iterator[PolicyObject]:
    """What cannot be read is not in force for the mesh either (§1.15)."""
    for obj in objects:
        try:
            yield parse_policy_object(obj)
        except ResourceInvalid:
            continue


def _objects(kube: Kube) -> dict[Key, JsonObject]:
    found = {}
    for kind, group, versions in _KINDS:
        for obj in _newest(kube, kind, [f"{group}/{version}" for version in versions]):
            found[_key(obj)] = obj
    return found


def _newest(kube: Kube, kind: str, api_versions: Iterable[str]) -> list[JsonObject]:
    """All objects of a kind in the newest version that is served; none if the cluster does not know it."""
    for api_version in api_versions:
        try:
            return [{"apiVersion": api_version, "kind": kind, **obj} for obj in kube.objects(api_version, kind)]
        except KubeError as error:
            if error.status != 404:
                raise
    return []


def _key(obj: JsonObject) -> Key:
    ref = ObjectRef.of(obj)
    return (ref.group, ref.kind, ref.namespace, ref.name)


def _servers(kube: Kube, dialect: Dialect, namespaces: Iterable[str]) -> Iterator[MeshedServer]:
    for namespace in sorted(namespaces):
        for obj in kube.objects("v1", "Pod", namespace):
            ip = (obj.get("status") or {}).get("podIP")
            running = (obj.get("status") or {}).get("phase") == "Running" and not obj["metadata"].get(
                "deletionTimestamp"
            )
            if ip and running and is_meshed(obj):
                yield _server(obj, ip, parse_pod(obj, dialect))


def _server(obj: JsonObject, ip: str, facts: PodFacts) -> MeshedServer:
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    pod = MeshedPod(metadata["namespace"], metadata["name"], metadata["uid"], labels.get(DEPLOYMENT_LABEL, ""))
    return MeshedServer(pod, ip, facts, labels, frozenset(_declared(obj["spec"])))


def _declared(spec: Mapping[str, Any]) -> Iterator[int]:
    for container in spec["containers"]:
        if container["name"] != PROXY_CONTAINER:
            yield from (port["containerPort"] for port in container.get("ports") or ())
