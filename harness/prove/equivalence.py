"""Whether a client could tell a survivor from the original: asked of the oracle, which reads manifests alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.dialect import Dialect
from harness.oracle import Prediction, Request, differences, locked_out
from harness.prove.mutant import Tale
from harness.prove.paper import does_more_than_apply, states
from harness.prove.probing import asks


@dataclass(frozen=True, slots=True)
class Told:
    """What the oracle says of a survivor.

    equivalent  why no client can tell, "" if that is not shown
    missing     the request that can tell, and how; "" if none is known
    """

    equivalent: str = ""
    missing: str = ""


def ask_oracle(tale: Tale, mutated: Tale, dialect: Dialect, *, step: int) -> Told:
    """Whether one of many requests ends differently in a step from this one on.

    «Equivalent» is as good as the requests that are tried: around each match of all routes, of each sender of the
    scenario. Actions that paper does not know, such as a patch, leave the question open.
    """
    if does_more_than_apply(tale, mutated) or tale.scenario.spec.senders != mutated.scenario.spec.senders:
        return Told()
    tried = 0
    for before, after in list(zip(states(tale, dialect), states(mutated, dialect), strict=True))[step:]:
        if locked_out(before) != locked_out(after):
            return Told(missing="the kubelet's probe is let in by one of them and not by the other")
        wanted = asks(tale, (before, after))
        for found in differences(before, after, wanted):
            return Told(missing=f"{found.sender}: {_request(found.request)}: {_way(found.before, found.after)}")
        tried += len(wanted)
    return Told(equivalent=f"the oracle sees no difference in {tried} requests around all matches")


def _request(request: Request) -> str:
    headers = ", ".join(f"{name}: {value}" for name, value in request.headers)
    return f"{request}{' with ' if headers else ''}{headers}"


def _way(before: Prediction, after: Prediction) -> str:
    one, other = _ends(before), _ends(after)
    return f"{one} → {other}" if one != other else f"{one} both times, with other limits or headers"


def _ends(prediction: Prediction) -> str:
    shares: dict[str, float] = defaultdict(float)
    for outcome in prediction.outcomes:
        who = "/".join(outcome.workload) if outcome.workload and outcome.by == "app" else outcome.by
        status = f" {outcome.status}" if outcome.status is not None else ""
        shares[f"{who}{status}"] += float(outcome.probability)
    return ", ".join(name if share > 0.999 else f"{share:.0%} {name}" for name, share in shares.items())
