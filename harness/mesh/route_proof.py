"""Proof that the sender's own proxy knows a route to a Service, or has forgotten it.

By name: the proxy counts a request of the step under the route, or answers that no route matches, which it can only
do if it knows that one is attached. A route whose weights changed under the same name is proved by how requests are
drawn: they are sent until they are a thousand times likelier under the new weights than under the old.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from harness.kube.client import Kube
from harness.kube.objects import JsonObject
from harness.mesh.changes import Change, NotYet, Witness
from harness.mesh.metrics import increase, scrape
from harness.resources.parents import is_service_parent
from harness.resources.routes import ParentRef, parse_http_route

ROUTE_COUNTER: Final = "outbound_http_route_backend_requests_total"
NO_ROUTE_COUNTER: Final = "outbound_http_errors_total"
ODDS: Final = 1000
"""How many times likelier the new weights must make what was drawn; an old proxy passes once in so many settlings."""
MOST_DRAWS: Final = 300
_DRAWS_AT_ONCE: Final = 20

Backend = tuple[str, str, str]
"""Namespace, name and port."""
Shares = Mapping[Backend, float]
_BY_BACKEND: Final = ("route_namespace", "route_name", "backend_namespace", "backend_name", "backend_port")


def witness_of(change: Change, witnesses: Sequence[Witness]) -> Witness | None:
    """The first request of the step that goes to a parent Service of the route through a proxy."""
    parents = _service_parents(change.newest)
    for witness in (one for one in witnesses if one.meshed):
        namespace, name, port = witness.destination
        if any((one.namespace, one.name) == (namespace, name) and one.port in (None, port) for one in parents):
            return witness
    return None


def has_service_parent(change: Change) -> bool:
    """True if clients' proxies use the route, not only those of servers."""
    return bool(_service_parents(change.newest))


def _service_parents(obj: JsonObject) -> list[ParentRef]:
    """None for a GRPCRoute, under which proxies count by other names."""
    return [one for one in parse_http_route(obj).parent_refs if is_service_parent(one)] if _is_http(obj) else []


def _is_http(obj: JsonObject) -> bool:
    return bool(obj["kind"] == "HTTPRoute")


def prove_name(kube: Kube, change: Change, witness: Witness) -> str:
    """The sentence that proves it by the route's name; raises NotYet."""
    before = scrape(kube, [witness.pod])
    witness.send(witness.url, 1)
    after = scrape(kube, [witness.pod])
    by = ("route_kind", "route_namespace", "route_name")
    counted = increase(before, after, ROUTE_COUNTER, by=by)
    names = {(kind, namespace, name) for (kind, namespace, name), count in counted.items() if count}
    under = any(name == change.ref.name and namespace == change.ref.namespace for _, namespace, name in names)
    refused = sum(increase(before, after, NO_ROUTE_COUNTER).values())
    shown = ", ".join(sorted(name for _, _, name in names)) or ("no route at all" if refused else "nothing")
    said = f"the proxy of {witness.pod.name} counts {witness} under {shown}"
    # A refusal for want of a route needs a route that is attached, and shows that this one does not match.
    known = not under and (names or refused) if change.is_deleted else under or refused
    if not known:
        raise NotYet(said)
    return said


def shares_changed(change: Change) -> tuple[Shares, Shares] | None:
    """The old and the new shares of a route's backends; None if they are the same, or more than they has changed.

    Only for routes with one rule: which of several a request falls under is not looked at here.
    """
    if change.before is None or change.after is None:
        return None
    old, new = _shares(change.before), _shares(change.after)
    return None if old is None or new is None or old == new else (old, new)


def prove_shares(kube: Kube, change: Change, witness: Witness, old: Shares, new: Shares) -> str:
    """The sentence that proves it by what is drawn; raises NotYet if the old weights are likelier by as much."""
    drawn: Counter[Backend] = Counter()
    while (sent := sum(drawn.values())) < MOST_DRAWS:
        now = draw(kube, change, witness, _DRAWS_AT_ONCE)
        if not now:
            break
        drawn += now
        said = f"it draws {_shown(drawn)} ({_percent(old)} before, {_percent(new)} now)"
        odds = log_odds(drawn, old, new)
        if odds is None:
            return f"{said}, which neither the old nor the new weights explain"
        if odds >= math.log(ODDS):
            return said
        if odds <= -math.log(ODDS):
            raise NotYet(f"the proxy of {witness.pod.name} still follows the old weights of {change.ref}: {said}")
    return f"old and new weights of {change.ref} cannot be told apart by {sent} requests, so its name is all the proof"


def log_odds(drawn: Mapping[Backend, int], old: Shares, new: Shares) -> float | None:
    """The logarithm of how much likelier the new shares make the draws; None if neither explains them."""
    total = 0.0
    for backend, count in drawn.items():
        before, now = old.get(backend, 0.0), new.get(backend, 0.0)
        if count and not before and not now:
            return None
        if count and not (before and now):
            return math.inf if now else -math.inf
        total += count * math.log(now / before) if count else 0.0
    return total


def draw(kube: Kube, change: Change, witness: Witness, times: int) -> Counter[Backend]:
    """How often the proxy sends a request to each backend under the route's name."""
    before = scrape(kube, [witness.pod])
    witness.send(witness.url, times)
    counted = increase(before, scrape(kube, [witness.pod]), ROUTE_COUNTER, by=_BY_BACKEND)
    drawn: Counter[Backend] = Counter()
    for (route_namespace, route_name, *backend), count in counted.items():
        if (route_namespace, route_name) == (change.ref.namespace, change.ref.name) and count:
            drawn[backend[0], backend[1], backend[2]] += count
    return drawn


def _shares(obj: JsonObject) -> dict[Backend, float] | None:
    parents = _service_parents(obj)
    rules = parse_http_route(obj).rules if parents else ()
    if len(rules) != 1 or not rules[0].backend_refs:
        return None
    weights: Counter[Backend] = Counter()
    for ref in rules[0].backend_refs:
        weights[ref.namespace or parents[0].namespace, ref.name, str(ref.port or "")] += ref.weight
    total = weights.total()
    return {backend: weight / total for backend, weight in weights.items() if weight} if total else None


def _shown(drawn: Mapping[Backend, int]) -> str:
    return ", ".join(f"{name} x {count}" for (_, name, _), count in sorted(drawn.items()))


def _percent(shares: Shares) -> str:
    return "/".join(f"{name} {share:.0%}" for (_, name, _), share in sorted(shares.items()))
