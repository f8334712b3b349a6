"""Which match wins by the text of the Gateway API (E33 to E39)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from harness.oracle.asking import Request
from harness.oracle.matching import GATEWAY_API, Choice, HasMatches, headers_asked, matched_length, misfit
from harness.resources.matches import Match

Rank: TypeAlias = tuple[int, int, bool, int, int]
"""Kind of path, length of the prefix, whether a method is asked for, number of headers, of query parameters."""

_KINDS: Final = {"Exact": 2, "RegularExpression": 1, "PathPrefix": 0}
"""E33, E34. Where regular expressions stand is left to each mesh (E30); here below Exact and above every prefix."""


def choose_by_match(routes: Sequence[Iterable[HasMatches]], request: Request) -> Choice | None:
    """The match that a request falls to, or None.

    routes  the rules of each, in the order that decides ties (E37); within them the first of equals wins (E38)
    """
    best: tuple[Rank, Choice] | None = None
    for route_number, rules in enumerate(routes):
        for rule_number, rule in enumerate(rules):
            for match_number, match in enumerate(rule.matches):  # E39: matches compete, not rules
                if misfit(match, request, GATEWAY_API):
                    continue
                rank = _rank(match, request)
                if best is None or rank > best[0]:
                    best = (rank, Choice(route_number, rule_number, match_number))
    return None if best is None else best[1]


def _rank(match: Match, request: Request) -> Rank:
    path, headers = match.path, headers_asked(match, GATEWAY_API)
    length = matched_length(path, request.path, GATEWAY_API) if path.type == "PathPrefix" else 0
    return (_KINDS[path.type], length or 0, match.method is not None, len(headers), len(match.query_params))
