"""What a rule or a backend does to a request or its response (§1.54 to §1.57). Data only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from harness.resources.document import Node

RewriteType: TypeAlias = Literal["ReplaceFullPath", "ReplacePrefixMatch"]


@dataclass(frozen=True, slots=True)
class Header:
    """A header to write, as written in the manifest."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RequestHeaderModifier:
    """Changes request headers: adds, then sets, then removes (§1.56)."""

    add: tuple[Header, ...] = ()
    set: tuple[Header, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseHeaderModifier:
    """Changes response headers: adds, then sets, then removes (§1.56)."""

    add: tuple[Header, ...] = ()
    set: tuple[Header, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """What a redirect does to the path."""

    type: RewriteType
    value: str


@dataclass(frozen=True, slots=True)
class RequestRedirect:
    """Answers with a Location instead of forwarding (§1.57); None leaves that part of the URL as it is."""

    scheme: str | None = None
    hostname: str | None = None
    path: PathRewrite | None = None
    port: int | None = None
    status_code: int = 302


@dataclass(frozen=True, slots=True)
class UnsupportedFilter:
    """A filter that the schema admits and the mesh cannot do: URLRewrite, RequestMirror, ExtensionRef, … (§1.54).

    kind    the filter's `type`
    detail  all of it as written, which tells it from others of its kind
    """

    kind: str
    detail: str = ""


Filter: TypeAlias = RequestHeaderModifier | ResponseHeaderModifier | RequestRedirect | UnsupportedFilter


def parse_filters(owner: Node) -> tuple[Filter, ...]:
    """The filters of a rule or a backendRef in their order."""
    return tuple(_parse_filter(node) for node in owner.items("filters"))


def _parse_filter(node: Node) -> Filter:
    kind = node.text("type", required=True)
    if kind not in _READERS:
        return UnsupportedFilter(kind, json.dumps(node.value, sort_keys=True, default=str))
    key, read = _READERS[kind]
    if not node.has(key):
        node.report(f"is required by type {kind}", key)
    return read(node.child(key))


def _parse_request_headers(node: Node) -> Filter:
    return RequestHeaderModifier(_headers(node, "add"), _headers(node, "set"), node.texts("remove"))


def _parse_response_headers(node: Node) -> Filter:
    return ResponseHeaderModifier(_headers(node, "add"), _headers(node, "set"), node.texts("remove"))


def _headers(node: Node, key: str) -> tuple[Header, ...]:
    return tuple(Header(item.text("name", required=True), item.text("value")) for item in node.items(key))


def _parse_redirect(node: Node) -> Filter:
    return RequestRedirect(
        scheme=node.text("scheme") or None,
        hostname=node.text("hostname") or None,
        path=_parse_rewrite(node.child("path")) if node.has("path") else None,
        port=node.integer("port", low=1, high=65535),
        status_code=node.integer("statusCode", low=100, high=999) or 302,
    )


def _parse_rewrite(node: Node) -> PathRewrite:
    kind = cast(RewriteType, node.choice("type", get_args(RewriteType), "ReplaceFullPath"))
    key = "replaceFullPath" if kind == "ReplaceFullPath" else "replacePrefixMatch"
    return PathRewrite(kind, node.text(key, required=True))


_READERS: Mapping[str, tuple[str, Callable[[Node], Filter]]] = {
    "RequestHeaderModifier": ("requestHeaderModifier", _parse_request_headers),
    "ResponseHeaderModifier": ("responseHeaderModifier", _parse_response_headers),
    "RequestRedirect": ("requestRedirect", _parse_redirect),
}
