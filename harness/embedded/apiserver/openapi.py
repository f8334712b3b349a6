"""OpenAPI v3 of what is served: kubectl validates, explains and computes client-side patches by it.

One document for each group and version. A path with a PATCH operation and its parameters is how kubectl learns that
the server validates fields itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import orjson

from harness.embedded.apiserver.definitions import KUBERNETES, METADATA, definition_name, published
from harness.embedded.apiserver.errors import no_such_resource
from harness.embedded.apiserver.httpd import Response
from harness.embedded.apiserver.kinds import Kind, Kinds
from harness.embedded.apiserver.messages import json_answer
from harness.embedded.apiserver.objects import Obj
from harness.embedded.apiserver.schemas import Schemas

_DEFS, _COMPONENTS = "#/$defs/", "#/components/schemas/"
_NOTHING = Response(b"\x0a\x032.0", content_type="application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
"""A document of OpenAPI v2 with its version and nothing else, as protobuf."""
_PATCHES = ("apply-patch+yaml", "json-patch+json", "merge-patch+json", "strategic-merge-patch+json")


def openapi_answer(kinds: Kinds, schemas: Schemas, segments: list[str]) -> Response:
    """GET /openapi/v3 or /openapi/v3/{api/v1, apis/GROUP/VERSION}, given as the segments after /openapi.

    What v3 does not describe kubectl looks for in v2, and without one it gets no further than that there is none.

    raises  ApiError 404
    """
    match segments:
        case ["v3"]:
            return json_answer({"paths": {path: _link(path, kinds, schemas) for path in _paths(kinds)}})
        case ["v2"]:
            return _NOTHING
        case ["v3", *rest] if (path := "/".join(rest)) in _paths(kinds):
            return json_answer(_document(_paths(kinds)[path], schemas))
    raise no_such_resource()


def _paths(kinds: Kinds) -> dict[str, list[tuple[Kind, str]]]:
    """The kinds of each document by its path below /openapi/v3."""
    found: dict[str, list[tuple[Kind, str]]] = {}
    for kind in kinds:
        for version in kind.served:
            prefix = "apis/" if kind.group else "api/"
            found.setdefault(prefix + kind.api_version(version), []).append((kind, version))
    return found


def _link(path: str, kinds: Kinds, schemas: Schemas) -> Obj:
    # Clients keep a document as long as its hash stays.
    content = [KUBERNETES, *((kind.key, schemas.structural(kind, version)) for kind, version in _paths(kinds)[path])]
    return {"serverRelativeURL": f"/openapi/v3/{path}?hash={sha256(orjson.dumps(content)).hexdigest()[:32]}"}


def _document(served: Iterable[tuple[Kind, str]], schemas: Schemas) -> Obj:
    components: Obj = {}
    paths: Obj = {}
    for kind, version in served:
        name = definition_name(kind.group, version, kind.kind) if not kind.custom else None
        if name is None:
            name = ".".join([*reversed(kind.group.split(".")), version, kind.kind])
            components[name] = _custom(kind, version, schemas.structural(kind, version))
            _collect(METADATA, components)
        else:
            _collect(name, components)
        paths |= _operations(kind, version, name)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES},
        "paths": paths,
        "components": {"schemas": components},
    }


def _custom(kind: Kind, version: str, structural: Mapping[str, Any]) -> Obj:
    typed = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"$ref": _COMPONENTS + METADATA}}
    return {
        **structural,
        "properties": {**(structural.get("properties") or {}), **typed},
        "x-kubernetes-group-version-kind": [_named(kind, version)],
    }


def _named(kind: Kind, version: str) -> Obj:
    return {"group": kind.group, "version": version, "kind": kind.kind}


def _collect(name: str, components: Obj) -> None:
    if name in components:
        return
    schema = components[name] = _plain(published()[name])
    for reached in _references(schema):
        _collect(reached, components)


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        if isinstance(ref := schema.get("$ref"), str):
            yield ref.removeprefix(_COMPONENTS)
        for child in schema.values():
            yield from _references(child)


def _plain(schema: Any) -> Any:
    """A published JSON Schema in OpenAPI's words: one type, and components instead of definitions."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    out: Obj = {}
    for word, value in schema.items():
        if word in ("properties", "$defs"):
            out[word] = {name: _plain(child) for name, child in value.items()}
        elif word == "$ref" and isinstance(value, str):
            out[word] = value.replace(_DEFS, _COMPONENTS)
        elif word == "type" and isinstance(value, list):
            out[word] = next(name for name in value if name != "null")
        else:
            out[word] = _plain(value)
    return out


def _operations(kind: Kind, version: str, schema: str) -> Obj:
    root = f"/apis/{kind.api_version(version)}" if kind.group else f"/api/{version}"
    place = f"{root}/namespaces/{{namespace}}" if kind.namespaced else root
    body = {"content": {"application/json": {"schema": {"$ref": _COMPONENTS + schema}}}}
    formats = _PATCHES[:-1] if kind.custom else _PATCHES  # kubectl apply takes strategic merge wherever it is offered
    patch = {f"application/{name}": {"schema": {"type": "object"}} for name in formats}
    options = [_option(name, "string") for name in ("dryRun", "fieldManager", "fieldValidation")]

    def operation(action: str, **more: Any) -> Obj:
        answer = {"200": {"description": "OK", **body}}
        return {
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _named(kind, version),
            "responses": answer,
            **more,
        }

    create = operation("post", parameters=options, requestBody=body)
    if not kind.stored:
        return {f"{place}/{kind.plural}": {"post": create}}
    change = operation("patch", parameters=[*options, _option("force", "boolean")], requestBody={"content": patch})
    replace = operation("put", parameters=options, requestBody=body)
    return {
        f"{place}/{kind.plural}": {"get": operation("list"), "post": create},
        f"{place}/{kind.plural}/{{name}}": {
            "get": operation("get"),
            "put": replace,
            "delete": operation("delete", parameters=options[:1]),
            "patch": change,
        },
    }


def _option(name: str, kind: str) -> Obj:
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}
