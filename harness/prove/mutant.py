"""A scenario with its manifests, and the same with one thing made wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.errors import InputError
from harness.prove.edits import REMOVED, Edit, edited
from harness.scenario.loading import LoadedScenario, fit
from harness.scenario.manifests import Manifest
from harness.scenario.model import Scenario
from harness.scenario.project import Project
from harness.scenario.yaml_source import Document


@dataclass(frozen=True, slots=True)
class Tale:
    """A scenario and the project that its manifests come from; nothing of it is on a cluster yet."""

    loaded: LoadedScenario
    project: Project

    @property
    def scenario(self) -> Scenario:
        """The model."""
        return self.loaded.scenario

    def manifests(self) -> dict[str, int]:
        """The manifests that the steps apply or delete, as they write them, each with the first step that does."""
        first: dict[str, int] = {}
        for index, step in enumerate(self.scenario.spec.steps):
            for action in step.actions():
                for written in (*(action.apply or ()), *(action.delete or ())):
                    first.setdefault(written, index)
        return first


@dataclass(frozen=True, slots=True)
class ObjectEdit:
    """A change to one object of a manifest, which is known by its place in the file."""

    manifest: str
    index: int
    edit: Edit


@dataclass(frozen=True, slots=True)
class Mutant:
    """One thing made wrong.

    said      what, as a person would say it
    place     file:line of what was changed
    hole      the sentence that is true if no expectation notices
    objects   changes to objects of manifests
    scenario  changes to the scenario's own text
    step      index of the first step that can tell the difference
    only      names of the expectations that can, None if it may be any from that step on
    """

    said: str
    place: str
    hole: str
    step: int
    objects: tuple[ObjectEdit, ...] = ()
    scenario: tuple[Edit, ...] = ()
    only: frozenset[str] | None = field(default=None)

    def of(self, tale: Tale) -> Tale:
        """The tale with the thing made wrong; files are not touched.

        raises  InputError if the result is no scenario any more; NoSuchPlace
        """
        return Tale(self._scenario(tale.loaded), self._project(tale.project))

    def _scenario(self, loaded: LoadedScenario) -> LoadedScenario:
        if not self.scenario:
            return loaded
        document = Document(edited(loaded.document.data, self.scenario), loaded.document.lines)
        scenario, findings = fit(Scenario, document, loaded.path)
        if scenario is None or findings:
            raise InputError(findings)
        return replace(loaded, scenario=scenario)

    def _project(self, project: Project) -> Project:
        changed = {
            written: tuple(_with(project.manifests(written), edits)) for written, edits in self._by_manifest().items()
        }
        return project.with_manifests(changed) if changed else project

    def _by_manifest(self) -> Mapping[str, list[ObjectEdit]]:
        grouped: dict[str, list[ObjectEdit]] = {}
        for one in self.objects:
            grouped.setdefault(one.manifest, []).append(one)
        return grouped


def _with(manifests: Iterable[Manifest], edits: Iterable[ObjectEdit]) -> Iterator[Manifest]:
    wanted = list(edits)
    for index, manifest in enumerate(manifests):
        obj = edited(manifest.obj, [one.edit for one in wanted if one.index == index])
        if obj is not REMOVED:
            yield replace(manifest, obj=obj)
