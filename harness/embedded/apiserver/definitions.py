"""The published schemas of the built-in kinds, read from the data that the kubernetes-validate package ships.

Only the definitions that a served kind reaches are compiled, when that kind is first written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from harness.embedded.apiserver.builtin_rules import DERIVED, REQUIRED, RULES
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.schema import ANYTHING, IDENTITY, Node, compile_node
from harness.embedded.apiserver.validation import to_json_schema

KUBERNETES = "v1.32.0"
"""The release whose kinds and whose version number this cluster shows."""
GIT_VERSION = f"{KUBERNETES}+signalbox"
"""What server and node call themselves."""

_PREFIX = "#/$defs/"
METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SCALARS: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    # Go's zero-padded RFC 3339 with any number of fraction digits
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {"type": "string", "format": "date-time"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": {"type": "string", "format": "date-time"},
}
_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_SCHEMA = _EXTENSIONS + "JSONSchemaProps"
# The published definitions leave open what a schema of schemas may hold in these places.
_SCALARS |= {
    _EXTENSIONS + "JSON": {},
    _SCHEMA + "OrStringArray": {},
    _SCHEMA + "OrArray": {"$ref": _PREFIX + _SCHEMA},
    _SCHEMA + "OrBool": {"anyOf": [{"type": "boolean"}, {"$ref": _PREFIX + _SCHEMA}]},
}


@cache
def published() -> Mapping[str, Any]:
    """All definitions as published, by their full names; JSON Schema with Kubernetes' own words."""
    # Importing the package costs 0.3 s (jsonschema, importlib_resources); only its data is wanted.
    spec = find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package kubernetes-validate is not installed: pip install 'signalbox[embedded]'")
    folder = Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema" / f"{KUBERNETES}-local"
    definitions: Mapping[str, Any] = orjson.loads((folder / "_definitions.json").read_bytes())["$defs"]
    return definitions


@cache
def _names() -> Mapping[tuple[str, str, str], str]:
    return {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, definition in published().items()
        for gvk in definition.get("x-kubernetes-group-version-kind") or ()
    }


def definition_name(group: str, version: str, kind: str) -> str | None:
    """The full name of a built-in kind's definition, None if there is none."""
    return _names().get((group, version, kind))


@cache
def definition(name: str) -> dict[str, Any]:
    """A definition by its full name as a structural schema, our rules (defaults, bounds) merged in."""
    if name in _SCALARS:
        return _SCALARS[name]
    schema: dict[str, Any] = _structural(published()[name])
    if not schema.keys() & {"properties", "additionalProperties"}:
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    short = name.removeprefix("io.k8s.api.")
    for field, rule in RULES.get(short, {}).items():
        schema["properties"][field] = {**schema["properties"][field], **rule}
    if short in REQUIRED:
        schema["required"] = [*schema.get("required", ()), *REQUIRED[short]]
    return schema


@cache
def node(name: str) -> Node:
    """The compiled node of a definition, shared by all kinds that reach it."""
    if name.startswith(_SCHEMA):  # recursive; the code of CustomResourceDefinitions reads it itself
        return ANYTHING
    compiled = compile_node(definition(name), lambda ref: node(ref.removeprefix(_PREFIX)))
    compiled.derive = DERIVED.get(name.removeprefix("io.k8s.api."))
    return compiled


def metadata_node() -> Node:
    """The node of metadata, the same for built-in and custom kinds."""
    return node(METADATA)


def kind_node(kind: Kind) -> Node:
    """The node of a built-in kind."""
    return node(_names()[kind.group, kind.version, kind.kind])


def kind_json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a built-in kind with the definitions it reaches."""
    root = _names()[kind.group, kind.version, kind.kind]
    reached: dict[str, Any] = {}
    _collect(root, reached)
    return {"$ref": _PREFIX + root, "$defs": reached}


def metadata_json_schema() -> dict[str, Any]:
    """The JSON Schema of metadata with the definitions it reaches."""
    reached: dict[str, Any] = {}
    _collect(METADATA, reached)
    return {"$ref": _PREFIX + METADATA, "$defs": reached}


def _collect(name: str, reached: dict[str, Any]) -> None:
    if name in reached:
        return
    schema = definition(name)
    reached[name] = to_json_schema(schema)
    for ref in _references(schema):
        _collect(ref, reached)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [ref for item in schema for ref in _references(item)]
    if not isinstance(schema, Mapping):
        return []
    ref = schema.get("$ref")
    own = [ref.removeprefix(_PREFIX)] if isinstance(ref, str) else []
    return own + [found for child in schema.values() for found in _references(child)]


def _structural(schema: Any) -> Any:
    """The published JSON Schema without descriptions and without `null` as a type (nulls are dropped instead)."""
    if isinstance(schema, list):
        return [_structural(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    out: dict[str, Any] = {}
    for word, value in schema.items():
        if word in ("properties", "$defs"):
            out[word] = {name: _structural(child) for name, child in value.items()}
        elif word == "type":
            out[word] = value if isinstance(value, str) else next(name for name in value if name != "null")
        elif word == "x-kubernetes-list-type":
            # Not every list-map refuses duplicates; `RULES` names those that do.
            if value in ("map", "set"):
                out[IDENTITY] = schema.get("x-kubernetes-list-map-keys") or []
        elif word not in ("description", "x-kubernetes-list-map-keys"):
            out[word] = _structural(value)
    return out
