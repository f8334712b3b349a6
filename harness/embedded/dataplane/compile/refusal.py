"""Routes that the proxy cannot express: they are refused as a whole, never half obeyed (§1.15, §1.54)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from harness.embedded.dataplane.compile.matching import entries
from harness.embedded.dataplane.compile.redirects import can_redirect
from harness.embedded.dataplane.compile.regex import RegexRefused
from harness.resources.filters import (
    Filter,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UnsupportedFilter,
)
from harness.resources.grpc_routes import unforeseen
from harness.resources.matches import Match
from harness.resources.routes import HTTPRoute

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNTOUCHABLE: Final = frozenset({"host"})


def refusal(route: HTTPRoute) -> str | None:
    """Why a route cannot be used, with the place in it; None if it can."""
    return next(_problems(route), None)


def _problems(route: HTTPRoute) -> Iterator[str]:
    if problem := unforeseen(route):
        yield problem
    for number, rule in enumerate(route.rules):
        place = f"spec.rules[{number}]"
        for index, item in enumerate(rule.filters):
            yield from _filter_problems(item, f"{place}.filters[{index}]")
        for index, match in enumerate(rule.matches):
            yield from _match_problems(match, f"{place}.matches[{index}]")
        for index, ref in enumerate(rule.backend_refs):
            for item in ref.filters:
                if isinstance(item, RequestHeaderModifier | ResponseHeaderModifier):
                    yield from _filter_problems(item, f"{place}.backendRefs[{index}].filters")


def _filter_problems(item: Filter, place: str) -> Iterator[str]:
    if isinstance(item, UnsupportedFilter):
        yield f"{place}: filter {item.kind} is not supported"
    elif isinstance(item, RequestRedirect):
        if not can_redirect(item):
            yield f"{place}: {item.status_code} is no status of a redirect"
    else:
        for name in (*(header.name for header in (*item.add, *item.set)), *item.remove):
            if not _TOKEN.fullmatch(name):
                yield f"{place}: '{name}' is no header name"
            elif name.lower() in _UNTOUCHABLE:
                yield f"{place}: the embedded mesh cannot change header '{name}'"


def _match_problems(match: Match, place: str) -> Iterator[str]:
    if match.rpc is not None and match.rpc.type != "Exact":
        yield f"{place}.method: methods are matched exactly alone"
    for header in match.headers:
        if not _TOKEN.fullmatch(header.name):
            yield f"{place}.headers: '{header.name}' is no header name"
    try:
        entries(match)
    except RegexRefused as refused:
        yield f"{place}: a regular expression cannot be used: {refused}"
