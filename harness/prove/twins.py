"""Negative twins: for each expectation what must be made wrong so that it, and it alone, turns red.

A file of kind Twins lies beside the scenarios that it is about. Manifests are named by their file name alone, so the
same twins serve a scenario and its variant with other routes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from harness.dialect import Dialect
from harness.errors import Finding, InputError, nearest
from harness.prove.edits import REMOVED, Edit, parsed, within
from harness.prove.mutant import Mutant, ObjectEdit, Tale
from harness.scenario.actions import FreeForm, Text
from harness.scenario.expectations import Expectation
from harness.scenario.loading import fit, read_document
from harness.scenario.manifests import Manifest
from harness.scenario.mesh_range import Meshes
from harness.scenario.part import Part, Problem, useless
from harness.scenario.words import Slug
from harness.scenario.yaml_source import Document, Location, Unreadable

SUFFIX: Final = ".twins.yaml"


class Difference(Part):
    """One place where the twin differs from its scenario."""

    said: ClassVar[str] = "a difference"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exactly one place": ("manifest", "step", "expectation", "sender")
    }
    manifest: Text | None = None
    """The file name of a manifest that the scenario applies."""
    kind: Text | None = None
    """The object of the manifest that is meant, where it has several."""
    step: Text | None = None
    """The name of a step."""
    expectation: Slug | None = None
    """The name of an expectation."""
    sender: Slug | None = None
    """The name of a sender."""
    set_: Mapping[Text, FreeForm] = {}
    """Values by path, such as spec.rules[0].matches[0].method; of an expectation such as send.request."""
    remove: tuple[Text, ...] = ()
    """Paths that are taken away."""
    given: tuple[FreeForm, ...] = ()
    """Of a step: actions that are done after its own `given`; a manifest of the scenario needs no folder."""
    leave_out: Literal["given", "when"] | None = None
    """Of a step: what it does not do."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        yield from super().key_problems(present)
        if "step" in present:
            yield from useless(present, ("set", "remove", "kind"), "is of no use to a step; write given or leave-out")
        else:
            yield from useless(present, ("given", "leave-out"), "is of a step")

    def value_problems(self) -> Iterable[Problem]:
        for key, paths in (("set", self.set_), ("remove", self.remove)):
            for path in paths:
                try:
                    parsed(path)
                except ValueError as error:
                    yield key, str(error)

    def edits(self, base: Location = ()) -> tuple[Edit, ...]:
        """What is set and removed, at paths from the base on."""
        changed = [Edit((*base, *parsed(path)), value) for path, value in self.set_.items()]
        return (*changed, *(Edit((*base, *parsed(path)), REMOVED) for path in self.remove))


class Twin(Part):
    """A world in which one promise is broken."""

    said: ClassVar[str] = "a twin"
    breaks: Slug
    """The expectation that must turn red."""
    also: tuple[Slug, ...] = ()
    """Expectations that necessarily fall with it; all others must hold."""
    because: Text | None = None
    """Why those fall with it."""
    unasked: tuple[Slug, ...] = ()
    """Expectations that are not judged, because they hold and take long about it."""
    by: Text
    """What is wrong, in a sentence."""
    where: Annotated[tuple[Difference, ...], Field(min_length=1)]
    mesh: Meshes | None = None
    """Meshes that this twin is about; left out, all that the scenario is about."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        if "also" in present and "because" not in present:
            yield "also", "say in 'because' why these fall, too"

    @property
    def red(self) -> frozenset[str]:
        """All that must be broken."""
        return frozenset({self.breaks, *self.also})


class TwinsMetadata(Part):
    """What the file is called."""

    said: ClassVar[str] = "'metadata'"
    name: Slug


class TwinsSpec(Part):
    """The twins of one scenario and its variants."""

    said: ClassVar[str] = "'spec'"
    scenarios: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Files beside this one, the first the one that is meant first."""
    twins: Annotated[tuple[Twin, ...], Field(min_length=1)]


class Twins(Part):
    """A file of negative twins."""

    said: ClassVar[str] = "twins"
    api_version: Literal["signalbox/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Twins"]
    metadata: TwinsMetadata
    spec: TwinsSpec


@dataclass(frozen=True, slots=True)
class TwinsFile:
    """Twins and where they are written."""

    twins: Twins
    path: str
    document: Document

    def scenario_paths(self) -> list[str]:
        """The scenarios that the twins are about, as paths beside the file's own."""
        return [os.path.join(os.path.dirname(self.path), name) for name in self.twins.spec.scenarios]

    def about(self, dialect: Dialect) -> list[tuple[Twin, str]]:
        """The twins that this mesh can have, each with its place."""
        places = ((twin, self._place(number)) for number, twin in enumerate(self.twins.spec.twins))
        return [(twin, place) for twin, place in places if twin.mesh is None or twin.mesh.covers(dialect)]

    def _place(self, number: int) -> str:
        return f"{self.path}:{self.document.line('spec', 'twins', number)}"


