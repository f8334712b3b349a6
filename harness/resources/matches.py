"""What a rule asks of a request: path, headers, query parameters, method (§1.38 to §1.46). Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from harness.resources.document import Node

PathType: TypeAlias = Literal["Exact", "PathPrefix", "RegularExpression"]
ValueType: TypeAlias = Literal["Exact", "RegularExpression"]


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A pattern for the raw request path; the default is every path (§1.22, §1.41)."""

    type: PathType = "PathPrefix"
    value: str = "/"


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A pattern for the values of one request header; `name` is as written, compared without case (§1.43)."""

    name: str
    value: str
    type: ValueType = "Exact"


@dataclass(frozen=True, slots=True)
class QueryParamMatch:
    """A pattern for the decoded values of one query parameter; the name is case-sensitive (§1.44)."""

    name: str
    value: str
    type: ValueType = "Exact"


@dataclass(frozen=True, slots=True)
class RpcMatch:
    """What a GRPCRoute asks of the path `/service/method`; "" is any."""

    service: str = ""
    method: str = ""
    type: ValueType = "Exact"


@dataclass(frozen=True, slots=True)
class Match:
    """Everything here must hold of a request (AND); the matches of a rule are alternatives (OR, §1.46).

    method  exact token; None asks for nothing (§1.45)
    rpc     of GRPCRoutes, which all have it, in place of the path; None for HTTPRoutes
    """

    path: PathMatch = PathMatch()
    headers: tuple[HeaderMatch, ...] = ()
    query_params: tuple[QueryParamMatch, ...] = ()
    method: str | None = None
    rpc: RpcMatch | None = None


def parse_matches(rule: Node) -> tuple[Match, ...]:
    """The matches of a rule, never empty: none written and an empty list both mean prefix `/` (§1.22)."""
    return tuple(parse_match(node) for node in rule.items("matches")) or (Match(),)


def parse_match(node: Node) -> Match:
    """One match with the defaults of the CRDs filled in (§1.22, §1.41)."""
    path = node.child("path")
    path_type = cast(PathType, path.choice("type", get_args(PathType), "PathPrefix"))
    return Match(
        path=PathMatch(path_type, path.text("value", "/")),
        headers=parse_headers(node),
        query_params=tuple(QueryParamMatch(*_named_value(item)) for item in node.items("queryParams")),
        method=node.text("method") or None,
    )


def parse_headers(match: Node) -> tuple[HeaderMatch, ...]:
    """The header matches of a match."""
    return tuple(HeaderMatch(*_named_value(item)) for item in match.items("headers"))


def _named_value(node: Node) -> tuple[str, str, ValueType]:
    value_type = cast(ValueType, node.choice("type", get_args(ValueType), "Exact"))
    return node.text("name", required=True), node.text("value", required=True), value_type
