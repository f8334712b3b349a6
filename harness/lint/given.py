"""The documents under inspection, parsed once, with the place of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from harness.dialect import Dialect
from harness.oracle import Objects
from harness.oracle.outcome import Key
from harness.resources.authorizations import AuthorizationPolicy
from harness.resources.document import Node, ResourceInvalid
from harness.resources.policy_objects import PARSERS
from harness.resources.routes import HTTPRoute
from harness.resources.servers import Server
from harness.resources.services import Service, parse_service

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """What lint rules look at.

    documents   raw, in the order given
    parsed      what of them could be read, by index
    objects     the same as the mesh would use it: refused objects are not among these
    """

    documents: Sequence[Any]
    dialect: Dialect
    parsed: dict[int, Any]
    objects: Objects

    @classmethod
    def of(cls, documents: Sequence[Any], dialect: Dialect) -> Given:
        """Read everything; nothing raises."""
        parsed = {index: found for index, one in enumerate(documents) if (found := _parse(one)) is not None}
        return cls(documents, dialect, parsed, Objects.read(documents, dialect))

    def all(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """The parsed objects of a class with their index."""
        return ((index, one) for index, one in self.parsed.items() if isinstance(one, kind))

    @property
    def routes(self) -> Iterator[tuple[int, HTTPRoute]]:
        return self.all(HTTPRoute)

    @property
    def servers(self) -> Iterator[tuple[int, Server]]:
        return self.all(Server)

    @property
    def policies(self) -> Iterator[tuple[int, AuthorizationPolicy]]:
        return self.all(AuthorizationPolicy)

    @property
    def services(self) -> Iterator[tuple[int, Service]]:
        return self.all(Service)

    def knows(self, kind: str, namespace: str) -> bool:
        """True if the documents have any object of this kind in the namespace: then a missing one is worth telling."""
        return any(place == (kind, namespace) for place in map(_kind_and_namespace, self.documents))

    def has(self, kind: str, key: Key) -> bool:
        """True if there is a document of this kind, namespace and name."""
        names = (Node(one).child("metadata").text("name") for one in self._of(kind, key[0]))
        return any(name == key[1] for name in names)

    def _of(self, kind: str, namespace: str) -> Iterator[Any]:
        return (one for one in self.documents if _kind_and_namespace(one) == (kind, namespace))


def _kind_and_namespace(document: Any) -> tuple[str, str]:
    node = Node(document if isinstance(document, dict) else {})
    return node.text("kind"), node.child("metadata").text("namespace") or "default"


def _parse(document: Any) -> Any:
    node = Node(document if isinstance(document, dict) else {})
    kind, group = node.text("kind"), node.text("apiVersion").rpartition("/")[0]
    try:
        if kind == "Service" and not group:
            return _homed(parse_service(document))
        return _homed(PARSERS[kind](document)) if kind in PARSERS else None
    except ResourceInvalid:
        return None


def _homed(one: Any) -> Any:
    """Without a namespace an object goes into `default`, and so do its parents."""
    if one.namespace:
        return one
    if isinstance(one, HTTPRoute):
        parents = tuple(replace(ref, namespace=ref.namespace or "default") for ref in one.parent_refs)
        return replace(one, namespace="default", parent_refs=parents)
    return replace(one, namespace="default")
