"""HTTPRoute specs on both sides of every limit of the schemas, for tests of our own and for comparison."""

from __future__ import annotations

from typing import Any

from harness.tests.resources.documents import Obj, backend, books_parent, filtering, matching


def _rules(*rules: Obj) -> Obj:
    return {"rules": list(rules)}


def _header(name: str = "x", value: str = "1", **more: Any) -> Obj:
    return _rules(matching(headers=[{"name": name, "value": value, **more}]))


def _redirect(**redirect: Any) -> Obj:
    return _rules(filtering("RequestRedirect", **redirect))


def _backend(**written: Any) -> Obj:
    return _rules({"backendRefs": [backend(**written)]})


def _parent(**written: Any) -> Obj:
    return {"parentRefs": [{"name": "books", **written}]}


VALID: dict[str, Obj] = {
    "nothing": {},
    "null rules": {"rules": None},
    "bare parent 1.2": _parent(),
    "core Service": {"parentRefs": [books_parent(port=7002)]},
    "empty group": _parent(group="", kind="Service"),
    "sixteen hostnames": {"hostnames": [f"h{index}.example" for index in range(16)]},
    "wildcard hostname": {"hostnames": ["*.example.com"]},
    "32 parents": {"parentRefs": [{"name": f"p{index}"} for index in range(32)]},
    "16 rules": _rules(*[{}] * 16),
    "8 matches": _rules({"matches": [{}] * 8}),
    "empty matches": _rules({"matches": []}),
    "path without type 1.41": _rules(matching(path={"value": "/authors.json"})),
    "path of 1024": _rules(matching(path={"value": "/" + "a" * 1023})),
    "relative path": _rules(matching(path={"value": "a"})),
    "header value of 4096": _header(value="v" * 4096),
    "regex header": _header(type="RegularExpression"),
    "all methods": _rules(*[matching(method=word) for word in ("GET", "HEAD", "CONNECT", "TRACE", "PATCH")]),
    "weights": _rules({"backendRefs": [backend(weight=0), backend("b", weight=1_000_000)]}),
    "portless backend": _rules({"backendRefs": [backend("books", None)]}),
    "foreign backend": _backend(group="multicluster.x-k8s.io", kind="ServiceImport", namespace="shop"),
    "16 backends": _rules({"backendRefs": [backend(f"b{index}") for index in range(16)]}),
    "request headers": _rules(filtering("RequestHeaderModifier", add=[{"name": "a", "value": "1"}], remove=["b"])),
    "backend response headers": _backend(filters=filtering("ResponseHeaderModifier", set=[])["filters"]),
    "redirect 301": _redirect(scheme="https", hostname="a.b", port=443, statusCode=301),
    "redirect path": _redirect(path={"type": "ReplaceFullPath", "replaceFullPath": "/x"}),
    "redirect without code": _redirect(),
    "unknown fields 1.67": {"colour": "red", "rules": [{"retries": 3, "timeouts": {"idle": "1s"}}]},
    "timeouts": _rules({"timeouts": {"request": "600ms", "backendRequest": "1h"}}),
    "zero timeouts": _rules({"timeouts": {"request": "0s"}}),
    "old namespace": _rules({"backendRefs": [{"name": "books", "port": 7002}]}),
}

