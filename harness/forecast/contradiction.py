"""Whether what is promised can come true, if the mesh does what its rules say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from harness.forecast.asks import Ask, asks_of, share_of
from harness.forecast.timeline import Moment
from harness.oracle import Outcome, Prediction, Reason, predict
from harness.oracle.fixed_answers import with_fixed
from harness.scenario.claims import Criteria, Kind, Share
from harness.scenario.expectations import Expectation, Watch
from harness.scenario.grpc_status import GrpcStatus
from harness.scenario.model import Scenario
from harness.scenario.units import format_duration, format_percent

NOBODY: frozenset[int] = frozenset({502, 503, 504})
"""What a client can be told when nobody answers in HTTP: an embedded mesh says so, elsewhere there is no response."""
_GRPC_STATUSES: Final[Mapping[int, frozenset[GrpcStatus]]] = {
    403: frozenset({GrpcStatus.PERMISSION_DENIED}),
    404: frozenset({GrpcStatus.NOT_FOUND}),
    429: frozenset({GrpcStatus.RESOURCE_EXHAUSTED}),
    500: frozenset({GrpcStatus.FAILED_PRECONDITION, GrpcStatus.INTERNAL}),
    502: frozenset({GrpcStatus.UNAVAILABLE}),
    503: frozenset({GrpcStatus.UNAVAILABLE}),
    504: frozenset({GrpcStatus.DEADLINE_EXCEEDED}),
}
"""What proxies answer a call of gRPC instead (linkerd2-proxy 29637b64f, app/core/src/errors/respond.rs)."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A promise that cannot be kept.

    row     number of the table's row, 0 if the promise has no table
    wanted  what was promised, in words
    calls   of calls of gRPC
    """

    row: int
    wanted: str
    prediction: Prediction
    calls: bool = False

    @property
    def sentence(self) -> str:
        """What was promised, what will be, and why."""
        outcomes = self.prediction.outcomes
        shares: dict[str, Fraction] = {}
        for outcome in outcomes:
            words = outcome_in_words(outcome, calls=self.calls)
            shares[words] = shares.get(words, Fraction(0)) + outcome.probability
        told = [words if part == 1 else f"{format_percent(float(part))} {words}" for words, part in shares.items()]
        said = ", ".join(told)
        reason = decisive_reason(outcomes[-1]) or ""
        sender, request = self.prediction.sender, self.prediction.request
        return f"{request} of {sender} is promised {self.wanted}, and the rules say {said}: {reason}"


def outcome_in_words(outcome: Outcome, *, calls: bool = False) -> str:
    """Such as «404 by the client's own proxy», of calls «NOT_FOUND by …»; «whatever app books answers»."""
    workload = outcome.workload[1] if outcome.workload else "somebody"
    status = " or ".join(_shown(outcome, status, calls=calls) for status in (outcome.status, *outcome.also))
    match outcome.by:
        case "app":
            late = "".join(f", or {_late(outcome, status)}" for status in outcome.also)
            if outcome.status is None:
                return f"what the app of {workload} answers{late}"
            return f"{outcome.status} by the app of {workload}{late}"
        case "client's proxy":
            return f"{status} by the client's own proxy" if outcome.status else "a closed connection"
        case "server's proxy":
            return f"{status} by the proxy of {workload}"
        case _:
            return "no answer at all"


def _shown(outcome: Outcome, status: int | None, *, calls: bool) -> str:
    known = told_to_calls(outcome, status) if calls and status is not None else frozenset()
    return " or ".join(sorted(map(str, known))) or str(status)


def decisive_reason(outcome: Outcome) -> Reason | None:
    """The link of the chain that says most: the last, but what a default policy lets in is not worth a word."""
    allowed, reasons = outcome.allowed, outcome.reasons
    if outcome.by == "app" and allowed is not None and allowed.server.startswith("default:"):
        reasons = tuple(reason for reason in reasons if not reason.rule.startswith("§3."))
    return reasons[-1] if reasons else None


def _late(outcome: Outcome, status: int) -> str:
    limit = outcome.limits.answer_within
    return f"{status} after {format_duration(limit)}" if status == 504 and limit is not None else str(status)


def predictions(moment: Moment, ask: Ask) -> tuple[Prediction, ...]:
    """What the oracle says; twice, if the policies lock a probe out: while pods are still ready, and afterwards.

    Nothing where the oracle does not know who asks: through the ingress.
    """
    if ask.by is None:
        return ()
    found = [predict(moment.objects, ask.by, ask.request)]
    if moment.unready:
        found.append(predict(moment.objects, ask.by, ask.request, unready=moment.unready))
    return tuple(with_fixed(prediction, moment.fixed) for prediction in found)


def is_held_to_rules(moment: Moment, promise: Expectation | Watch) -> bool:
    """False where a patch may have changed what the mesh goes by, and where a gap is known."""
    gap = promise.known_gap
    return not moment.is_vague and (gap is None or not gap.covers(moment.objects.dialect))


