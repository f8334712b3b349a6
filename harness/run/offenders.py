"""The requests that broke an expectation: three of them whole, and what the sender's proxy counted meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.run.bursts import Burst
from harness.run.criteria import described, satisfies, seconds_against
from harness.run.events import Offence
from harness.scenario.claims import Criteria, Every, Share
from harness.scenario.expectations import Claim
from harness.scenario.latency import Latency
from harness.traffic.outcome import Outcome
from harness.traffic.tally import kind_of
from harness.verdict.judgement import Judgement

SHOWN = 3
"""Requests shown of each burst; of different kinds, if there are several."""

Offends = Callable[[Outcome], bool]


@dataclass(frozen=True, slots=True)
class Sent:
    """A burst and what was asked of it.

    case    the row of a table in words; "" where there is no table
    wanted  the row's properties; None where the claim itself says what is wanted
    """

    burst: Burst
    sender: str
    case: str = ""
    wanted: Criteria | None = None


def offence_of(sent: Sent, claim: Claim, judgement: Judgement) -> Offence | None:
    """What of a burst broke the claim; None if nothing of it did."""
    offends, rule = _rule(sent, claim, judgement)
    against = [outcome for outcome in sent.burst.outcomes if offends(outcome)]
    if not against or sent.burst.plan is None:
        return None
    request = sent.burst.plan.request
    return Offence(
        sender=sent.sender,
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=request.body.decode(errors="replace"),
        case=sent.case,
        rule=rule,
        outcomes=_of_different_kinds(against),
        offending=len(against),
        total=len(sent.burst.outcomes),
        counted=sent.burst.grown(),
    )


def _rule(sent: Sent, claim: Claim, judgement: Judgement) -> tuple[Offends, str]:
    """Which outcomes speak against the claim, and that in words."""
    if sent.wanted is not None:
        return _lacking(sent.wanted)
    match claim:
        case Every():
            return _lacking(claim)
        case Latency():
            bounds = claim.bounds()
            return (
                lambda o: o.status is None or any(b.is_beyond(seconds_against(o, b)) for b in bounds)
            ), "beyond a limit"
        case Share(of=of) if of.answered_by is None:
            too_many = judgement.total > 0 and judgement.hits / judgement.total > claim.claimed
            return (lambda o: satisfies(o, of)) if too_many else (lambda o: not satisfies(o, of)), (
                f"too many {described(of)}" if too_many else f"too few {described(of)}; these are others"
            )
    return (lambda o: o.status is None), "without a response"


def _lacking(wanted: Criteria) -> tuple[Offends, str]:
    return (lambda outcome: not satisfies(outcome, wanted)), f"no {described(wanted)}"


def _of_different_kinds(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    first = {kind_of(outcome): outcome for outcome in reversed(outcomes)}
    chosen = sorted(first.values(), key=lambda outcome: outcome.index)[:SHOWN]
    chosen += [outcome for outcome in outcomes if outcome not in chosen][: SHOWN - len(chosen)]
    return tuple(sorted(chosen, key=lambda outcome: outcome.index))