INVALID: dict[str, Obj] = {
    "parentRefs no list": {"parentRefs": {}},
    "33 parents": {"parentRefs": [{"name": f"p{index}"} for index in range(33)]},
    "parent without name": {"parentRefs": [{"kind": "Service"}]},
    "parent with empty name": _parent() | {"parentRefs": [{"name": ""}]},
    "parent with null": {"parentRefs": [None]},
    "parent group in capitals": _parent(group="Core"),
    "parent kind with space": _parent(kind="My Service"),
    "parent namespace with dot": _parent(namespace="a.b"),
    "section name in capitals": _parent(sectionName="Main"),
    "parent port as text": _parent(port="7002"),
    "17 hostnames": {"hostnames": [f"h{index}.example" for index in range(17)]},
    "hostname in capitals": {"hostnames": ["Books.example"]},
    "hostname with port": {"hostnames": ["books:7002"]},
    "lone star": {"hostnames": ["*"]},
    "empty hostname": {"hostnames": [""]},
    "17 rules": _rules(*[{}] * 17),
    "rule as text": {"rules": ["/"]},
    "path type": _rules(matching(path={"type": "Glob", "value": "/*"})),
    "path of 1025": _rules(matching(path={"value": "/" + "a" * 1024})),
    "path as text": _rules(matching(path="/")),
    "17 headers": _rules(matching(headers=[{"name": f"h{index}", "value": "1"} for index in range(17)])),
    "header twice": _rules(matching(headers=[{"name": "a", "value": "1"}, {"name": "a", "value": "2"}])),
    "header name with space": _header("a b"),
    "header name with colon": _header("a:"),
    "header name of 257": _header("n" * 257),
    "empty header value": _header(value=""),
    "header value of 4097": _header(value="v" * 4097),
    "header without value": _rules(matching(headers=[{"name": "a"}])),
    "header type": _header(type="Prefix"),
    "param twice": _rules(matching(queryParams=[{"name": "q", "value": "1"}] * 2)),
    "param value of 1025": _rules(matching(queryParams=[{"name": "q", "value": "v" * 1025}])),
    "method in small letters": _rules(matching(method="get")),
    "unknown method": _rules(matching(method="PURGE")),
    "filter type": _rules({"filters": [{"type": "FaultInjection"}]}),
    "filter without type": _rules({"filters": [{"requestRedirect": {}}]}),
    "17 filters": _rules({"filters": filtering("RequestRedirect")["filters"] * 17}),
    "17 added headers": _rules(
        filtering("RequestHeaderModifier", add=[{"name": f"h{index}", "value": "1"} for index in range(17)])
    ),
    "added header twice": _rules(filtering("RequestHeaderModifier", add=[{"name": "a", "value": "1"}] * 2)),
    "redirect 200": _redirect(statusCode=200),
    "redirect scheme": _redirect(scheme="ftp"),
    "redirect hostname with star": _redirect(hostname="*.a"),
    "redirect port 0": _redirect(port=0),
    "redirect path without type": _redirect(path={"replaceFullPath": "/x"}),
    "redirect path of 1025": _redirect(path={"type": "ReplaceFullPath", "replaceFullPath": "/" + "a" * 1024}),
    "timeout as number": _rules({"timeouts": {"request": 5}}),
}
"""Some of these are valid in the versions that do not know the field."""

INVALID_SINCE_V1BETA2: dict[str, Obj] = {
    "parent port 0": _parent(port=0),
    "parent port 65536": _parent(port=65536),
    "weight -1": _backend(weight=-1),
    "weight 1000001": _backend(weight=1_000_001),
    "backend without name": _rules({"backendRefs": [{"port": 7002}]}),
    "backend port 0": _backend(port=0),
    "backend kind empty": _backend(kind=""),
    "17 backends": _rules({"backendRefs": [backend(f"b{index}") for index in range(17)]}),
}

POLICY_ONLY_INVALID: dict[str, Obj] = {
    "9 matches": _rules({"matches": [{}] * 9}),
    "redirect 308": _redirect(statusCode=308),
    "rule response headers 1.55": _rules(filtering("ResponseHeaderModifier", set=[])),
    "rule mirror": _rules(filtering("RequestMirror", backendRef=backend())),
    "backend rewrite": _backend(filters=[{"type": "URLRewrite"}]),
}

GATEWAY_ONLY_INVALID: dict[str, Obj] = {
    "no rules 1.21": {"rules": []},
    "65 matches": _rules({"matches": [{}] * 65}),
    "param name with space": _rules(matching(queryParams=[{"name": "a b", "value": "1"}])),
    "removed twice": _rules(filtering("RequestHeaderModifier", remove=["a", "a"])),
    "rule name in capitals": _rules({"name": "Main"}),
    "long duration": _rules({"timeouts": {"request": "123456s"}}),
    "fraction of a second": _rules({"timeouts": {"request": "1.5s"}}),
    "mirror without backend": _rules(filtering("RequestMirror", percent=5)),
    "mirror percent 101": _rules(filtering("RequestMirror", backendRef=backend(), percent=101)),
    "extension without kind": _rules(
        {"filters": [{"type": "ExtensionRef", "extensionRef": {"group": "", "name": "x"}}]}
    ),
    "cors origin": _rules({"filters": [{"type": "CORS", "cors": {"allowOrigins": ["example.com"]}}]}),
    "cors method": _rules({"filters": [{"type": "CORS", "cors": {"allowMethods": ["get"]}}]}),
}

ALL = {**VALID, **INVALID, **INVALID_SINCE_V1BETA2, **POLICY_ONLY_INVALID, **GATEWAY_ONLY_INVALID}
