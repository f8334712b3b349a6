"""Types, enums, patterns, bounds and formats of an object, checked by jsonschema-rs and told in Kubernetes' words."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

import jsonschema_rs
import orjson

from harness.embedded.apiserver.errors import Cause

_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_BOUND_WORDS = ("Length", "Items", "Properties", "imum")
_WORDS = frozenset(
    (
        *(
            "type",
            "properties",
            "items",
            "additionalProperties",
            "required",
            "enum",
            "pattern",
            "format",
            "uniqueItems",
        ),
        *("allOf", "anyOf", "oneOf", "not", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "$ref", "$defs"),
        *(side + word for side in ("min", "max") for word in _BOUND_WORDS),
    )
)
"""What of a schema is for JSON Schema; the rest is for others, or unknown and means nothing."""
_CAUSES = 64
"""More findings than anybody reads; a hostile object can have millions."""


class Validator:
    """Checks objects against one JSON Schema; compiled on first use."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._compiled: Any = None

    def findings(self, obj: object) -> list[Cause]:
        """Everything wrong with `obj`, at most 64 causes; empty if it is valid."""
        if self._compiled is None:
            self._compiled = _compiled(self._schema)
        if self._compiled.is_valid(obj):
            return []
        causes = []
        for error in self._compiled.iter_errors(obj):
            causes.append(_cause(error))
            if len(causes) == _CAUSES:
                break
        return causes


def schema_error(structural: Any) -> str:
    """Why no object can be checked against a structural schema (an expression that is none, say); "" if one can."""
    try:
        _compiled(to_json_schema(structural))
    except ValueError as error:
        return str(error).partition("\n")[0]
    return ""


def _compiled(schema: Any) -> Any:
    return jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, formats=_FORMATS, ignore_unknown_formats=True
    )


def to_json_schema(schema: Any) -> Any:
    """A structural schema (OpenAPI v3 dialect of Kubernetes) as JSON Schema 2020-12."""
    if not isinstance(schema, Mapping):
        return schema
    out = {word: _convert(word, value) for word, value in schema.items() if word in _WORDS}
    _convert_exclusive_bounds(out)
    if schema.get("format") in _BOUNDS:
        out["minimum"], out["maximum"] = _narrower(schema, *_BOUNDS[schema["format"]])
    if schema.get("x-kubernetes-int-or-string"):
        out["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in out:
        out["type"] = [*([out["type"]] if isinstance(out["type"], str) else out["type"]), "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return out


def _convert(word: str, value: Any) -> Any:
    match word:
        case "properties" | "$defs":
            return {name: to_json_schema(child) for name, child in value.items()}
        case "items" | "additionalProperties" | "not":
            return to_json_schema(value)
        case "allOf" | "anyOf" | "oneOf":
            return [to_json_schema(child) for child in value]
    return value


def _convert_exclusive_bounds(out: dict[str, Any]) -> None:
    # OpenAPI v3.0 says {minimum: 0, exclusiveMinimum: true}; JSON Schema says {exclusiveMinimum: 0}.
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(flag := out.get(exclusive), bool):
            del out[exclusive]
            if flag and bound in out:
                out[exclusive] = out.pop(bound)


def _narrower(schema: Mapping[str, Any], lowest: int, highest: int) -> tuple[Any, Any]:
    return max(schema.get("minimum", lowest), lowest), min(schema.get("maximum", highest), highest)


def path_text(parts: Sequence[str | int]) -> str:
    """A field path as Kubernetes writes it: spec.rules[0].matches."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _cause(error: Any) -> Cause:
    path = path_text(list(error.instance_path))
    kind = error.kind.name
    facts = error.kind.as_dict()
    shown = _shown(error.instance)
    match kind:
        case "required":
            missing = facts["property"]
            return Cause("FieldValueRequired", "Required value", f"{path}.{missing}" if path else missing)
        case "enum" | "const":
            options = ", ".join(_shown(option) for option in facts.get("options", ()) if option is not None)
            return Cause("FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {options}", path)
        case "type":
            wanted = " or ".join(sorted(name for name in facts["types"] if name != "null"))
            said = f'{path} in body must be of type {wanted}: "{_type_name(error.instance)}"'
            return Cause("FieldValueTypeInvalid", f"Invalid value: {shown}: {said}", path)
        case "maxItems":
            said = f"Too many: {len(error.instance)}: must have at most {facts['limit']} items"
            return Cause("FieldValueTooMany", said, path)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {path} in body {_said(kind, facts, error)}", path)


def _said(kind: str, facts: Mapping[str, Any], error: Any) -> str:
    limit = facts.get("limit")
    words = {
        "pattern": f"should match '{facts.get('pattern')}'",
        "minLength": f"should be at least {limit} chars long",
        "maxLength": f"should be at most {limit} chars long",
        "minimum": f"should be greater than or equal to {limit}",
        "maximum": f"should be less than or equal to {limit}",
        "exclusiveMinimum": f"should be greater than {limit}",
        "exclusiveMaximum": f"should be less than {limit}",
        "minItems": f"should have at least {limit} items",
        "minProperties": f"should have at least {limit} properties",
        "maxProperties": f"should have at most {limit} properties",
        "format": f"must be of type {facts.get('format')}",
        "uniqueItems": "shouldn't contain duplicates",
        "oneOf": "must validate one and only one schema (oneOf)",
        "anyOf": "must validate at least one schema (anyOf)",
        "not": "must not validate the schema (not)",
    }
    return words.get(kind) or str(error.message)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return f'"{_type_name(value)}"'
    return orjson.dumps(value).decode()


def _type_name(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


def _is_base64(text: str) -> bool:
    try:
        b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_cidr(text: str) -> bool:
    """An address with the length of its network: 10.0.0.0/8."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


_FORMATS: dict[str, Callable[[str], bool]] = {"byte": _is_base64, "cidr": is_cidr}
