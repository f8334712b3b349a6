"""Whether one response has the properties that a claim names, and how a sentence names them."""

from __future__ import annotations

from harness.scenario.claims import Criteria, Kind
from harness.scenario.latency import LatencyBound
from harness.scenario.units import format_duration
from harness.traffic.outcome import Outcome


def satisfies(outcome: Outcome, criteria: Criteria) -> bool:
    """Whether the response has every property named; a request without a response has none."""
    if outcome.status is None:
        return False
    return (
        (criteria.status is None or outcome.status in criteria.status)
        and (criteria.grpc_status is None or outcome.grpc_status == criteria.grpc_status)
        and (criteria.by is None or outcome.by_proxy is (criteria.by == "proxy"))
        and (criteria.faster_than is None or outcome.latency < criteria.faster_than.total_seconds())
        and _has_headers(outcome, criteria)
        and _has_body(outcome, criteria)
    )


def _has_headers(outcome: Outcome, criteria: Criteria) -> bool:
    seen = {name.lower(): value for name, value in outcome.headers.items()}
    return all(seen.get(name.lower()) == value for name, value in (criteria.header or {}).items())


def _has_body(outcome: Outcome, criteria: Criteria) -> bool:
    return (criteria.body_has is None or criteria.body_has in outcome.body_start) and (
        criteria.body_lacks is None or criteria.body_lacks not in outcome.body_start
    )


def described(criteria: Criteria, noun: str = "responses") -> str:
    """«responses with status 500», «pages that succeed»: what is counted, in words."""
    parts = []
    if isinstance(criteria, Kind) and criteria.class_ is not None:
        parts.append(f"counted as {criteria.class_}")
    if criteria.status is not None:
        parts.append(f"with status {criteria.status}")
    if criteria.grpc_status is not None:
        parts.append(f"with grpc-status {criteria.grpc_status}")
    if criteria.by is not None:
        parts.append("made by a proxy" if criteria.by == "proxy" else "made by an app")
    if criteria.faster_than is not None:
        parts.append(f"faster than {format_duration(criteria.faster_than)}")
    parts += [f"with header {name}: {value}" for name, value in (criteria.header or {}).items()]
    if criteria.body_has is not None:
        parts.append(f"whose body has {_quoted(criteria.body_has)}")
    if criteria.body_lacks is not None:
        parts.append(f"whose body lacks {_quoted(criteria.body_lacks)}")
    return " ".join([noun, *parts])


def _quoted(text: str) -> str:
    """In quotes, with what no terminal shows as its escape: messages of gRPC are full of it."""
    return "'" + "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text) + "'"


def seconds_against(outcome: Outcome, bound: LatencyBound) -> float | None:
    """The time of a response by the clock that a bound's claim is harder to meet by; None if there was no response.

    Whoever claims that nothing is slow claims it of what a user feels, who waits from when the request was due. That
    something takes its time is claimed of the time since the request really left. So the sender's own lag speaks for
    no claim.
    """
    if outcome.status is None:
        return None
    return outcome.latency if bound.slower else outcome.service_time
