"""How the proxy reads a route table, as its documentation says: first virtual host by authority, then first match."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Config = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A request as it reaches the proxy; `target` is path and query."""

    authority: str
    target: str = "/"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


def find_route(table: Config, asked: Asked) -> Config | None:
    """The route that answers, None if no virtual host or no route does."""
    host = _virtual_host(table, asked.authority.lower())
    routes: list[Config] = host["routes"] if host else []
    return next((route for route in routes if matches(route["match"], asked)), None)


def label_of(route: Config) -> str:
    return str(route["metadata"]["filter_metadata"]["signalbox"]["route"])


def matches(match: Config, asked: Asked) -> bool:
    return _path_matches(match, asked.path) and all(_header_matches(item, asked) for item in match.get("headers", ()))


def _virtual_host(table: Config, authority: str) -> Config | None:
    """Exact domains first, then the longest `*.suffix`, then the longest `prefix*`, then `*`."""
    domains: dict[str, Config] = {domain.lower(): host for host in table["virtual_hosts"] for domain in host["domains"]}
    if authority in domains:
        return domains[authority]
    suffixes = [domain for domain in domains if domain.startswith("*") and len(domain) > 1]
    prefixes = [domain for domain in domains if domain.endswith("*") and len(domain) > 1]
    fitting = sorted((d for d in suffixes if authority.endswith(d[1:])), key=len, reverse=True)
    fitting += sorted((d for d in prefixes if authority.startswith(d[:-1])), key=len, reverse=True)
    return domains[fitting[0]] if fitting else domains.get("*")


def _path_matches(match: Config, path: str) -> bool:
    if "path" in match:
        return bool(path == match["path"])
    if "prefix" in match:
        return path.startswith(match["prefix"])
    if "path_separated_prefix" in match:
        prefix = match["path_separated_prefix"]
        return bool(path == prefix) or path.startswith(f"{prefix}/")
    return re.fullmatch(match["safe_regex"]["regex"], path) is not None


def _header_matches(matcher: Config, asked: Asked) -> bool:
    lines = {f"signalbox-lines-{name}": f"\t{value}\t" for name, value in asked.headers.items()}
    known = {":method": asked.method, ":path": asked.target, ":authority": asked.authority, **lines}
    value = known.get(matcher["name"])
    if value is None:
        return False
    wanted = matcher["string_match"]
    if "exact" in wanted:
        return bool(value == wanted["exact"])
    if "contains" in wanted:
        return wanted["contains"] in value
    return re.fullmatch(wanted["safe_regex"]["regex"], value) is not None
