"""What a step changed that a proxy must learn of, and who can be asked whether it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.metrics import MeshedPod

ROUTE_KINDS: Final = frozenset({"HTTPRoute", "GRPCRoute"})
POLICY_KINDS: Final = frozenset(
    {
        "Server",
        "AuthorizationPolicy",
        "MeshTLSAuthentication",
        "NetworkAuthentication",
        "ServerAuthorization",
        "HTTPLocalRateLimitPolicy",
    }
)
_MESH_GROUPS: Final = frozenset({"policy.linkerd.io", "gateway.networking.k8s.io"})


@dataclass(frozen=True, slots=True)
class Change:
    """A route or policy that a step created, changed or deleted.

    before, after  as stored; None where it did not exist
    """

    ref: ObjectRef
    before: JsonObject | None
    after: JsonObject | None

    @property
    def is_deleted(self) -> bool:
        return self.after is None

    @property
    def generation(self) -> int:
        return int((self.after or {}).get("metadata", {}).get("generation", 0))

    @property
    def newest(self) -> JsonObject:
        """The object, or what it was before it was deleted."""
        found = self.after or self.before
        assert found is not None, "a change of nothing is none"
        return found


@dataclass(frozen=True, slots=True)
class Witness:
    """A harmless request of the step, and the pod that sends it.

    meshed  False for a sender without a proxy: it has no identity, and no route holds for what it sends
    send    sends the request so many times, to its own URL or to another
    headers what it sends, beside what every client does
    """

    pod: MeshedPod
    meshed: bool
    method: str
    url: str
    send: Callable[[str, int], None]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def destination(self) -> tuple[str, str, int]:
        """Namespace, name and port of the Service that its URL means."""
        parts = urlsplit(self.url)
        name, _, rest = (parts.hostname or "").partition(".")
        return rest.split(".")[0] or self.pod.namespace, name, parts.port or 80

    @property
    def path(self) -> str:
        """Path and query as sent."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class NotYet(Exception):
    """A change is not in force; says what was seen instead."""


def is_route(manifest: JsonObject) -> bool:
    """Whether a manifest is a route of the mesh."""
    return _group(manifest) in _MESH_GROUPS and manifest["kind"] in ROUTE_KINDS


def is_provable(manifest: JsonObject) -> bool:
    """Whether a manifest is a route or a policy, whose change settling proves."""
    return _group(manifest) in _MESH_GROUPS and manifest["kind"] in ROUTE_KINDS | POLICY_KINDS


def _group(manifest: JsonObject) -> str:
    return str(manifest["apiVersion"]).partition("/")[0]
