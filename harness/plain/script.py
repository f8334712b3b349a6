"""A scenario that is written while it runs: what a plain test does, in the words and by the rules of the language.

Every call adds what it means to a document like that of a YAML file, with the test's own lines, so that the same models
and the same checks say what is wrong with it, and reports name the test's line.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from types import FrameType
from typing import Any, Final

from harness.dialect import Dialect
from harness.errors import Finding, InputError
from harness.scenario.actions import Action
from harness.scenario.expectations import Expectation, Watch
from harness.scenario.lint_names import check_names
from harness.scenario.lint_story import Story
from harness.scenario.loading import LoadedScenario, Parsed, fit
from harness.scenario.model import API_VERSION, Metadata, Scenario, Spec, Step
from harness.scenario.outline_reading import outline
from harness.scenario.project import Project
from harness.scenario.spelled import one_line
from harness.scenario.yaml_source import Document, Location

_NO_SLUG: Final = re.compile(r"[^A-Za-z0-9]+")
_STEPS: Final = ("spec", "steps")


@dataclass(slots=True)
class Script:
    """The story as far as it was told.

    path        of the test, as reports show it
    test_line   where the test begins
    scenario    what it amounts to
    """

    path: str
    test_line: int
    project: Project
    dialect: Dialect
    scenario: Scenario
    _file: str
    _data: dict[str, Any] = field(default_factory=dict)
    _lines: dict[Location, int] = field(default_factory=dict)
    _watched: list[str] = field(default_factory=list)
    _meanwhile: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, name: str, description: str, path: str, project: Project, dialect: Dialect, *, test_line: int
    ) -> Script:
        """One that is empty but for its name.

        name         of the test; made one that scenarios can have
        description  what the test is about, in a sentence
        path         of the test's file, from the working folder or absolute
        test_line    where the test begins: told of what is done outside its file
        """
        called = slug(name)
        metadata = Metadata(name=called)
        # Nothing is told yet, which no file may be: the models are made without their checks.
        spec = Spec.model_construct(description=description, steps=())
        scenario = Scenario.model_construct(api_version=API_VERSION, kind="Scenario", metadata=metadata, spec=spec)
        data = {
            "apiVersion": API_VERSION,
            "kind": "Scenario",
            "metadata": {"name": called},
            "spec": {"description": description, "apps": [], "senders": {}, "always": [], "steps": []},
        }
        # Where the file is must be known before the test goes to another folder.
        return cls(path, test_line, project, dialect, scenario, os.path.realpath(path), data)

    def loaded(self) -> LoadedScenario:
        """It as a scenario that was read from a file."""
        return LoadedScenario(self.scenario, self.path, Document(self._data, dict(self._lines)))

    def line_now(self) -> int:
        """The line that the test's file has come to; where the test begins if a fixture of another file is at it."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _real_path(frame.f_code.co_filename) != self._file:
            frame = frame.f_back
        return frame.f_lineno if frame is not None else self.test_line

    def app(self, name: str) -> None:
        """An app is used from now on; raises InputError."""
        __tracebackhide__ = True
        self._data["spec"]["apps"].append(name)
        self._checked(lambda: self._data["spec"]["apps"].pop())
        self._now(apps=(*self.scenario.spec.apps, name))

    def sender(self, kind: type[Parsed], name: str, written: Mapping[str, Any]) -> Parsed:
        """A sender is there from now on; raises InputError."""
        __tracebackhide__ = True
        senders = self._data["spec"]["senders"]
        if name in senders:
            raise InputError([Finding(self.path, self.line_now(), f"sender '{name}' is there already")])
        sender = self._fitted(kind, ("spec", "senders", name), written)
        senders[name] = dict(written)
        self._checked(lambda: senders.pop(name))
        self._now(senders={**self.scenario.spec.senders, name: sender})
        return sender

    def part(self, kind: type[Parsed], written: Mapping[str, Any]) -> Parsed:
        """Something that is told for later; raises InputError."""
        __tracebackhide__ = True
        return self._fitted(kind, (), written)

    def step(self, name: str) -> None:
        """A step begins."""
        __tracebackhide__ = True
        steps = self._data["spec"]["steps"]
        self._lines[(*_STEPS, len(steps))] = self.line_now()
        steps.append({"name": name, "when": [], "then": []})
        self._lines[(*_STEPS, len(steps) - 1, "name")] = self.line_now()
        self._checked(steps.pop)
        self._now(steps=(*self.scenario.spec.steps, Step.model_construct(name=name, then=())))

    def action(self, written: Mapping[str, Any]) -> tuple[Action, Location]:
        """Something is done; also where it is written. raises InputError"""
        __tracebackhide__ = True
        return self._appended(Action, (*_STEPS, len(self._data["spec"]["steps"]) - 1, "when"), written)

    def expectation(self, written: Mapping[str, Any]) -> Expectation:
        """Something is expected; raises InputError."""
        __tracebackhide__ = True
        step = len(self._data["spec"]["steps"]) - 1
        self._meanwhile[str(written.get("expect"))] = tuple(self._watched)
        expectation, _ = self._appended(Expectation, (*_STEPS, step, "then"), written)
        *before, last = self.scenario.spec.steps
        self._now(steps=(*before, last.model_copy(update={"then": (*last.then, expectation)})))
        return expectation

    def watch(self, written: Mapping[str, Any]) -> Watch:
        """Something is expected for as long as it is watched; raises InputError."""
        __tracebackhide__ = True
        watch, _ = self._appended(Watch, ("spec", "always"), written)
        self._now(always=(*self.scenario.spec.always, watch))
        return watch

    @contextmanager
    def watched(self, watch: Watch) -> Iterator[None]:
        """What is expected inside asks while this is watched."""
        self._watched.append(watch.expect)
        try:
            yield
        finally:
            self._watched.remove(watch.expect)

    def free_name(self, wanted: str) -> str:
        """The name, or with a number if an expectation has it already."""
        spec = self._data["spec"]
        taken = {one["expect"] for one in spec["always"]}
        taken |= {one["expect"] for step in spec["steps"] for one in step["then"]}
        return unused(wanted, taken)

    def _appended(self, kind: type[Parsed], place: Location, written: Mapping[str, Any]) -> tuple[Parsed, Location]:
        __tracebackhide__ = True
        beside: Any = self._data
        for key in place:
            beside = beside[key]
        location = (*place, len(beside))
        part = self._fitted(kind, location, written)
        beside.append(dict(written))
        self._checked(beside.pop)
        return part, location

    def _fitted(self, kind: type[Parsed], location: Location, written: Mapping[str, Any]) -> Parsed:
        __tracebackhide__ = True
        line = self.line_now()
        if location:
            self._lines[location] = line
        part, findings = fit(kind, Document(dict(written), {(): line}), self.path)
        if part is None or findings:
            raise InputError(findings)
        return part

    def _checked(self, take_back: Any) -> None:
        """Raise InputError, with what was added last taken back, if the whole cannot be meant."""
        __tracebackhide__ = True
        findings = sorted(set(self._findings()))
        if findings:
            take_back()
            raise InputError(findings)

    def _findings(self) -> Iterator[Finding]:
        told = outline(Document(self._data, dict(self._lines)))
        for line, sentence in check_names(told, self._meanwhile):
            yield Finding(self.path, line, one_line(sentence))
        yield from Story(told, self.path, self.project, self.dialect).findings()

    def _now(self, **changed: Any) -> None:
        """Parts of the spec are others from now on."""
        self.scenario = self.scenario.model_copy(update={"spec": self.scenario.spec.model_copy(update=changed)})


def slug(text: str) -> str:
    """Words with dashes between them."""
    return _NO_SLUG.sub("-", text).strip("-") or "unnamed"


def unused(wanted: str, taken: Container[str]) -> str:
    """The name, or with a number if something is called so already."""
    return next(name for number in count(1) if (name := f"{wanted}-{number}" if number > 1 else wanted) not in taken)


_real_path: Final = cache(os.path.realpath)