def contradictions(scenario: Scenario, moment: Moment, promise: Expectation | Watch) -> Iterator[Contradiction]:
    """Everything in a promise that cannot be; nothing where the oracle cannot know.

    moment   the cluster when the promise is judged; of `always` each step's in turn
    promise  of a scenario that lint has nothing against
    """
    if not is_held_to_rules(moment, promise):
        return
    share = share_of(scenario, promise)
    for ask in asks_of(scenario, promise):
        found = predictions(moment, ask)
        if not found:
            continue
        if ask.wanted is not None and not any(_all_can(prediction, ask.wanted) for prediction in found):
            yield Contradiction(ask.row, _wanted(ask.wanted), found[0], ask.calls)
        if share is not None and not any(_can_be(prediction, share) for prediction in found):
            yield Contradiction(ask.row, share_in_words(share), found[0], ask.calls)


def _all_can(prediction: Prediction, wanted: Criteria) -> bool:
    return all(is_possible(outcome, wanted) for outcome in prediction.outcomes)


def is_possible(outcome: Outcome, wanted: Criteria) -> bool:
    """True unless something that the oracle knows of the outcome is against it."""
    if wanted.status is not None and not _status_can(outcome, wanted):
        return False
    if wanted.grpc_status is not None and not _grpc_status_can(outcome, wanted.grpc_status):
        return False
    if wanted.by is not None and outcome.by != "network":
        late = bool(outcome.also) and outcome.by == "app"
        if not late and (wanted.by == "proxy") != (outcome.by == "client's proxy"):
            return False
    if wanted.answered_by is not None:
        reached = outcome.by in ("app", "server's proxy")
        return reached and (outcome.workload is None or outcome.workload[1] == wanted.answered_by)
    return True


def _status_can(outcome: Outcome, wanted: Criteria) -> bool:
    assert wanted.status is not None, "asked only of criteria with a status"
    if outcome.by == "app" and outcome.status is None:
        return True
    return any(status in wanted.status for status in outcome.statuses or NOBODY)


def _grpc_status_can(outcome: Outcome, wanted: GrpcStatus) -> bool:
    if outcome.by == "app":
        return True
    statuses = outcome.statuses or NOBODY
    return any(wanted in (told_to_calls(outcome, status) or {wanted}) for status in statuses)


def told_to_calls(outcome: Outcome, status: int) -> frozenset[GrpcStatus]:
    """What a call is told in place of a status of HTTP; nothing if that is not known."""
    by_grpc_route = (
        outcome.routed is not None and outcome.routed.route is not None and "GRPCRoute" in outcome.routed.route
    )
    if status == 500 and by_grpc_route and outcome.backend is None:
        return frozenset({GrpcStatus.UNKNOWN})  # they have proxies give 500, which gRPC has not
    return _GRPC_STATUSES.get(status, frozenset())


def is_certain(outcome: Outcome, wanted: Criteria) -> bool:
    """True if the outcome has all that is wanted, for certain."""
    known = {"status", "by", "answered-by"}
    if not set(wanted.given()) <= known or not is_possible(outcome, wanted):
        return False
    if wanted.status is not None:
        return bool(outcome.statuses) and all(status in wanted.status for status in outcome.statuses)
    return not (outcome.by == "app" and outcome.also)


def _can_be(prediction: Prediction, share: Share) -> bool:
    if not prediction.exact:
        return True
    return fits(share, _sum(prediction, share.of, must=True), _sum(prediction, share.of, must=False))


def fits(share: Share, least: Fraction, most: Fraction) -> bool:
    """Whether a share between these two is none of those that the claim is to be told apart from."""
    slack, claimed = exact(share.resolution), exact(share.claimed)
    too_many = share.at_least is None and least >= claimed + slack
    too_few = share.at_most is None and most <= claimed - slack
    return not (too_many or too_few)


def exact(written: float) -> Fraction:
    """The number as it is written."""
    return Fraction(str(written))


def _sum(prediction: Prediction, wanted: Criteria, *, must: bool) -> Fraction:
    counts = is_certain if must else is_possible
    return sum((one.probability for one in prediction.outcomes if counts(one, wanted)), Fraction(0))


def _wanted(wanted: Criteria) -> str:
    words = []
    if wanted.status is not None:
        words.append(f"status {wanted.status}")
    if wanted.grpc_status is not None:
        words.append(f"grpc-status {wanted.grpc_status}")
    if wanted.by is not None:
        words.append("by the sender's own proxy" if wanted.by == "proxy" else "by who is behind the sender's own proxy")
    if isinstance(wanted, Kind) and wanted.class_ is not None:
        words.append(f"class {wanted.class_}")
    if wanted.answered_by is not None:
        words.append(f"answered by {wanted.answered_by}")
    return ", ".join(words)


def share_in_words(share: Share) -> str:
    """Such as «status 500 in exactly 10% of responses»."""
    bound = "exactly" if share.is_ is not None else "at most" if share.at_most is not None else "at least"
    return f"{_wanted(share.of)} in {bound} {format_percent(share.claimed)} of responses"
