"""Settle by proof: a change counts as in force when the mesh shows it, not when some time has passed.

First the conditions of routes and rate limits for the applied generation. They say «soon», not «now» (the proxies
learn later), so then the proxies are asked: for routes to Services the sender's own (`route_proof`), for policies and
routes on Servers those of the servers (`policy_proof`). The same on every cluster; the time it took is a result of
its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tenacity

from harness.dialect import Dialect
from harness.kube.client import Kube
from harness.mesh.changes import Change, NotYet, Witness, is_route
from harness.mesh.policy_proof import PolicyProof
from harness.mesh.route_proof import has_service_parent, prove_name, prove_shares, shares_changed, witness_of
from harness.mesh.rule_proof import prove_rules, telling
from harness.resources.conditions import ACCEPTED, RESOLVED_REFS, ParentStatus, parse_parent_statuses
from harness.resources.parents import is_server_parent
from harness.resources.routes import parse_http_route


@dataclass(frozen=True, slots=True)
class Settled:
    """How long a change took to be in force, and what proved it.

    seconds  from the end of the last action
    proof    one sentence per changed route, and per port whose policy has changed
    """

    seconds: float
    proof: tuple[str, ...]


class NotSettled(Exception):
    """A change was not in force in time; the sentences say what was seen instead."""

    def __init__(self, seconds: float, sentences: Sequence[str]) -> None:
        self.seconds = seconds
        self.sentences = tuple(sentences)
        super().__init__("; ".join(sentences))


def settle(
    kube: Kube,
    dialect: Dialect,
    changes: Sequence[Change],
    witnesses: Sequence[Witness],
    *,
    within: float,
    clock: Callable[[], float] = time.monotonic,
) -> Settled:
    """Wait until every change is proved to be in force.

    witnesses  harmless requests of the step
    within     seconds for all of them together
    raises     NotSettled
    """
    begin = clock()
    last = _last_states(changes)
    inbound = [change for change in last if _concerns_servers(change)]
    retry = tenacity.Retrying(
        stop=lambda _: clock() - begin >= within,
        wait=tenacity.wait_exponential(multiplier=0.01, max=0.5),
        retry=tenacity.retry_if_exception_type(NotYet),
        reraise=True,
    )
    try:
        proof = [_prove_one(retry, kube, change, witnesses) for change in last]
        if inbound:
            proof += retry(PolicyProof(kube, dialect, inbound, witnesses).attempt)
    except NotYet as seen:
        raise NotSettled(clock() - begin, [str(seen)]) from None
    return Settled(clock() - begin, tuple(sentence for sentence in proof if sentence))


def _last_states(changes: Sequence[Change]) -> list[Change]:
    """One change per object: from before the first to after the last."""
    merged: dict[object, Change] = {}
    for change in changes:
        first = merged.pop(change.ref, change)
        merged[change.ref] = Change(change.ref, first.before, change.after)
    return [change for change in merged.values() if change.before is not None or change.after is not None]


def _concerns_servers(change: Change) -> bool:
    if not is_route(change.newest):
        return True
    http = change.newest["kind"] == "HTTPRoute"
    return http and any(is_server_parent(parent) for parent in parse_http_route(change.newest).parent_refs)


def _prove_one(retry: tenacity.Retrying, kube: Kube, change: Change, witnesses: Sequence[Witness]) -> str:
    """The sentence about one object; "" for a policy, which is proved together with all others."""
    if not is_route(change.newest):
        return str(retry(_policy_stored, kube, change))
    said = retry(_conditions, kube, change)
    if change.ref.kind == "GRPCRoute":
        return f"{said}; what proxies count under it is not looked at, so none was asked"
    if not has_service_parent(change):
        return str(said)
    witness = witness_of(change, witnesses)
    if witness is None:
        return f"{said}; no harmless request of this step meets it, so no proxy was asked"
    said = f"{said}; {retry(prove_name, kube, change, witness)}"
    shares = shares_changed(change)
    if shares is not None:
        return f"{said}; {retry(prove_shares, kube, change, witness, *shares)}"
    told = telling(change, witnesses)
    return said if told is None else f"{said}; {retry(prove_rules, kube, change, *told)}"


def _policy_stored(kube: Kube, change: Change) -> str:
    obj = kube.get(change.ref)
    if change.is_deleted:
        if obj is not None:
            raise NotYet(f"{change.ref} is still there")
        return ""
    if obj is None:
        raise NotYet(f"{change.ref} does not exist")
    if change.ref.kind != "HTTPLocalRateLimitPolicy":
        return ""
    # The one policy with a status (§3.27); no counter tells a limit that has not yet been reached from none.
    conditions = {one.get("type"): one for one in (obj.get("status") or {}).get("conditions") or ()}
    if ACCEPTED not in conditions:
        raise NotYet(f"{change.ref} has no condition {ACCEPTED}: no controller has looked at it yet")
    accepted = conditions[ACCEPTED]
    return f"{change.ref} is {ACCEPTED if accepted.get('status') == 'True' else accepted.get('reason')}"


def _conditions(kube: Kube, change: Change) -> str:
    route = kube.get(change.ref)
    if change.is_deleted:
        if route is None:
            return f"{change.ref} is gone"
        holders = route["metadata"].get("finalizers") or []
        raise NotYet(f"{change.ref} is still there{', held by finalizers ' + ', '.join(holders) if holders else ''}")
    if route is None:
        raise NotYet(f"{change.ref} does not exist")
    parents = parse_parent_statuses(route.get("status") or {})
    if not parents:
        raise NotYet(f"{change.ref} has no status yet; does a controller of the mesh run?")
    told = [_taken(change, parent) for parent in parents]
    return f"{change.ref} is {', '.join(dict.fromkeys(told))} for generation {change.generation}"


def _taken(change: Change, parent: ParentStatus) -> str:
    """What a parent's conditions say, once the route is accepted and its references were looked at.

    A reference that leads nowhere keeps no route from being used (§1.65), so it is told and not waited for.
    """
    accepted = parent.condition(ACCEPTED, generation=change.generation)
    if accepted is None or accepted.status != "True":
        seen = (
            f"{accepted.reason} {accepted.message}".strip() if accepted else "its controller has not looked at it yet"
        )
        raise NotYet(f"{change.ref} is not {ACCEPTED} by {parent.kind} {parent.name}: {seen}")
    resolved = parent.condition(RESOLVED_REFS, generation=change.generation)
    if parent.kind == "Server":  # §1.63: it has no ResolvedRefs
        return ACCEPTED
    if resolved is None:
        raise NotYet(f"{change.ref}: the references of {parent.kind} {parent.name} have not been looked at yet")
    if resolved.status == "True":
        return f"{ACCEPTED} and {RESOLVED_REFS}"
    return f"{ACCEPTED}, not {RESOLVED_REFS} ({resolved.reason})"
