"""Settle by proof: a change counts as in force when the mesh shows it, not when some time has passed.

First the routes' conditions for the applied generation. They say «soon», not «now» (the proxies learn later), so then
the sender's own proxy is asked: it must count a probe request under the name of the changed route, or answer that no
route matches, which it can only do if it knows that one is attached. The same on every cluster; the time it took is
a result of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tenacity

from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.metrics import MeshedPod, increase, scrape
from harness.resources.conditions import ACCEPTED, RESOLVED_REFS, ParentStatus, parse_parent_statuses

ROUTE_KINDS = frozenset({"HTTPRoute", "GRPCRoute"})
ROUTE_COUNTER = "outbound_http_route_backend_requests_total"
NO_ROUTE_COUNTER = "outbound_http_errors_total"


@dataclass(frozen=True, slots=True)
class Witness:
    """A request of the step that the changed route should decide, and the pod that sends it.

    probe  sends the request once
    """

    pod: MeshedPod
    probe: Callable[[], None]
    request: str


@dataclass(frozen=True, slots=True)
class Change:
    """One route that the step applied or deleted.

    witness  None if no request of the step goes to the route's parents from a meshed sender
    """

    route: ObjectRef
    generation: int
    deleted: bool
    witness: Witness | None


@dataclass(frozen=True, slots=True)
class Settled:
    """How long a change took to be in force, and what proved it.

    seconds  from the end of the last action
    proof    one sentence per changed route
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
    kube: Kube, changes: Sequence[Change], *, within: float, clock: Callable[[], float] = time.monotonic
) -> Settled:
    """Wait until every change is proved to be in force.

    within  seconds for all of them together
    raises  NotSettled
    """
    begin = clock()
    proof = []
    for change in changes:
        left = within - (clock() - begin)
        proof.append(_settle_one(kube, change, left))
    return Settled(clock() - begin, tuple(proof))


def _settle_one(kube: Kube, change: Change, within: float) -> str:
    """The sentence that proves one change."""
    retry = tenacity.Retrying(
        stop=tenacity.stop_after_delay(max(within, 0.0)),
        wait=tenacity.wait_exponential(multiplier=0.01, max=0.5),
        retry=tenacity.retry_if_exception_type(_NotYet),
        reraise=True,
    )
    begin = time.monotonic()
    try:
        said = retry(_conditions, kube, change)
        if change.witness is None:
            return f"{said}; no request of this step meets it, so no proxy was asked"
        return f"{said}; {retry(_proxy_knows, kube, change, change.witness)}"
    except _NotYet as seen:
        raise NotSettled(time.monotonic() - begin, [str(seen)]) from None


class _NotYet(Exception):
    """What was seen instead of the wanted state."""


def _conditions(kube: Kube, change: Change) -> str:
    route = kube.get(change.route)
    if change.deleted:
        if route is None:
            return f"{change.route} is gone"
        holders = route["metadata"].get("finalizers") or []
        raise _NotYet(f"{change.route} is still there{', held by finalizers ' + ', '.join(holders) if holders else ''}")
    if route is None:
        raise _NotYet(f"{change.route} does not exist")
    parents = parse_parent_statuses(route.get("status") or {})
    if not parents:
        raise _NotYet(f"{change.route} has no status yet; does a controller of the mesh run?")
    told = [_taken(change, parent) for parent in parents]
    return f"{change.route} is {', '.join(dict.fromkeys(told))} for generation {change.generation}"


def _taken(change: Change, parent: ParentStatus) -> str:
    """What a parent's conditions say, once the route is accepted and its references were looked at.

    A reference that leads nowhere keeps no route from being used (§1.65), so it is told and not waited for.
    """
    accepted = parent.condition(ACCEPTED, generation=change.generation)
    if accepted is None or accepted.status != "True":
        seen = (
            f"{accepted.reason} {accepted.message}".strip() if accepted else "its controller has not looked at it yet"
        )
        raise _NotYet(f"{change.route} is not {ACCEPTED} by {parent.kind} {parent.name}: {seen}")
    resolved = parent.condition(RESOLVED_REFS, generation=change.generation)
    if parent.kind == "Server":  # §1.63: it has no ResolvedRefs
        return ACCEPTED
    if resolved is None:
        raise _NotYet(f"{change.route}: the references of {parent.kind} {parent.name} have not been looked at yet")
    if resolved.status == "True":
        return f"{ACCEPTED} and {RESOLVED_REFS}"
    return f"{ACCEPTED}, not {RESOLVED_REFS} ({resolved.reason})"


def _proxy_knows(kube: Kube, change: Change, witness: Witness) -> str:
    before = scrape(kube, [witness.pod])
    witness.probe()
    after = scrape(kube, [witness.pod])
    by = ("route_kind", "route_namespace", "route_name")
    counted = increase(before, after, ROUTE_COUNTER, by=by)
    names = {(kind, namespace, name) for (kind, namespace, name), count in counted.items() if count}
    under = any(name == change.route.name and namespace == change.route.namespace for _, namespace, name in names)
    refused = sum(increase(before, after, NO_ROUTE_COUNTER).values())
    shown = ", ".join(sorted(name for _, _, name in names)) or ("no route at all" if refused else "nothing")
    said = f"the proxy of {witness.pod.name} counts {witness.request} under {shown}"
    # A refusal for want of a route needs a route that is attached, and shows that this one does not match.
    known = not under and (names or refused) if change.deleted else under or refused
    if not known:
        raise _NotYet(said)
    return said


def is_route(manifest: JsonObject) -> bool:
    """Whether a manifest is a route that settling knows how to prove."""
    return manifest["kind"] in ROUTE_KINDS
