"""Findings about scenarios and manifests with code, file and line; what is allowed in place is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.dialect import Dialect
from harness.forecast.contradiction import Contradiction, contradictions
from harness.forecast.effort import effort_of
from harness.forecast.pages import wrong_pages
from harness.forecast.timeline import Moment, moments
from harness.forecast.weights import unlike_weights
from harness.lint.codes import CODES, Level
from harness.lint.lint import lint_objects
from harness.scenario.actions import Apply
from harness.scenario.clusters import Clusters, Pace
from harness.scenario.expectations import Expectation, Watch
from harness.scenario.lint import lint
from harness.scenario.loading import LoadedScenario, Reading
from harness.scenario.manifests import Manifest
from harness.scenario.project import Project
from harness.scenario.sendable import MAX_REQUESTS

_ALLOWED: Final = re.compile(r"#\s*signalbox:\s*allow\s+([a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)\s*(?::\s*(.*))?$")


@dataclass(frozen=True, slots=True, order=True)
class CodedFinding:
    """One thing wrong at one place.

    file    path as the user typed it, or kind and name for an object of a cluster
    line    1-based; 0 if unknown
    """

    file: str
    line: int
    code: str
    sentence: str

    @property
    def level(self) -> Level:
        return CODES[self.code].level

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.code}: {self.sentence}"


def check_manifests(
    manifests: Sequence[Manifest], dialect: Dialect, context: Sequence[Manifest] = ()
) -> Iterator[CodedFinding]:
    """Findings about these objects together; `context` is there with them and not reported on."""
    everything = [*context, *manifests]
    for problem in lint_objects([manifest.obj for manifest in everything], dialect):
        if problem.index >= len(context):
            manifest = everything[problem.index]
            yield CodedFinding(manifest.file, manifest.line(problem.path), problem.code, problem.sentence)


def check_objects(documents: Sequence[Any], dialect: Dialect) -> Iterator[CodedFinding]:
    """Findings about the objects of a cluster, which have names in place of lines."""
    for problem in lint_objects(documents, dialect):
        obj = documents[problem.index]
        metadata = obj.get("metadata") or {}
        place = f"{obj.get('kind')} {metadata.get('namespace', '')}/{metadata.get('name')}".replace(" /", " ")
        yield CodedFinding(f"{place} {problem.path}".strip(), 0, problem.code, problem.sentence)


def check_scenario(
    reading: Reading, project: Project, clusters: Clusters, profile_name: str, dialect: Dialect | None = None
) -> Iterator[CodedFinding]:
    """Findings about a scenario: what cannot be run, and what cannot come true by the rules of the mesh.

    A scenario that requires another mesh is not held against the rules; without a dialect they are the profile's.
    """
    findings = lint(reading, project, clusters, profile_name)
    yield from (CodedFinding(one.file, one.line, "invalid-scenario", one.message) for one in findings)
    if findings or reading.scenario is None or reading.document is None:
        return
    loaded, dialect = reading.loaded(), dialect or clusters.profiles[profile_name].rules
    required = loaded.scenario.spec.requires.mesh
    if required is not None and not required.covers(dialect):
        return
    yield from _undecided(loaded, clusters.profiles[profile_name].pace)
    for moment in moments(loaded, project, dialect):
        yield from _contradictions(loaded, moment)
        yield from _unlike_weights(loaded, moment)
        yield from _wrong_pages(loaded, moment)
        yield from _expected(loaded, moment, dialect)


def _undecided(loaded: LoadedScenario, pace: Pace) -> Iterator[CodedFinding]:
    """Claims that would take more responses than are ever asked for."""
    for _, promise in loaded.scenario.expectations():
        effort = effort_of(loaded.scenario, promise, pace)
        if effort is not None and effort.least > MAX_REQUESTS:
            said = f"'{promise.expect}' takes {effort.least} responses at least; no more than {MAX_REQUESTS} are sent"
            line = loaded.expectation_line(promise.expect)
            yield CodedFinding(loaded.path, line, "invalid-scenario", f"{said}, so write a wider resolution")


def _contradictions(loaded: LoadedScenario, moment: Moment) -> Iterator[CodedFinding]:
    scenario, at = loaded.scenario, ("spec", "steps", moment.number, "then")
    for number, expectation in enumerate(moment.step.then):
        for wrong in contradictions(scenario, moment, expectation):
            in_table = expectation.each is not None and wrong.row
            row = ("each", "rows", wrong.row - 1) if in_table else ()
            yield _contradicting(loaded.path, loaded.line(*at, number, *row), expectation.expect, moment, wrong)
    for watch in scenario.spec.always:
        for wrong in contradictions(scenario, moment, watch):
            yield _contradicting(loaded.path, loaded.expectation_line(watch.expect), watch.expect, moment, wrong)


def _unlike_weights(loaded: LoadedScenario, moment: Moment) -> Iterator[CodedFinding]:
    promises: list[Expectation | Watch] = [*moment.step.then, *loaded.scenario.spec.always]
    for promise in promises:
        for strange in unlike_weights(loaded.scenario, moment, promise):
            said = f"'{promise.expect}' in step '{moment.step.name}': {strange.sentence}"
            yield CodedFinding(loaded.path, loaded.expectation_line(promise.expect), "share-unlike-weights", said)


def _wrong_pages(loaded: LoadedScenario, moment: Moment) -> Iterator[CodedFinding]:
    for expectation in moment.step.then:
        if sentence := wrong_pages(loaded.scenario, moment, expectation):
            line = loaded.expectation_line(expectation.expect)
            said = f"'{expectation.expect}' in step '{moment.step.name}': {sentence}"
            yield CodedFinding(loaded.path, line, "contradicts-rules", said)


def _contradicting(path: str, line: int, name: str, moment: Moment, wrong: Contradiction) -> CodedFinding:
    sentence = f"'{name}' in step '{moment.step.name}': {wrong.sentence}"
    return CodedFinding(path, line, "contradicts-rules", sentence)


def _expected(loaded: LoadedScenario, moment: Moment, dialect: Dialect) -> Iterator[CodedFinding]:
    """Codes that an action expects must be found in what it applies."""
    problems = lint_objects([obj for obj, _ in moment.documents], dialect)
    places = [(moment.documents[one.index][1].file, one.code) for one in problems]
    for key in ("given", "when"):
        for number, action in enumerate(getattr(moment.step, key)):
            work = action.work
            codes = work.expected_findings if isinstance(work, Apply) else ()
            for code in codes:
                if not any(found == code and file.endswith(work.manifests) for file, found in places):
                    line = loaded.line("spec", "steps", moment.number, key, number)
                    said = f"'{code}' is expected of {', '.join(work.manifests)} and is not there"
                    yield CodedFinding(loaded.path, line, "allowed-for-nothing", said)


def not_allowed(findings: Iterable[CodedFinding], files: Iterable[str]) -> tuple[CodedFinding, ...]:
    """The findings without those that are allowed in place, and with comments that allow wrongly or for nothing.

    A comment `# signalbox: allow CODE: reason` counts for its own line and the next.
    """
    found = set(findings)
    used: set[tuple[str, int, str]] = set()
    left: list[CodedFinding] = []
    for one in sorted(found):
        at = next((line for line in (one.line, one.line - 1) if one.code in _allowed(one.file).get(line, {})), 0)
        if at:
            used.add((one.file, at, one.code))
        else:
            left.append(one)
    for file in sorted(set(files)):
        left += _wrongly_allowed(file, used)
    return tuple(sorted(left))


def _wrongly_allowed(file: str, used: set[tuple[str, int, str]]) -> Iterator[CodedFinding]:
    for line, codes in _allowed(file).items():
        for code, reason in codes.items():
            if not reason:
                said = f"'{code}' is allowed without a reason; write # signalbox: allow {code}: why"
                yield CodedFinding(file, line, "allowed-without-reason", said)
            if (file, line, code) not in used:
                known = "is not there" if code in CODES else f"is no code; known are {', '.join(CODES)}"
                yield CodedFinding(file, line, "allowed-for-nothing", f"'{code}' is allowed here and {known}")


@cache
def _allowed(file: str) -> dict[int, dict[str, str]]:
    """Codes with their reasons, by the line of the comment."""
    path = Path(file)
    if not path.is_file():
        return {}
    found: dict[int, dict[str, str]] = {}
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        if match := _ALLOWED.search(text):
            found[number] = {code.strip(): (match[2] or "").strip() for code in match[1].split(",")}
    return found
