"""Requests by which two worlds could be told apart: around everything that routes match and the scenario asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Final
from urllib.parse import urlencode, urlsplit

from harness.oracle import Objects, Request, Sender
from harness.prove.mutant import Tale
from harness.resources.matches import HeaderMatch, Match, QueryParamMatch
from harness.resources.parents import is_service_parent
from harness.scenario.expectations import Send
from harness.scenario.model import PodSender
from harness.scenario.values import without_places

MOST: Final = 20_000
"""Requests for one pair of worlds; a few seconds of an oracle's time."""

Ask = tuple[Sender, Request]


def asks(tale: Tale, worlds: Iterable[Objects]) -> list[Ask]:
    """Requests of every sender of the scenario, each match of the worlds' routes met, and just missed.

    Paths, methods, headers and query parameters are combined; where that makes too many, those that differ from a
    request of the scenario in one way alone come first.
    """
    worlds = list(worlds)
    matches = [match for world in worlds for route in world.routes for rule in route.rules for match in rule.matches]
    senders = [
        Sender(one.namespace, one.service_account, one.meshed)
        for one in tale.scenario.spec.senders.values()
        if isinstance(one, PodSender)
    ]
    asked = list(dict.fromkeys(_asked(tale)))
    bases = list(dict.fromkeys([*((one.host, one.port) for one in asked), *_parents(worlds)]))
    paths = list(dict.fromkeys([*(one.path for one in asked), *_paths(matches)]))
    methods = list(dict.fromkeys([*(one.method for one in asked), *(m.method for m in matches if m.method), "HEAD"]))
    headers = list(dict.fromkeys([(), *(one.headers for one in asked), *_headers(matches)]))
    queries = list(dict.fromkeys(["", *_queries(matches)]))
    made = (
        Request(host, port, path + query, method, header)
        for (host, port), path, query, method, header in product(bases, paths, queries, methods, headers)
    )
    wanted = list(dict.fromkeys([*_near(asked, paths, queries, methods, headers), *made]))
    return list(product(senders, wanted[: MOST // max(len(senders), 1)]))


def _asked(tale: Tale) -> Iterator[Request]:
    """What the scenario sends from inside the cluster."""
    for _, expectation in tale.scenario.expectations():
        if expectation.each is not None:
            for case in expectation.each.cases():
                yield from _from_inside(tale, case.sender, case.request.method, case.request.url, case.headers.items())
        elif isinstance(send := expectation.send, Send):
            yield from _from_inside(tale, send.from_, send.request.method, send.request.url, send.headers.items())


def _from_inside(
    tale: Tale, sender: str, method: str, url: str, headers: Iterable[tuple[str, str]]
) -> Iterator[Request]:
    spec = tale.scenario.spec.senders[sender]
    if isinstance(spec, PodSender):
        request = Request.of(method, without_places(url), tuple(headers))
        # A name without a namespace means the sender's own; others of the mesh must say so.
        host = request.host if "." in request.host else f"{request.host}.{spec.namespace}"
        yield replace(request, host=host)


def _parents(worlds: Iterable[Objects]) -> Iterator[tuple[str, int]]:
    for world in worlds:
        for route in world.routes:
            for parent in filter(is_service_parent, route.parent_refs):
                service = world.services.get((parent.namespace, parent.name))
                ports = [parent.port] if parent.port else [port.port for port in service.ports] if service else []
                yield from ((f"{parent.name}.{parent.namespace}", port) for port in ports)


def _paths(matches: Iterable[Match]) -> Iterator[str]:
    for match in matches:
        if match.path.type != "RegularExpression":
            value = urlsplit(match.path.value).path or "/"
            yield from (value, value.rstrip("/") + "/below", value.rstrip("/") + "beside")
    yield from ("/", "/nowhere")


def _headers(matches: Iterable[Match]) -> Iterator[tuple[tuple[str, str], ...]]:
    for match in matches:
        whole = tuple((header.name, header.value) for header in match.headers)
        yield whole
        yield from (((name, value + "-other"),) for name, value in whole)
        yield from (((name, value),) for name, value in whole)


def _queries(matches: Iterable[Match]) -> Iterator[str]:
    for match in matches:
        for one in _each_and_all(match.query_params):
            yield "?" + urlencode(one)


def _each_and_all(pairs: tuple[HeaderMatch | QueryParamMatch, ...]) -> Iterator[list[tuple[str, str]]]:
    if pairs:
        yield [(pair.name, pair.value) for pair in pairs]
    for pair in pairs:
        yield from ([(pair.name, pair.value)], [(pair.name, pair.value + "-other")])


def _near(
    asked: Iterable[Request],
    paths: Iterable[str],
    queries: Iterable[str],
    methods: Iterable[str],
    headers: Iterable[tuple[tuple[str, str], ...]],
) -> Iterator[Request]:
    """The scenario's own requests, and those that differ from one in one way."""
    for request in asked:
        yield request
        yield from (replace(request, target=path) for path in paths)
        yield from (replace(request, target=request.path + query) for query in queries)
        yield from (replace(request, method=method) for method in methods)
        yield from (replace(request, headers=header) for header in headers)
