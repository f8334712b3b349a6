"""Sections 1D and 1E, slowly and word by word, over requests instead of tables. Shares nothing with the compiler."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from harness.resources.matches import Match
from harness.resources.routes import HTTPRoute
from harness.tests.dataplane.proxy_reading import Asked

Score = tuple[int, int, int, int]


def winner(routes: list[HTTPRoute], asked: Asked) -> tuple[HTTPRoute, int] | None:
    """The route that answers and the number of its rule; `routes` are older first (§1.48)."""
    best: tuple[tuple[int, int], Score, HTTPRoute, int] | None = None
    for route in routes:
        host = _best_host(route.hostnames, asked.authority)
        rule = _best_rule(route, asked)
        if host is None or rule is None:
            continue
        if best is None or (host, rule[0]) > best[:2]:  # a tie goes to the first in order
            best = (host, rule[0], route, rule[1])
    return None if best is None else (best[2], best[3])


def _best_rule(route: HTTPRoute, asked: Asked) -> tuple[Score, int] | None:
    best: tuple[Score, int] | None = None
    for number, rule in enumerate(route.rules):
        scores = [score for score in (_score(match, asked) for match in rule.matches) if score is not None]
        if scores and (best is None or max(scores) > best[0]):
            best = (max(scores), number)
    return best


def _score(match: Match, asked: Asked) -> Score | None:
    length = _path_length(match.path.type, match.path.value, asked.path)
    if length is None or (match.method is not None and match.method != asked.method):
        return None
    if not all(_fits(item.type, item.value, asked.headers.get(item.name.lower())) for item in match.headers):
        return None
    query = parse_qsl(asked.target.partition("?")[2], keep_blank_values=True)
    for param in match.query_params:
        if not any(name == param.name and _fits(param.type, param.value, value) for name, value in query):
            return None
    return (length, len(match.headers), len(match.query_params), int(match.method is not None))


def _path_length(kind: str, pattern: str, path: str) -> int | None:
    if kind == "Exact":
        return len(path) if path == pattern else None
    if kind == "RegularExpression":
        return len(path) if _spans(pattern, path) else None
    if pattern == "/":
        return 1
    trimmed, rest = pattern.rstrip("/"), path.rstrip("/")
    fits = rest == trimmed or rest.startswith(f"{trimmed}/")
    return len(trimmed) if fits else None


def _fits(kind: str, pattern: str, value: str | None) -> bool:
    if value is None:
        return False
    return _spans(pattern, value) if kind == "RegularExpression" else value == pattern


def _spans(pattern: str, text: str) -> bool:
    """§0.3: search first, then look whether what was found is everything."""
    found = re.search(pattern, text)
    return found is not None and found.span() == (0, len(text))


def _best_host(hostnames: tuple[str, ...], authority: str) -> tuple[int, int] | None:
    if not hostnames:
        return (0, 0)
    host = authority.rpartition(":")[0].lower() or authority.lower()
    scores = []
    for hostname in hostnames:
        pattern = hostname.lower()
        bare = host if pattern.endswith(".") else host.removesuffix(".")
        if pattern.startswith("*."):
            if bare.endswith(pattern[1:]) and bare != pattern[1:]:
                scores.append((1, len(pattern) - 1))
        elif bare == pattern:
            scores.append((2, len(pattern)))
    return max(scores, default=None)
