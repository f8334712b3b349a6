"""Proof that a proxy follows the new rules of a route that changed under its old name.

The route alone is read, as it was and as it is: by which of its rules each request of the step would go, and to which
backends. A request that goes to other backends now than before is sent, and what the proxy counts under the route's
name says which version it follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from harness.kube.client import Kube
from harness.kube.objects import JsonObject
from harness.mesh.changes import Change, NotYet, Witness
from harness.mesh.route_proof import Backend, draw, witness_of
from harness.oracle import Request
from harness.oracle.matching import choose
from harness.resources.filters import RequestRedirect
from harness.resources.routes import parse_http_route

Backends: TypeAlias = frozenset[Backend]

_DEFAULTS: Final = (("", "service", ""), ("", "default", ""))
"""What a proxy may call the Service that a rule without backends leads to (§5.9)."""


def telling(change: Change, witnesses: Sequence[Witness]) -> tuple[Witness, Backends, Backends] | None:
    """A request with the backends it went to before and goes to now, of which none is the same; None without one."""
    if change.before is None or change.after is None:
        return None
    for witness in witnesses:
        if witness_of(change, [witness]) is None:
            continue
        old, new = backends_for(change.before, witness), backends_for(change.after, witness)
        if old and not old & new:
            return witness, old, new
    return None


def backends_for(route: JsonObject, witness: Witness) -> Backends:
    """Where this version of a route sends a request; nowhere if no rule of it matches, or the rule redirects."""
    parsed = parse_http_route(route)
    request = Request.of(witness.method, witness.url, witness.headers)
    choice = choose([(parsed.hostnames, parsed.rules)], request)
    if choice is None:
        return frozenset()
    rule = parsed.rules[choice.rule]
    if any(isinstance(item, RequestRedirect) for item in rule.filters):
        return frozenset()
    namespace, name, port = witness.destination
    if not rule.backend_refs:
        return frozenset({(namespace, name, str(port)), *_DEFAULTS})
    weighted = [ref for ref in rule.backend_refs if ref.weight]
    return frozenset((ref.namespace or namespace, ref.name, str(ref.port or "")) for ref in weighted)


def prove_rules(kube: Kube, change: Change, witness: Witness, old: Backends, new: Backends) -> str:
    """The sentence that proves it; raises NotYet if the proxy sends the request where only the old rules lead."""
    seen = frozenset(draw(kube, change, witness, 1))
    said = f"the proxy of {witness.pod.name} sends {witness} to {_named(seen)} ({_named(old)} before)"
    if seen & old:
        raise NotYet(f"{said}: it still follows the old rules of {change.ref}")
    if seen & new or not (seen or new):
        return said
    return f"{said}, which neither the old nor the new rules explain"


def _named(backends: Backends) -> str:
    names = {backend[1] for backend in backends if backend not in _DEFAULTS}
    return ", ".join(sorted(names)) or ("the Service itself" if backends else "nobody else")
