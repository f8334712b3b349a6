"""Protobuf request bodies, which typed Go clients send since client-go 0.32 and do not take back on a 415.

Only field numbers are not in the published schemas; `protobuf_fields.json` has them, for each definition a line of
`number=field`. `?` marks a field that JSON leaves out when it is empty, `@` a definition whose fields are the parent's.
What a field is (text, number, message, map …) the schema says.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from harness.embedded.apiserver.definitions import definition, definition_name
from harness.embedded.apiserver.errors import bad_request
from harness.embedded.apiserver.objects import Obj

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_REF = "#/$defs/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_DEPTH = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Wire = int | bytes


def decode_protobuf(body: bytes) -> Obj:
    """The object in a body; ApiError 400 if it is none or of a kind that no client writes this way."""
    try:
        return _decode(body)
    except (IndexError, KeyError, struct.error, UnicodeDecodeError, ValueError, OverflowError, TypeError) as error:
        raise bad_request(f"the body is not protobuf of a known kind: {type(error).__name__} {error}") from None


def _decode(body: bytes) -> Obj:
    if not body.startswith(_MAGIC):
        raise ValueError("it does not begin with k8s")
    envelope = dict(_fields(body[len(_MAGIC) :]))
    typed = {number: _text(value) for number, value in _fields(_bytes(envelope[1]))}
    api_version, kind = typed.get(1, ""), typed.get(2, "")
    group, _, version = api_version.rpartition("/")
    name = _META + kind if kind == "DeleteOptions" else definition_name(group, version, kind)
    if name is None:
        raise ValueError(f"no schema of {kind} in {api_version}")
    return {"apiVersion": api_version, "kind": kind, **_message(name, _bytes(envelope.get(2, b"")), _DEPTH)}


@cache
def _table() -> Mapping[str, str]:
    table: dict[str, str] = orjson.loads(Path(__file__).with_name("protobuf_fields.json").read_bytes())
    return table


@cache
def _numbers(name: str) -> Mapping[int, str]:
    line = _table()[name.removeprefix("io.k8s.api.").removeprefix("io.k8s.apimachinery.pkg.apis.")]
    return {int(number): field for number, _, field in (part.partition("=") for part in line.split())}


def _message(name: str, data: bytes, depth: int, schema: Mapping[str, Any] | None = None) -> Obj:
    """A message by its definition; an inlined one takes its properties from the definition it is part of."""
    if not depth:
        raise ValueError("nested too deeply")
    numbers = _numbers(name)
    properties = schema if schema is not None else definition(name).get("properties", {})
    found: Obj = {}
    for number, wire in _fields(data):
        field = numbers.get(number, "")
        if field.startswith("@"):
            found |= _message("io.k8s.api." + field[1:], _bytes(wire), depth - 1, properties)
            continue
        plain = field.removesuffix("?")
        if plain not in properties:
            continue
        _take(found, plain, properties[plain], wire, depth)
        if field.endswith("?") and found[plain] in ("", 0, False, {}, None):
            del found[plain]
    return {field: value for field, value in found.items() if value is not None}


def _take(found: Obj, field: str, schema: Mapping[str, Any], wire: Wire, depth: int) -> None:
    if schema.get("type") == "array":
        found.setdefault(field, []).append(_value(schema["items"], wire, depth))
    elif isinstance(schema.get("additionalProperties"), Mapping):
        entry = dict(_fields(_bytes(wire)))
        value = entry.get(2, b"")
        found.setdefault(field, {})[_text(entry.get(1, b""))] = _value(schema["additionalProperties"], value, depth)
    else:
        found[field] = _value(schema, wire, depth)


def _value(schema: Mapping[str, Any], wire: Wire, depth: int) -> Any:
    if "$ref" in schema:
        return _referred(schema["$ref"].removeprefix(_REF), _bytes(wire), depth)
    match schema.get("type"):
        case "string" if schema.get("format") == "byte":
            return b64encode(_bytes(wire)).decode()
        case "string":
            return _text(wire)
        case "integer":
            return _signed(_int(wire))
        case "boolean":
            return bool(_int(wire))
        case "number":
            return struct.unpack("<d", _bytes(wire))[0]
        case "array":  # a list inside a map comes as a message whose only field is repeated
            return [_value(schema["items"], item, depth) for _, item in _fields(_bytes(wire))]
    raise ValueError(f"a field of type {schema.get('type')}")


def _referred(name: str, data: bytes, depth: int) -> Any:
    match name.rpartition(".")[2]:
        case "Quantity":
            return next((_text(value) for number, value in _fields(data) if number == 1), "0")
        case "IntOrString":
            parts = dict(_fields(data))
            return _text(parts.get(3, b"")) if parts.get(1) else _signed(_int(parts.get(2, 0)))
        case "Time" | "MicroTime" as kind:
            return _time(dict(_fields(data)), micro=kind == "MicroTime")
        case "FieldsV1" | "RawExtension":
            raw = next((_bytes(value) for number, value in _fields(data) if number == 1), b"")
            return orjson.loads(raw) if raw else None
    return _message(name, data, depth - 1)


def _time(parts: Mapping[int, Wire], *, micro: bool) -> str | None:
    if not parts:
        return None
    nanoseconds = _int(parts.get(2, 0))
    moment = _EPOCH + timedelta(seconds=_signed(_int(parts.get(1, 0))), microseconds=nanoseconds // 1000)
    if moment.year <= 1:  # Go's zero time
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        match tag & 7:
            case 0:
                value, place = _varint(data, place)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, place = _varint(data, place)
            case 5:
                size = 4
            case kind:
                raise ValueError(f"wire type {kind}")
        if place + size > len(data):
            raise ValueError("it ends too early")
        yield tag >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
    raise ValueError("a number of more than 64 bits")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _bytes(wire: Wire) -> bytes:
    if isinstance(wire, int):
        raise TypeError("a number where bytes belong")
    return wire


def _int(wire: Wire) -> int:
    if isinstance(wire, bytes):
        raise TypeError("bytes where a number belongs")
    return wire


def _text(wire: Wire) -> str:
    return _bytes(wire).decode()
