"""Which rule wins, by the oracle: it reads sections 1D and 1E word by word and shares nothing with the compiler."""

from __future__ import annotations

from collections.abc import Sequence

from harness.oracle import Request
from harness.oracle.matching import choose
from harness.resources.routes import HTTPRoute
from harness.tests.dataplane.proxy_reading import Asked


def winner(routes: Sequence[HTTPRoute], asked: Asked) -> tuple[HTTPRoute, int] | None:
    """The route that answers and the number of its rule; `routes` are older first (§1.48)."""
    host, _, port = asked.authority.rpartition(":")
    request = Request(host, int(port), asked.target, asked.method, tuple(asked.headers.items()), asked.authority)
    choice = choose([(route.hostnames, route.rules) for route in routes], request)
    return None if choice is None else (routes[choice.route], choice.rule)
