"""Matches of a rule as matches of the proxy (§1.38 to §1.46).

Two things cannot be said exactly. A `%` in a query that begins no valid escape is not recognised (§1.44). Characters
beyond ASCII take part in regular expressions only as «any other character».
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from harness.embedded.dataplane.compile.lines import one_line
from harness.embedded.dataplane.compile.names import Config
from harness.embedded.dataplane.compile.regex import query_pattern, translate
from harness.resources.matches import HeaderMatch, Match, PathMatch, QueryParamMatch, RpcMatch


class Tier(IntEnum):
    """How much of the request path an entry matches (§1.53)."""

    WHOLE = 0
    """All of it, whatever the type: such entries always come first."""
    PREFIX = 1
    """A prefix; longer ones come first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a static route table.

    length  of the prefix; 0 in tier WHOLE, where all lengths are equal
    """

    tier: Tier
    length: int
    match: Config


def entries(match: Match) -> list[Entry]:
    """The entries that stand for a match; none if no path can fit it. Raises RegexRefused."""
    conditions = _conditions(match)
    if match.rpc is not None:
        return [Entry(Tier.WHOLE, 0, {**_rpc_path(match.rpc), **conditions})]
    return [Entry(tier, length, {**path, **conditions}) for tier, length, path in _paths(match.path)]


def narrowed(match: Config, headers: list[Config]) -> Config:
    """A match that asks for these headers as well."""
    return {**match, "headers": [*match.get("headers", ()), *headers]} if headers else match


def _paths(path: PathMatch) -> list[tuple[Tier, int, Config]]:
    if path.type == "RegularExpression":
        return [(Tier.WHOLE, 0, {"safe_regex": {"regex": translate(path.value)}})]
    if not path.value.startswith("/") or any(char in path.value for char in "?#"):
        return []
    if path.type == "Exact":
        return [(Tier.WHOLE, 0, {"path": path.value})]
    return _prefix_paths(path.value)


def _rpc_path(rpc: RpcMatch) -> Config:
    """The path of a call is /service/method; what may follow is not looked at."""
    if rpc.service and rpc.method:
        return {"path_separated_prefix": f"/{rpc.service}/{rpc.method}"}
    if rpc.service:
        return {"prefix": f"/{rpc.service}/"}
    if rpc.method:
        return {"safe_regex": {"regex": f"/[^/]*/{re.escape(rpc.method)}(?:/.*)?"}}
    return {"prefix": "/"}


def _prefix_paths(prefix: str) -> list[tuple[Tier, int, Config]]:
    """A prefix that equals the path ties with exact and regular ones, so it stands in both tiers (§1.49, §1.53)."""
    if prefix == "/":
        return [(Tier.WHOLE, 0, {"path": "/"}), (Tier.PREFIX, 1, {"prefix": "/"})]
    trimmed = prefix.rstrip("/")  # §1.39; the proxy's own reading forgives trailing slashes of the request
    if not trimmed:
        return [(Tier.PREFIX, 0, {"prefix": "/"})]
    return [(Tier.WHOLE, 0, {"path": trimmed}), (Tier.PREFIX, len(trimmed), {"path_separated_prefix": trimmed})]


def _conditions(match: Match) -> Config:
    headers = [_header(header) for header in match.headers]
    headers += [_query_param(param) for param in match.query_params]
    if match.method is not None:
        headers.append({"name": ":method", "string_match": {"exact": match.method}})  # §1.45
    return {"headers": headers} if headers else {}


def _header(header: HeaderMatch) -> Config:
    if header.name.lower() != "host":
        return one_line(header)
    value = {"exact": header.value} if header.type == "Exact" else {"safe_regex": {"regex": translate(header.value)}}
    return {"name": ":authority", "string_match": value}


def _query_param(param: QueryParamMatch) -> Config:
    pattern = query_pattern(param.name, param.value, is_regex=param.type == "RegularExpression")
    return {"name": ":path", "string_match": {"safe_regex": {"regex": pattern}}}