def load_twins(paths: Iterable[str | Path]) -> list[TwinsFile]:
    """The twins in files and below folders; raises InputError with the findings of all of them."""
    files, findings = [], list[Finding]()
    for path in dict.fromkeys(one for given in map(str, paths) for one in _files(given)):
        try:
            document = read_document(path)
        except Unreadable as error:
            findings.append(Finding(path, error.line, error.sentence))
            continue
        twins, found = fit(Twins, document, path)
        findings += found
        files += [TwinsFile(twins, path, document)] if twins is not None else []
    if findings or not files:
        raise InputError(findings or [Finding(", ".join(map(str, paths)), 0, f"no file of twins is here (*{SUFFIX})")])
    return files


def _files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    yield from sorted(map(str, Path(path).rglob(f"*{SUFFIX}")))


def mutant_of(twin: Twin, place: str, tale: Tale) -> Mutant:
    """The twin as a mutant of a scenario; raises InputError if a name or path leads nowhere."""
    objects, scenario, steps = list[ObjectEdit](), list[Edit](), list[int]()
    for difference in twin.where:
        try:
            if difference.manifest is not None:
                edits, step = _in_manifest(difference, difference.manifest, tale)
                objects += edits
            else:
                changed, step = _in_scenario(difference, tale)
                scenario += changed
            steps.append(step)
        except LookupError as error:
            file, _, line = place.rpartition(":")
            raise InputError([Finding(file, int(line), str(error.args[0]))]) from None
    hole = f"{twin.breaks} does not turn red although {twin.by}"
    return Mutant(twin.by, place, hole, min(steps), tuple(objects), tuple(scenario))


def _in_manifest(difference: Difference, name: str, tale: Tale) -> tuple[list[ObjectEdit], int]:
    known = {PurePosixPath(written).name: (written, step) for written, step in tale.manifests().items()}
    if name not in known:
        raise LookupError(f"{tale.loaded.path} applies no manifest of this name: {name}{nearest(name, list(known))}")
    written, step = known[name]
    index, manifest = _object(tale.project.manifests(written), difference.kind, name)
    for edit in difference.edits():
        within(manifest.obj, edit.at if edit.to is REMOVED else edit.at[:-1])
    return [ObjectEdit(written, index, edit) for edit in difference.edits()], step


def _object(manifests: Sequence[Manifest], kind: str | None, name: str) -> tuple[int, Manifest]:
    found = [(index, one) for index, one in enumerate(manifests) if kind in (None, one.kind)]
    if len(found) != 1:
        kinds = ", ".join(one.kind for one in manifests)
        raise LookupError(f"{name} holds {kinds}; 'kind' must name one of them")
    return found[0]


def _in_scenario(difference: Difference, tale: Tale) -> tuple[list[Edit], int]:
    if difference.expectation is not None:
        return _in_expectation(difference, difference.expectation, tale)
    if difference.sender is not None:
        return _in_sender(difference, difference.sender, tale)
    names = [step.name for step in tale.scenario.spec.steps]
    if difference.step not in names:
        raise LookupError(f"no step is called '{difference.step}'{nearest(str(difference.step), names)}")
    number = names.index(difference.step)
    return _of_step(difference, number, tale), number


def _in_expectation(difference: Difference, name: str, tale: Tale) -> tuple[list[Edit], int]:
    for number, step in enumerate(tale.scenario.spec.steps):
        for index, expectation in enumerate(step.then):
            if expectation.expect == name:
                return list(difference.edits(("spec", "steps", number, "then", index))), number
    names = [expectation.expect for _, expectation in tale.scenario.expectations()]
    raise LookupError(f"no expectation is called '{name}'{nearest(name, names)}")


def _in_sender(difference: Difference, name: str, tale: Tale) -> tuple[list[Edit], int]:
    senders = list(tale.scenario.spec.senders)
    if name not in senders:
        raise LookupError(f"no sender is called '{name}'{nearest(name, senders)}")
    first = next((n for n, step in enumerate(tale.scenario.spec.steps) if _sends(step.then, name)), 0)
    return list(difference.edits(("spec", "senders", name))), first


def _sends(then: Iterable[Expectation], name: str) -> bool:
    cases = [case for one in then if one.each for case in one.each.cases()]
    return any(one.send and one.send.from_ == name for one in then) or any(case.sender == name for case in cases)


def _of_step(difference: Difference, number: int, tale: Tale) -> list[Edit]:
    at: Location = ("spec", "steps", number)
    left_out = [Edit((*at, difference.leave_out), [])] if difference.leave_out else []
    own = tale.loaded.document.data["spec"]["steps"][number].get("given") or []
    given = [*([] if difference.leave_out == "given" else own), *_with_folders(difference.given, tale)]
    return [*left_out, *([Edit((*at, "given"), given)] if difference.given else [])]


def _with_folders(actions: Iterable[Any], tale: Tale) -> Iterator[Any]:
    """The actions with manifests of the scenario by the path that it writes."""
    known = {PurePosixPath(written).name: written for written in tale.manifests()}
    for action in actions:
        named = {verb: action[verb] for verb in ("apply", "delete") if verb in action}
        lists = {verb: [paths] if isinstance(paths, str) else paths for verb, paths in named.items()}
        yield {**action, **{verb: [known.get(path, path) for path in paths] for verb, paths in lists.items()}}
