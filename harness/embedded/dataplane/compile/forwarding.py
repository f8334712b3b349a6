"""What a rule does once it is chosen: forward to a drawn backend, or answer by itself."""

from __future__ import annotations

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
from harness.embedded.dataplane.compile.names import Client, Config, RouteLabel, labelled, service_assignment
from harness.embedded.dataplane.compile.redirects import redirect
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey
from harness.resources.filters import Filter, RequestRedirect
from harness.resources.routes import Rule

MISSING_CLUSTER = "fail"
"""Never a cluster, so that a request drawn for it is answered 500 (§1.23)."""


def action(view: View, client: Client, in_force: RouteInForce, rule: Rule, parent: ServiceKey, port: int) -> Config:
    """Everything of a route's entry but its match."""
    route = in_force.route
    label = RouteLabel(parent, port, *route.key, default_backend=not rule.backend_refs)
    return {"metadata": labelled(label), **_answer(view, client, in_force, rule, parent, port)}


def _answer(view: View, client: Client, in_force: RouteInForce, rule: Rule, parent: ServiceKey, port: int) -> Config:
    elsewhere = next((item for item in rule.filters if isinstance(item, RequestRedirect)), None)
    if elsewhere is not None:
        return redirect(elsewhere, port)
    backends = drawn(backends_of(view, in_force, rule, parent, port), view.snapshot.dialect)
    if not backends:
        return _shed()
    state = view.snapshot.services.get(parent)
    annotations = state.service.annotations if state else {}
    limits = rule_limits(in_force.route, rule.timeouts, annotations, view.snapshot.dialect)
    return forward(view, client, (parent, port), backends, rule.filters, limits)


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
    weight = backend.weight or 1  # alone, weight 0 is served (§1.33)
    if backend.service is None:
        why = explained(ERROR_HEADER, literal_value(backend.failure))
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
