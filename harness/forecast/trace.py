"""A prediction as a person reads it, like a route that is traced, and as data for tools."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from harness.forecast.contradiction import decisive_reason, outcome_in_words
from harness.forecast.differences import told
from harness.oracle import Outcome, Prediction, Reason
from harness.scenario.units import format_duration

_WIDTH = 100
_TIMINGS = {
    "at once": "at once",
    "fail-fast": "after 3 s, then at once",
    "cut off": "at its timeout, then at once",
    "application": "when it is done",
}


def trace_lines(prediction: Prediction, differs: Iterable[str] = ()) -> Iterator[str]:
    """Every outcome: how often, what, from whom; below it the hops with the numbers of the rules."""
    words = tuple(differs)
    sender = f"{prediction.sender}" + (" (meshed)" if prediction.sender.meshed else "")
    yield f"{prediction.request}   from {sender}"
    for outcome in prediction.outcomes:
        about = "" if prediction.exact else "about "
        yield f"  {about + percent(outcome):>6}  {headline(outcome)}"
        for number, reason in enumerate(outcome.reasons, start=1):
            yield from _hop(number, reason)
        for key, value in decided(outcome).items():
            yield f"          {key:<15} {value}"
        for sentence in told(outcome, words):
            yield f"          note            {sentence}"
    if not prediction.exact:
        yield "  several workloads are behind one Service: a balancer decides, not a weight (§4.1)"


def brief_lines(prediction: Prediction, *, calls: bool) -> Iterator[str]:
    """Every outcome in a line: how often, what, from whom, and the reason that says most.

    calls  the request is a call of gRPC
    """
    for outcome in prediction.outcomes:
        about = "" if prediction.exact else "about "
        reason = decisive_reason(outcome)
        words = outcome_in_words(outcome, calls=calls)
        yield f"{about}{percent(outcome)} {words}" + (f": {reason}" if reason else "")


def headline(outcome: Outcome) -> str:
    """Such as «404 by the client's own proxy, at once»."""
    who = f"of {'/'.join(outcome.workload)}" if outcome.workload else "behind the Service"
    match outcome.by:
        case "app":
            always = f" {outcome.status}" if outcome.status else ""
            return f"the app {who} answers{always}, {_within(outcome)}"
        case "client's proxy":
            said = outcome.status or "closes the connection"
            return f"{said} by the client's own proxy, {_TIMINGS[outcome.timing]}{_also(outcome)}{_to(outcome)}"
        case "server's proxy":
            return f"{outcome.status} by the proxy {who}, {_TIMINGS[outcome.timing]}{_also(outcome)}{_to(outcome)}"
        case _:
            return "no answer: the connection is refused, or the name does not resolve"


def decided(outcome: Outcome) -> dict[str, str]:
    """What decided, by name: route, rule, match; Server, policy, authentication; limits."""
    found: dict[str, str] = {}
    if outcome.routed is not None and outcome.routed.route is not None:
        group, kind, namespace, name = outcome.routed.route
        found["route"] = (
            f"{kind} {namespace}/{name} ({group}), rule {outcome.routed.rule}, match {outcome.routed.match}"
        )
    if outcome.allowed is not None:
        found["server"] = outcome.allowed.server
        found |= {"inbound route": outcome.allowed.route} if outcome.allowed.route else {}
        found |= {"authorization": outcome.allowed.authorization} if outcome.allowed.authorization else {}
        found |= {"authentication": outcome.allowed.authentication} if outcome.allowed.authentication else {}
    return found


def as_data(prediction: Prediction, differs: Iterable[str] = ()) -> dict[str, Any]:
    """The prediction for tools; probabilities are fractions as text and as numbers."""
    words = tuple(differs)
    return {
        "sender": {
            "namespace": prediction.sender.namespace,
            "serviceAccount": prediction.sender.service_account,
            "meshed": prediction.sender.meshed,
        },
        "request": {"method": prediction.request.method, "url": _url(prediction)},
        "exact": prediction.exact,
        "outcomes": [_outcome_data(outcome, words) for outcome in prediction.outcomes],
    }


def percent(outcome: Outcome) -> str:
    """The probability, like «10%»."""
    return f"{float(outcome.probability) * 100:.4g}%"


def _outcome_data(outcome: Outcome, words: tuple[str, ...]) -> dict[str, Any]:
    within = outcome.limits.answer_within
    return {
        "probability": float(outcome.probability),
        "share": str(outcome.probability),
        "by": outcome.by,
        "status": outcome.status,
        "also": list(outcome.also),
        "timing": outcome.timing,
        "workload": "/".join(outcome.workload) if outcome.workload else None,
        "backend": f"{'/'.join(outcome.backend[0])}:{outcome.backend[1]}" if outcome.backend else None,
        "location": outcome.location or None,
        "answerWithinSeconds": within.total_seconds() if within else None,
        "decidedBy": decided(outcome),
        "reasons": [{"rule": reason.rule, "text": reason.text} for reason in outcome.reasons],
        "differs": list(told(outcome, words)),
    }


def _url(prediction: Prediction) -> str:
    request = prediction.request
    return f"http://{request.host}:{request.port}{request.target}"


def _hop(number: int, reason: Reason) -> Iterator[str]:
    first, *rest = textwrap.wrap(reason.text, _WIDTH - 24) or [""]
    yield f"     {number:>3}  {first}{' ' * max(2, _WIDTH - 16 - len(first))}{reason.rule}"
    yield from (f"          {line}" for line in rest)


def _within(outcome: Outcome) -> str:
    limit: timedelta | None = outcome.limits.answer_within
    late = f"{_TIMINGS[outcome.timing]}, or 504 after {format_duration(limit)}" if limit else _TIMINGS[outcome.timing]
    limited = "; 429 above its rate limit" if 429 in outcome.also else ""
    broken = f"; 504, then 503 after {outcome.breaking.max_failures} failures in a row" if outcome.breaking else ""
    return late + limited + broken


def _also(outcome: Outcome) -> str:
    return f" (also {', '.join(map(str, outcome.also))})" if outcome.also else ""


def _to(outcome: Outcome) -> str:
    return f", to {outcome.location}" if outcome.location else ""
