"""A whole scenario explained before it runs: what is applied, who asks what, what will be, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.forecast.asks import Ask, asks_of
from harness.forecast.contradiction import contradictions, decisive_reason, outcome_in_words, predictions
from harness.forecast.differences import told
from harness.forecast.effort import Effort, effort_of, features_of
from harness.forecast.pages import pages_of, wrong_pages
from harness.forecast.timeline import Moment, moments
from harness.forecast.trace import as_data, percent
from harness.oracle import Prediction
from harness.scenario.clusters import Profile
from harness.scenario.expectations import Expectation
from harness.scenario.loading import LoadedScenario
from harness.scenario.model import IngressSender, Scenario
from harness.scenario.project import Project


def story_lines(loaded: LoadedScenario, project: Project, profile: Profile) -> Iterator[str]:
    """The scenario as a person reads it."""
    scenario = loaded.scenario
    yield f"{scenario.name}: {scenario.spec.description}"
    yield f"  rules      {profile.dialect} ({profile.rules.version})"
    yield f"  apps       {', '.join(scenario.spec.apps) or 'none'}"
    for name, sender in scenario.spec.senders.items():
        yield f"  sender     {name}: {_sender(sender)}"
    total = [0.0, 0.0]
    for moment in moments(loaded, project, profile.rules):
        yield ""
        yield f"step {moment.number + 1}: {moment.step.name}"
        yield from _change(moment)
        for expectation in moment.step.then:
            effort = effort_of(scenario, expectation, profile.pace)
            yield from _expectation_lines(scenario, moment, expectation, effort, profile)
            for index, seconds in enumerate(effort.seconds if effort else ()):
                total[index] += seconds
    yield ""
    yield f"sending takes {_span((total[0], total[1]))}, apart from apps, rollouts and settling"
    for feature, names in features_of(scenario).items():
        yield f"feature {feature}: {', '.join(names) or 'no expectation'}"


def story_data(loaded: LoadedScenario, project: Project, profile: Profile) -> dict[str, Any]:
    """The same for tools."""
    scenario = loaded.scenario
    return {
        "scenario": scenario.name,
        "dialect": profile.dialect,
        "steps": [_step_data(scenario, moment, profile) for moment in moments(loaded, project, profile.rules)],
        "features": {feature: list(names) for feature, names in features_of(scenario).items()},
    }


def _change(moment: Moment) -> Iterator[str]:
    for path in moment.applied:
        yield f"  apply      {path}"
    for path in moment.deleted:
        yield f"  delete     {path}"
    for one in moment.objects.unread:
        yield f"  not used   {one.kind} {one.name}: {one.problem}"
    for namespace, name in moment.unready:
        yield f"  note       the kubelet's probe of {namespace}/{name} is locked out: it will become unready (§3.13)"
    for what in moment.patched:
        yield f"  note       {what} is patched, which is not followed here"


def _expectation_lines(
    scenario: Scenario, moment: Moment, expectation: Expectation, effort: Effort | None, profile: Profile
) -> Iterator[str]:
    yield f"  expect {expectation.expect}" + (f"   ({_cost(effort)})" if effort else "")
    for ask in asks_of(scenario, expectation):
        if ask.by is None:
            yield f"    {ask.request} by way of the ingress: what is behind it decides; not followed"
            continue
        yield f"    {_asked(ask)}"
        for index, prediction in enumerate(predictions(moment, ask)):
            yield from _brief(prediction, "" if index == 0 else "once unready: ", profile, calls=ask.calls)
    if found := pages_of(scenario, moment, expectation):
        yield f"    booksapp's call graph: {found.sentence}"
    for wrong in contradictions(scenario, moment, expectation):
        yield f"    CONTRADICTION: {wrong.sentence}"
    if sentence := wrong_pages(scenario, moment, expectation):
        yield f"    CONTRADICTION: {sentence}"
    if expectation.known_gap is not None and expectation.known_gap.covers(profile.rules):
        yield f"    known gap: {expectation.known_gap}; here the expectation must fail"


def _brief(prediction: Prediction, when: str, profile: Profile, *, calls: bool) -> Iterator[str]:
    for outcome in prediction.outcomes:
        why = decisive_reason(outcome) or ""
        yield f"      {when}{percent(outcome):>5}  {outcome_in_words(outcome, calls=calls)}   {why}"
        for sentence in told(outcome, profile.differs):
            yield f"             note: {sentence}"


def _step_data(scenario: Scenario, moment: Moment, profile: Profile) -> dict[str, Any]:
    return {
        "step": moment.step.name,
        "applied": list(moment.applied),
        "deleted": list(moment.deleted),
        "lockedOut": ["/".join(key) for key in moment.unready],
        "expectations": [_expectation_data(scenario, moment, one, profile) for one in moment.step.then],
    }


def _expectation_data(scenario: Scenario, moment: Moment, expectation: Expectation, profile: Profile) -> dict[str, Any]:
    effort = effort_of(scenario, expectation, profile.pace)
    return {
        "expect": expectation.expect,
        "requests": None if effort is None else {"least": effort.least, "most": effort.most},
        "seconds": None if effort is None else list(effort.seconds),
        "asks": [
            {"row": ask.row, "sender": ask.sender, "predictions": [as_data(one, profile.differs) for one in found]}
            for ask, found in ((ask, predictions(moment, ask)) for ask in asks_of(scenario, expectation))
        ],
        "pages": None if (found := pages_of(scenario, moment, expectation)) is None else float(found.cycle.success),
        "contradictions": [
            *(one.sentence for one in contradictions(scenario, moment, expectation)),
            *filter(None, [wrong_pages(scenario, moment, expectation)]),
        ],
    }


def _sender(sender: object) -> str:
    if isinstance(sender, IngressSender):
        return f"through the ingress, as {sender.host}"
    meshed = "meshed" if getattr(sender, "meshed", False) else "not meshed"
    return f"{getattr(sender, 'namespace', '')}/{getattr(sender, 'service_account', '')}, {meshed}"


def _asked(ask: Ask) -> str:
    row = f"{ask.row}. " if ask.row else ""
    headers = "".join(f"  {name}: {value}" for name, value in ask.request.headers)
    return f"{row}{ask.sender}: {ask.request}{headers}"


def _cost(effort: Effort) -> str:
    if not effort.most:
        return f"proxies are watched for {effort.seconds[0]:.0f} s"
    if effort.least == effort.most:
        return f"{effort.least} requests, {_span(effort.seconds)}"
    return f"{effort.least} to {effort.most} requests, {_span(effort.seconds)}"


def _span(seconds: tuple[float, float]) -> str:
    low, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in seconds)
    return f"{low} s" if low == high else f"{low} to {high} s"
