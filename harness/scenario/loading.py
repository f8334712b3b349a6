"""Scenario files to models, with the line of everything, and with all that is wrong at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import Finding, InputError
from harness.scenario.model import Scenario
from harness.scenario.part import PART_PROBLEM
from harness.scenario.spelled import one_line
from harness.scenario.yaml_source import Document, ScenarioLoader, Unreadable, parse_documents, read_text

Parsed = TypeVar("Parsed", bound=BaseModel)

_SUFFIXES: Final = (".yaml", ".yml")
_LOOKS_LIKE_ONE: Final = re.compile(r"signalbox/|kind:\s*[\"']?scenario\b", re.IGNORECASE)
_OUR_OTHER_KINDS: Final = ("Clusters", "App", "Article", "Twins")


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario and where each part of it is written.

    path  as the user typed it
    """

    scenario: Scenario
    path: str
    document: Document

    def line(self, *location: str | int) -> int:
        """The line of a key or list item by its YAML location, such as ("spec", "steps", 0, "then", 1)."""
        return self.document.line(*location)

    def expectation_line(self, name: str) -> int:
        """The line where the expectation, or the line of `always`, of this name begins; 0 if there is none."""
        for number, watch in enumerate(self.scenario.spec.always):
            if watch.expect == name:
                return self.line("spec", "always", number)
        for number, step in enumerate(self.scenario.spec.steps):
            for index, expectation in enumerate(step.then):
                if expectation.expect == name:
                    return self.line("spec", "steps", number, "then", index)
        return 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as far as it could be read.

    document  None if it is no YAML
    scenario  None if the findings forbid it
    """

    path: str
    document: Document | None
    scenario: Scenario | None
    findings: tuple[Finding, ...]

    def loaded(self) -> LoadedScenario:
        """The scenario; raises InputError if anything was found."""
        if self.findings or self.scenario is None or self.document is None:
            raise InputError(self.findings)
        return LoadedScenario(self.scenario, self.path, self.document)


def load(path: str | Path) -> LoadedScenario:
    """The scenario in a file; raises InputError with everything that is wrong with its text, keys and values."""
    return read(str(path)).loaded()


def load_all(paths: Iterable[str | Path]) -> list[LoadedScenario]:
    """The scenarios in files, and in folders at any depth; in the order given, in folders by name, each once.

    raises  InputError with the findings of all files; also if a path or a folder has no scenario
    """
    readings = read_all(paths)
    findings = [finding for reading in readings for finding in reading.findings]
    if findings:
        raise InputError(findings)
    return [reading.loaded() for reading in readings]


def read_all(paths: Iterable[str | Path]) -> list[Reading]:
    """Like `load_all`, but with the findings beside the files; raises InputError only if there is no scenario."""
    files: dict[str, str] = {}
    missing: list[Finding] = []
    for path in map(str, paths):
        found = list(_scenario_files(path)) if os.path.isdir(path) else [path]
        if not found:
            missing.append(Finding(path, 0, "no scenario is in this folder: no .yaml file in it has kind Scenario"))
        files |= {os.path.realpath(file): file for file in found if os.path.realpath(file) not in files}
    if missing or not files:
        raise InputError(missing or [Finding("", 0, "no scenario was named; give a file or a folder")])
    readings = [read(file) for file in files.values()]
    return _with_twins(readings)


def _scenario_files(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(parent, name)
            if name.endswith(_SUFFIXES) and looks_like_scenario(path):
                yield path


def looks_like_scenario(path: str | Path) -> bool:
    """Whether the file is a scenario, or was meant to be one: a misspelt or broken one must not be passed over."""
    try:
        text = read_text(Path(path))
    except Unreadable:
        return False
    if not _LOOKS_LIKE_ONE.search(text):
        return False
    try:
        documents = parse_documents(text, ScenarioLoader)
    except Unreadable:
        return True
    return any(_claims_to_be_one(document.data) for document in documents)


def _claims_to_be_one(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    kind, version = str(data.get("kind")), str(data.get("apiVersion"))
    return kind.lower() == "scenario" or (version.startswith("signalbox/") and kind not in _OUR_OTHER_KINDS)


def _with_twins(readings: Sequence[Reading]) -> list[Reading]:
    """The readings, with a finding for each scenario whose name an earlier file has."""
    taken: dict[str, str] = {}
    checked = []
    for reading in readings:
        findings = reading.findings
        if reading.scenario is not None and reading.document is not None:
            name, line = reading.scenario.name, reading.document.line("metadata", "name")
            if name in taken:
                findings = (*findings, name_taken(name, reading.path, line, by=taken[name]))
            taken.setdefault(name, f"{reading.path}:{line}")
        checked.append(Reading(reading.path, reading.document, reading.scenario, findings))
    return checked


def name_taken(name: str, path: str, line: int, *, by: str) -> Finding:
    """What is said of a scenario that is called like one at another place."""
    return Finding(path, line, f"the name '{name}' is taken, by {by}")


def read(path: str) -> Reading:
    """The file with all findings about its text, keys and values; raises nothing."""
    try:
        document = read_document(path)
    except Unreadable as error:
        return Reading(path, None, None, (Finding(path, error.line, error.sentence),))
    scenario, findings = fit(Scenario, document, path)
    return Reading(path, document, scenario, findings)


def read_document(path: str) -> Document:
    """The only document of a file of ours; raises Unreadable."""
    documents = parse_documents(read_text(Path(path)), ScenarioLoader)
    if not documents:
        raise Unreadable(0, "the file is empty")
    if len(documents) > 1:
        raise Unreadable(documents[1].line(), "a file holds one document; this is the second")
    return documents[0]


def fit(kind: type[Parsed], document: Document, path: str) -> tuple[Parsed | None, tuple[Finding, ...]]:
    """The document as a model, or None with findings; problems of the text are among them."""
    findings = [Finding(path, line, one_line(sentence)) for line, sentence in document.problems]
    model = None
    try:
        model = kind.model_validate(document.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            location = [part for part in details["loc"] if not str(part).startswith("<")]
            findings.append(Finding(path, document.line(*location), one_line(_sentence(details, location))))
    return model, tuple(sorted(findings))


def _sentence(details: ErrorDetails, location: Sequence[str | int]) -> str:
    if details["type"] == PART_PROBLEM:
        return details["msg"]
    key = next((part for part in reversed(location) if isinstance(part, str)), "")
    return f"{key}: {details['msg']}" if key else details["msg"]
