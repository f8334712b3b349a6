"""What a rule does once it is chosen: forward to a drawn backend, or answer by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.embedded.dataplane.compile.backends import Backend, backends_of, drawn
from harness.embedded.dataplane.compile.breaking import accrual_of, breaking_cluster
from harness.embedded.dataplane.compile.filters import request_changes, response_changes
from harness.embedded.dataplane.compile.limits import Limits, rule_limits
from harness.embedded.dataplane.compile.local_replies import (
    ERROR_HEADER,
    PEER_HEADERS,
    closing,
    explained,
    literal_value,
)
from harness.embedded.dataplane.compile.matching import Tier, narrowed
from harness.embedded.dataplane.compile.names import Client, Config, RouteLabel, labelled, service_assignment
from harness.embedded.dataplane.compile.redirects import leads_back, redirect
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey
from harness.resources.filters import Filter, RequestRedirect
from harness.resources.matches import PathMatch
from harness.resources.routes import Rule

_MILLION: Final = 1_000_000
_ANY_PATH: Final = PathMatch()
MISSING_CLUSTER: Final = "fail"
"""Never a cluster, so that a request drawn for it is answered 500 (§1.23)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose requests, for which Service port, and by which path they have come to a rule."""

    client: Client
    parent: ServiceKey
    port: int
    path: PathMatch = _ANY_PATH
    tier: Tier = Tier.WHOLE


def redirects(rule: Rule) -> bool:
    """True if some of its answers depend on how its path was found."""
    filters = (*rule.filters, *(item for ref in rule.backend_refs for item in ref.filters))
    return any(isinstance(item, RequestRedirect) for item in filters)


def actions(view: View, asked: Asked, in_force: RouteInForce, rule: Rule) -> tuple[Config, ...]:
    """What a rule does, as entries of a route table that lack what its match asks for.

    Several if some of its backends redirect: each of them takes its share of the requests, and the last the rest.
    """
    route = in_force.route
    label = RouteLabel(asked.parent, asked.port, *route.key, default_backend=not rule.backend_refs)
    return tuple({"metadata": labelled(label), **answer} for answer in _answers(view, asked, in_force, rule))


def _answers(view: View, asked: Asked, in_force: RouteInForce, rule: Rule) -> Iterator[Config]:
    elsewhere = next((item for item in rule.filters if isinstance(item, RequestRedirect)), None)
    if elsewhere is None:
        yield from _drawn(view, asked, in_force, rule)
        return
    back = leads_back(elsewhere, asked.path, asked.tier)
    for answer in _drawn(view, asked, in_force, rule) if back is not None else ():
        yield {**answer, "match": narrowed(answer.get("match", {}), back or [])}
    yield redirect(elsewhere, asked.port, asked.path, asked.tier)


def _drawn(view: View, asked: Asked, in_force: RouteInForce, rule: Rule) -> Iterator[Config]:
    parent = (asked.parent, asked.port)
    backends = drawn(backends_of(view, in_force, rule, *parent), view.snapshot.dialect)
    if not backends:
        yield _shed()
        return
    state = view.snapshot.services.get(asked.parent)
    limits = rule_limits(
        in_force.route, rule.timeouts, state.service.annotations if state else {}, view.snapshot.dialect
    )

    def sent(to: tuple[Backend, ...]) -> Config:
        return forward(view, asked.client, parent, to, rule.filters, limits)

    yield from _redirecting(backends, asked, sent)
    leading = tuple(backend for backend in backends if backend.redirect is None)
    if leading:
        yield sent(leading)


def _redirecting(
    backends: Sequence[Backend], asked: Asked, sent: Callable[[tuple[Backend, ...]], Config]
) -> Iterator[Config]:
    """§1.36: a backend's own filters come after the draw. The proxy draws once: the shares add up."""
    total, taken = sum(_weight(backend) for backend in backends), 0
    for backend in backends:
        if backend.redirect is None:
            continue
        taken += _weight(backend)
        share = {"numerator": round(_MILLION * taken / total), "denominator": "MILLION"}
        part = {} if taken == total else {"runtime_fraction": {"default_value": share}}
        back = leads_back(backend.redirect, asked.path, asked.tier)
        if back is not None:
            yield {**sent((backend,)), "match": narrowed(part, back)}
        yield {"match": part, **redirect(backend.redirect, asked.port, asked.path, asked.tier)}


def _weight(backend: Backend) -> int:
    return backend.weight or 1  # alone, weight 0 is served (§1.33)


def forward(
    view: View,
    client: Client,
    parent: tuple[ServiceKey, int],
    backends: tuple[Backend, ...],
    filters: tuple[Filter, ...],
    limits: Limits,
) -> Config:
    """Send each request to one of the backends, drawn by weight anew each time (§1.30).

    parent  the Service port that was asked, which says whether circuits are broken (§4.5)
    """
    through = parent if client.meshed and accrual_of(view, parent[0]) else None
    clusters = [_weighted(client, through, backend, filters) for backend in backends]
    route = {
        "timeout": "0s",
        "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
        "weighted_clusters": {"clusters": clusters},
        **limits.action(),
    }
    return {"route": route, **limits.buffers()}


def _weighted(
    client: Client, through: tuple[ServiceKey, int] | None, backend: Backend, filters: tuple[Filter, ...]
) -> Config:
    weight = _weight(backend)
    if backend.service is None:
        failure = literal_value(backend.failure)
        why = explained(ERROR_HEADER, failure)
        if backend.of_calls:
            why += explained("grpc-message", failure)
        return {"name": MISSING_CLUSTER, "weight": weight, "response_headers_to_add": why}
    modifiers = (*filters, *backend.filters)  # §1.36
    return {
        "name": client.cluster(service_assignment(backend.service, backend.port))
        if through is None
        else breaking_cluster(client, *through, backend.service, backend.port),
        "weight": weight,
        **request_changes(modifiers),
        **response_changes(modifiers, always_removed=PEER_HEADERS if client.meshed else ()),
    }


def _shed() -> Config:
    """All weights are 0 (§1.33, §1.34).

    Newer proxies drop the connection when there are several such backends; this one cannot and answers 503 too.
    """
    why = explained(ERROR_HEADER, "service unavailable: all backends have weight 0")
    return {"direct_response": {"status": 503}, "response_headers_to_add": [*why, closing()]}
