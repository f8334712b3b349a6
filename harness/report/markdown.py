"""A summary in Markdown, for pull requests: failures first, then a table of everything."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.report.story import ScenarioTold, Story
from harness.report.text import result_lines
from harness.report.words import MARKS, SUMMARY, WORDS, after_count
from harness.run import events as ev
from harness.verdict.judgement import Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def markdown(story: Story) -> str:
    """The run as Markdown that GitHub and GitLab render; text of others is escaped, whatever it is."""
    return "\n".join(_document(story)) + "\n"


def _document(story: Story) -> Iterator[str]:
    yield f"## Signalbox: {headline(story)}"
    yield ""
    yield _facts(story)
    if story.aborted and story.aborted.message:
        yield from ("", *_block(story.aborted.message.splitlines()))
    wrong = [result for result in story.results if result.verdict is not Verdict.HOLDS]
    for result in sorted(wrong, key=lambda result: result.verdict is not Verdict.BROKEN):
        yield from _failure(result)
    for scenario in story.scenarios:
        yield from _scenario(scenario)
    if story.finished and story.finished.false_alarm:
        yield from ("", escaped(story.finished.false_alarm))


def headline(story: Story) -> str:
    """The run in a few words."""
    if story.aborted:
        return story.aborted.word
    return SUMMARY[story.exit_code]


def _facts(story: Story) -> str:
    counts = ", ".join(
        f"{count} {after_count(verdict, count)}" for verdict in Verdict if (count := story.count(verdict))
    )
    where = f" on profile {escaped(story.started.profile)} ({escaped(story.started.dialect)})" if story.started else ""
    requests = sum(result.requests for result in story.results)
    return f"{counts or 'nothing was judged'}{where}; {requests} requests, {story.seconds:.1f} s."


def _failure(result: ev.ExpectationResult) -> Iterator[str]:
    yield ""
    yield f"### {MARKS[result.verdict]} {escaped(result.name)}: {WORDS[result.verdict]}"
    yield ""
    yield from _block(list(result_lines(result)))


def _scenario(scenario: ScenarioTold) -> Iterator[str]:
    held = all(result.verdict is Verdict.HOLDS for result in scenario.results) and not scenario.failures
    done = "open" if not held else ""
    yield ""
    yield f"<details {done}><summary>{_html(scenario.name)}: {_sum(scenario)}</summary>".replace(" >", ">")
    yield ""
    yield "| | expectation | seen | requests | seconds |"
    yield "|---|---|---|--:|--:|"
    for result in scenario.results:
        mark, seen = MARKS[result.verdict], escaped(result.judgement.seen)
        yield f"| {mark} | {escaped(result.name)} | {seen} | {result.requests} | {result.seconds:.1f} |"
    for promise in scenario.unreached:
        yield f"| · | {escaped(promise.name)} | not reached | | |"
    yield from (f"\n**{escaped(failure)}**" for failure in scenario.failures)
    yield ""
    yield "</details>"


def _sum(scenario: ScenarioTold) -> str:
    held = sum(result.verdict is Verdict.HOLDS for result in scenario.results)
    return f"{held} of {len(scenario.results) + len(scenario.unreached)} hold, {scenario.seconds:.1f} s"


def _block(lines: list[str]) -> Iterator[str]:
    """A block of plain text that no text can end early."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}text"
    yield from lines
    yield fence


def escaped(text: str) -> str:
    """Text for a cell or a sentence: one line, nothing in it is markup."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("@", "&#64;")  # nobody is mentioned by accident
    return _SPECIAL.sub(r"\\\1", plain).replace(r"&\#64;", "&#64;")


def _html(text: str) -> str:
    """Text within an element of a Markdown document: one line, nothing in it is markup of either kind."""
    return "".join(f"&#{ord(sign)};" if sign in "&<>@[]`*_|" else sign for sign in " ".join(text.split()))
