"""What a request path names: a kind, and in it a collection, an object or a subresource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from harness.embedded.apiserver.errors import no_such_resource
from harness.embedded.apiserver.kinds import Kind, Kinds


@dataclass(frozen=True, slots=True)
class Target:
    """The resource a path names.

    namespace    "" for cluster-scoped kinds and for collections over all namespaces
    name         "" for collections
    subresource  "" for the object itself
    rest         what follows the subresource, still percent-encoded; only proxies have it
    """

    kind: Kind
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @property
    def space(self) -> str | None:
        """The namespace to list, None for all (of a cluster-scoped kind: its only space)."""
        return self.namespace or None if self.kind.namespaced else ""


def parse_target(kinds: Kinds, segments: Sequence[str]) -> Target:
    """The target of /api/v1/… or /apis/{group}/{version}/…, given as raw path segments.

    raises  ApiError 404 if no such kind is served
    """
    prefix = 2 if segments[0] == "api" else 3
    group, version, rest = "" if prefix == 2 else segments[1], segments[prefix - 1], segments[prefix:]
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and not _is_namespace_subresource(rest):
        namespace, rest = unquote(rest[1]), rest[2:]
    kind = kinds.find(unquote(group), unquote(version), unquote(rest[0]))
    if kind is None or (namespace and not kind.namespaced):
        raise no_such_resource()
    name, subresource = (unquote(part) for part in (*rest[1:3], "", "")[:2])
    if kind.namespaced and name and not namespace:
        raise no_such_resource()
    proxied = subresource == "proxy"
    if subresource not in ("", *kind.subresources) or (len(rest) > 3 and not proxied):
        raise no_such_resource()
    return Target(kind, version, namespace, name, subresource, "/".join(rest[3:]))


def _is_namespace_subresource(rest: Sequence[str]) -> bool:
    return len(rest) == 3 and rest[2] in ("status", "finalize")
