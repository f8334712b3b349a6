"""Names of Kubernetes objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """Which object: enough to find it through the API.

    namespace  None for cluster-scoped objects
    """

    api_version: str
    kind: str
    namespace: str | None
    name: str

    @classmethod
    def of(cls, obj: JsonObject) -> Self:
        """The reference of an object or manifest."""
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"])

    @property
    def group(self) -> str:
        """API group, "" for the core group."""
        return self.api_version.rpartition("/")[0]

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind}/{self.name}{place}"


def workload(kind: str, name: str) -> ObjectRef:
    """The reference behind `namespace/name` of a Deployment as scenarios write it."""
    namespace, _, bare = name.partition("/")
    return ObjectRef("apps/v1", kind, namespace, bare)
