"""Which handler answers a method and a path; a known path with another method is 405 (§8.4.1)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

Variables = Mapping[str, str]
Handler = Callable[[web.Request, Variables], Awaitable[web.StreamResponse]]

_VARIABLE = re.compile(r"\{(\w+)(?::([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and what it answers.

    pattern  of the whole decoded path; its groups are the handler's variables
    methods  None for any
    label    the path as metrics name it
    """

    pattern: re.Pattern[str]
    methods: frozenset[str] | None
    handler: Handler
    label: str


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, with the variables of its path."""

    route: Route
    variables: Variables


class NotRouted(Exception):
    """Nothing answers the request; `status` is 404 or 405."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def route(methods: str, template: str, handler: Handler, *, name: str = "") -> Route:
    """A route from words like `GET POST` (`*` for any method) and a path like `/delay/{wait:[0-9]+}` or `/echo/*`.

    name  what metrics call it; without one they take the template
    """
    allowed = None if methods == "*" else frozenset(methods.split())
    return Route(_pattern(template), allowed, handler, metric_label(name or template))


def metric_label(path: str) -> str:
    """A path as a word: `/api/info` is api_info, `/` is root."""
    return re.sub(r"[^a-zA-Z0-9]+", "_", path).strip("_").lower() or "root"


def find_route(routes: Sequence[Route], method: str, path: str) -> Found:
    """The first route that answers; raises NotRouted."""
    status = 404
    for candidate in routes:
        match = candidate.pattern.fullmatch(path)
        if match is None:
            continue
        if candidate.methods is None or method in candidate.methods:
            return Found(candidate, match.groupdict())
        status = 405
    raise NotRouted(status)


def clean_path(path: str) -> str:
    """The path without empty and dot segments; a request for any other spelling is redirected to it."""
    cleaned = posixpath.normpath(re.sub(r"/{2,}", "/", f"/{path}"))
    return f"{cleaned}/" if path.endswith("/") and cleaned != "/" else cleaned


def _pattern(template: str) -> re.Pattern[str]:
    exact = template.removesuffix("*")
    expression, end = "", 0
    for variable in _VARIABLE.finditer(exact):
        expression += re.escape(exact[end : variable.start()]) + f"(?P<{variable[1]}>{variable[2] or '[^/]+'})"
        end = variable.end()
    expression += re.escape(exact[end:])
    return re.compile(expression + (".*" if template.endswith("*") else ""), re.DOTALL)
