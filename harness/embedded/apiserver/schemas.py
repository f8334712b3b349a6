"""The schema of every served version: compiled walk and validator, built when first needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.embedded.apiserver import definitions
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.schema import Node, compile_node
from harness.embedded.apiserver.validation import Validator, to_json_schema


@dataclass(frozen=True, slots=True)
class KindSchema:
    """What one version of a kind looks like: `node` for walks and patches, `validator` for the rest."""

    node: Node
    validator: Validator


class Schemas:
    """The schemas of all kinds, by kind key and version."""

    def __init__(self) -> None:
        self._structural: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._printed: dict[tuple[str, str], Sequence[Mapping[str, Any]]] = {}
        self._built: dict[tuple[str, str], KindSchema] = {}

    def register(
        self,
        kind: Kind,
        version: str,
        structural: Mapping[str, Any],
        printed: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Use this structural schema, and these printer columns, for one version of a custom kind from now on."""
        self._structural[kind.key, version] = structural
        self._printed[kind.key, version] = printed
        self._built.pop((kind.key, version), None)

    def structural(self, kind: Kind, version: str) -> Mapping[str, Any]:
        """What `register` was given; nothing for a built-in kind."""
        return self._structural.get((kind.key, version), {})

    def printed(self, kind: Kind, version: str) -> Sequence[Mapping[str, Any]]:
        """The additionalPrinterColumns of one version of a custom kind."""
        return self._printed.get((kind.key, version), ())

    def of(self, kind: Kind, version: str) -> KindSchema:
        """The schema of one served version."""
        found = self._built.get((kind.key, version))
        if found is None:
            found = self._built[kind.key, version] = self._build(kind, version)
        return found

    def _build(self, kind: Kind, version: str) -> KindSchema:
        if not kind.custom:
            return KindSchema(definitions.kind_node(kind), Validator(definitions.kind_json_schema(kind)))
        structural = self._structural[kind.key, version]
        node = compile_node(structural)
        node.properties |= {"apiVersion": Node(), "kind": Node(), "metadata": definitions.metadata_node()}
        return KindSchema(node, Validator(_with_metadata(to_json_schema(structural))))


def _with_metadata(schema: dict[str, Any]) -> dict[str, Any]:
    metadata = definitions.metadata_json_schema()
    own = schema.get("properties", {}).get("metadata", {})
    properties = {**schema.get("properties", {}), "metadata": {"$ref": metadata["$ref"], "allOf": [own]}}
    return {**schema, "properties": properties, "$defs": metadata["$defs"]}
