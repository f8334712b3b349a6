"""The page: a jinja2 template over the story, escaped throughout, with its style and its few lines of script inside."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from harness.report.html.evidence import evidence_plot, share_plot
from harness.report.html.latency import latency_plot
from harness.report.html.outcomes import answers
from harness.report.html.timeline import timeline
from harness.report.html.topology import edges, topology
from harness.report.markdown import headline
from harness.report.story import ScenarioTold, Story
from harness.report.text import answer
from harness.report.tutorial import ArticleTold, summary
from harness.report.words import MARKS, WORDS, after_count
from harness.run.events import ExpectationResult
from harness.verdict.judgement import Verdict

_ORDER = (Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.HOLDS)


def page(story: Story, article: ArticleTold | None = None) -> str:
    """The whole report as HTML.

    article  what an article says of the same, put in front of the scenarios
    """
    return _template().render(
        story=story,
        article=article,
        headline=headline(story),
        verdict=_verdict_of(story),
        began=datetime.fromtimestamp(story.unix_time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        counts=[(kind, after_count(kind, count), count) for kind in _ORDER if (count := story.count(kind))],
        wrong=sorted(
            ((s, r) for s in story.scenarios for r in s.results if r.verdict is not Verdict.HOLDS),
            key=lambda pair: _ORDER.index(pair[1].verdict),
        ),
    )


def _verdict_of(story: Story) -> str:
    if story.aborted:
        return "aborted"
    verdicts = {result.verdict for result in story.results}
    if any(scenario.failures for scenario in story.scenarios):
        verdicts.add(Verdict.BROKEN)
    return str(next((verdict for verdict in _ORDER if verdict in verdicts), Verdict.HOLDS))


def _state_of(scenario: ScenarioTold) -> str:
    verdicts = {result.verdict for result in scenario.results}
    if scenario.failures or (scenario.unreached and Verdict.BROKEN not in verdicts):
        return "aborted" if scenario.report is None else str(Verdict.BROKEN)
    return str(next((verdict for verdict in _ORDER if verdict in verdicts), Verdict.HOLDS))


def _plots(scenario: ScenarioTold, result: ExpectationResult) -> list[tuple[str, Markup]]:
    """The plots of one expectation that have something to show, each with its title."""
    found = [
        ("The share, as it became known (x: responses)", share_plot(result)),
        ("Evidence on its way to a verdict (x: responses)", evidence_plot(result)),
        ("Latency (y: responses)", latency_plot(scenario.requests_of(result.name))),
    ]
    return [(title, plot) for title, plot in found if plot]


def _split(scenario: ScenarioTold, result: ExpectationResult) -> list[tuple[str, int, float]]:
    """Who answered an expectation's requests: name, count, percent; empty unless there were several."""
    counts: dict[str, int] = {}
    for made in scenario.requests_of(result.name):
        for name, count in made.workloads:
            counts[name or "an unmeshed endpoint"] = counts.get(name or "an unmeshed endpoint", 0) + count
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return [(name, count, 100 * count / total) for name, count in ordered] if len(counts) > 1 and total else []


@cache
def _template() -> Template:
    loader = PackageLoader("harness.report.html", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        style=Markup(environment.get_template("style.css").render()),
        script=Markup(environment.get_template("script.js").render()),
        mark=lambda verdict: MARKS[verdict],
        word=lambda verdict: WORDS[verdict],
        state=_state_of,
        timeline=timeline,
        topology=topology,
        edges=edges,
        plots=_plots,
        split=_split,
        answers=answers,
        answer=answer,
        summary=summary,
    )
    return environment.get_template("page.html.j2")
