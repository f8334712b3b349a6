"""Objects that are nearly right: valid ones of any kind with a few places spoilt, and requests that carry them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson

from harness.embedded.apiserver.api import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Api
from harness.embedded.apiserver.definitions import METADATA, definition_name, published
from harness.embedded.apiserver.httpd import Request
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, clone
from harness.tests.apiserver.support import WIDGET_CRD

_SPOILT: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**60, 1.5, 1e308, "", "x", "a" * 300, "\0", "é", [], {}, [[]], [{}], [None], {"": ""}),
    *({"a": None}, {"name": {}}, [1, "1"], "None", "%00", "a/b/c", "2020-01-01T00:00:00Z", "(", "#/x"),
)
_TEXTS = ("a", "b", "80", "10%", "TCP", "Always", "web")
_POINTERS = ("", "/", "/spec", "/metadata", "/metadata/labels", "/spec/x/0", "/data/-", "/metadata/managedFields")
_NAMES = ("a", "b")
_STREAMING = ("log", "exec", "attach", "portforward", "proxy")
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_REF = "#/$defs/"
_DEEP = 6


class Fuzzer:
    """Makes requests from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def request(self, api: Api) -> Request:
        """Any verb on an object, a collection or a subresource of any kind."""
        kind = self._random.choice(list(api.kinds))
        version = self._random.choice(kind.served)
        place = f"/namespaces/{'default'}" if kind.namespaced else ""
        root = f"{'/apis' if kind.group else '/api'}/{kind.api_version(version)}{place}/{kind.plural}"
        body: Any = self._object(api, kind)
        method, path, query, content = self._random.choice(("POST", "GET", "PUT", "PATCH", "DELETE")), root, "", ""
        if method != "POST":
            path += self._random.choice(("", "/a", "/a", "/b", "/b"))
        if (method in ("PUT", "PATCH", "POST") and path != root) or self._random.random() < 0.05:
            path += self._random.choice(("", "", *(f"/{s}" for s in kind.subresources if s not in _STREAMING)))
        if method == "PATCH":
            content = self._random.choice((APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH))
            query = f"fieldManager={self._random.choice(_NAMES)}&force={self._random.choice('01')}"
            body |= {"apiVersion": kind.api_version(version), "kind": kind.kind}
            body = self._operations() if content == JSON_PATCH else body
        if method == "GET":
            query = self._random.choice(("", "watch=1&resourceVersion=1", "watch=1", "limit=1"))
        if method == "DELETE":
            options = {"propagationPolicy": "Orphan", "preconditions": {"uid": "x"}, "gracePeriodSeconds": 1}
            body = self._random.choice(({}, self.spoil(options, 1)))
        accept = self._random.choice(("application/json", _TABLE))
        headers = {"content-type": content or "application/json", "accept": accept}
        return Request(method, path, path, query, headers, orjson.dumps(body), "fuzzer")

    def widgets(self) -> Iterator[Request]:
        """A definition with a spoilt schema, and the life of objects under it."""
        definition = clone(WIDGET_CRD)
        version = definition["spec"]["versions"][0]
        version["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = [{"rule": "self.spec.size > 0"}]
        version["additionalPrinterColumns"] = [{"name": "x", "type": "string", "jsonPath": ".spec.size"}]
        self.spoil(version if self._random.random() < 0.8 else definition["spec"]["versions"], 1)
        definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        objects = "/apis/example.com/v1/namespaces/default/widgets"
        yield _request("POST", definitions, definition)
        for _ in range(3):
            parts = [{"name": "x"}, {"name": "y"}]
            spec = {"color": "red", "parts": parts, "free": {"a": 1}, "weight": "2", "note": None}
            body: Obj = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec}
            self.spoil(body["spec"], self._random.choice((0, 0, 1, 2)))
            yield _request("POST", objects, body)
            yield _request("PATCH", f"{objects}/a", body, APPLY_PATCH, "fieldManager=x&force=1")
        yield _request("GET", objects, {}, accept=_TABLE)
        yield _request("GET", "/openapi/v3/apis/example.com/v1", {})
        yield _request("PATCH", f"{objects}/a/scale", {"spec": {"replicas": 3}}, MERGE_PATCH)
        yield _request("DELETE", f"{definitions}/widgets.example.com", {})

    def spoil(self, value: Any, times: int) -> Any:
        """Put something else in `times` places, or nothing."""
        for _ in range(times):
            place = value
            while place:
                key = (
                    self._random.choice(list(place)) if isinstance(place, dict) else self._random.randrange(len(place))
                )
                if isinstance(place[key], dict | list) and place[key] and self._random.random() < 0.8:
                    place = place[key]
                    continue
                place[key] = orjson.loads(orjson.dumps(self._random.choice(_SPOILT)))
                break
        return value

    def _object(self, api: Api, kind: Kind) -> Obj:
        name = definition_name(kind.group, kind.version, kind.kind)
        schema = {"$ref": _REF + name} if name else api.schemas.structural(kind, kind.version)
        made: Obj = self._sample(schema, 0)
        kept = {field: value for field, value in made.items() if field not in ("apiVersion", "kind")}
        metadata = self._sample({"$ref": _REF + METADATA}, 0) if self._random.random() < 0.4 else {}
        made = {**kept, "metadata": {**metadata, "namespace": "default", "name": self._random.choice(_NAMES)}}
        if not kind.namespaced:
            del made["metadata"]["namespace"]
        self.spoil(made, self._random.choice((0, 0, 1, 2, 4)))
        return made

    def _sample(self, schema: Any, depth: int) -> Any:
        schema = published().get(str(schema.get("$ref")).removeprefix(_REF), schema)
        types = schema.get("type", "object")
        kind = types if isinstance(types, str) else next(name for name in types if name != "null")
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        match kind:
            case "object":
                return self._sample_object(schema, depth)
            case "array":
                items = schema.get("items") or {}
                return [self._sample(items, depth + 1) for _ in range(self._random.choice((0, 1, 1, 2)))]
            case "integer" | "number":
                return self._random.choice((0, 1, 8080))
            case "boolean":
                return self._random.random() < 0.5
        return self._random.choice(_TEXTS)

    def _sample_object(self, schema: Any, depth: int) -> Obj:
        wanted = schema.get("required") or ()
        odds = 0.35 if depth < _DEEP - 2 else 0.15 if depth < _DEEP else 0.0
        fields = (schema.get("properties") or {}).items() if depth <= _DEEP else ()
        made = {n: self._sample(c, depth + 1) for n, c in fields if n in wanted or self._random.random() < odds}
        values = schema.get("additionalProperties")
        return made | ({"k": self._sample(values, depth + 1)} if isinstance(values, dict) and depth < _DEEP else {})

    def _operations(self) -> list[Obj]:
        choose = self._random.choice
        words = ("add", "remove", "replace", "test", "copy", "move", "x")
        return [
            {"op": choose(words), "path": choose(_POINTERS), "value": choose(_SPOILT), "from": choose(_POINTERS)}
            for _ in range(2)
        ]


def _request(
    method: str, path: str, body: Any, content: str = "application/json", query: str = "", accept: str = ""
) -> Request:
    return Request(method, path, path, query, {"content-type": content, "accept": accept}, orjson.dumps(body), "fuzzer")
