"""Manifests as `kubectl apply -f` takes them: any number of objects per file, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import Finding, InputError
from harness.scenario.words import ObjectName
from harness.scenario.yaml_source import Document, Location, ManifestLoader, Unreadable, parse_documents, read_text

_CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CustomResourceDefinition",
        "GatewayClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
_PATH_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a manifest.

    file   path as messages show it
    at     location of the object in its document; not () only for members of a List
    """

    obj: dict[str, Any]
    file: str
    document: Document
    at: Location = ()

    @property
    def kind(self) -> str:
        """The kind, such as Deployment."""
        return str(self.obj["kind"])

    @property
    def namespace(self) -> str:
        """The namespace that it goes into; "" for objects of the cluster."""
        return "" if self.kind in _CLUSTER_SCOPED else str(self.obj["metadata"].get("namespace") or "default")

    @property
    def name(self) -> ObjectName:
        """Namespace and name."""
        return ObjectName(self.namespace, str(self.obj["metadata"]["name"]))

    def line(self, path: str = "") -> int:
        """The line of a field, written like `spec.rules[0].backendRefs[1].port`, or of what is around it."""
        parts = (int(index) if index else key for index, key in _PATH_PART.findall(path))
        return self.document.line(*self.at, *parts)

    def __str__(self) -> str:
        return f"{self.kind} {self.obj['metadata']['name']}"


def load_manifests(path: Path, file: str = "") -> tuple[Manifest, ...]:
    """The objects of a file in order; raises InputError with all that is wrong with it."""
    manifests, findings = read_manifests(path, file or str(path))
    if findings:
        raise InputError(findings)
    return manifests


def read_manifests(path: Path, file: str) -> tuple[tuple[Manifest, ...], tuple[Finding, ...]]:
    """The usable objects of a file in order, and findings about the others; raises nothing."""
    try:
        documents = parse_documents(read_text(path), ManifestLoader)
    except Unreadable as error:
        return (), (Finding(file, error.line, error.sentence),)
    findings = [Finding(file, line, sentence) for document in documents for line, sentence in document.problems]
    manifests = []
    for candidate in _objects(documents, file):
        wrong = _wrong_with(candidate.obj)
        findings += [Finding(file, candidate.line(), sentence) for sentence in wrong]
        if not wrong:
            manifests.append(candidate)
    if not documents:
        findings.append(Finding(file, 0, "the manifest is empty"))
    return tuple(manifests), tuple(findings)


def _objects(documents: Iterable[Document], file: str) -> Iterator[Manifest]:
    for document in documents:
        data = document.data
        if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
            for index, item in enumerate(data["items"]):
                yield Manifest(item, file, document, ("items", index))
        else:
            yield Manifest(data, file, document)


def _wrong_with(obj: Any) -> list[str]:
    if not isinstance(obj, dict):
        return ["the document is no Kubernetes object"]
    metadata = obj.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str) and metadata["name"]
    missing = [key for key in ("apiVersion", "kind") if not isinstance(obj.get(key), str) or not obj[key]]
    if not named:
        missing.append("metadata.name")
    if missing:
        return [f"a Kubernetes object needs {' and '.join(missing)}"]
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    return [] if namespace is None or isinstance(namespace, str) else ["metadata.namespace is not text"]
