"""All mutants of a scenario: what its manifests promise, its changes left out, its requests sent otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from harness.prove.changes import Change
from harness.prove.edits import REMOVED, Edit
from harness.prove.mutant import Mutant, ObjectEdit, Tale
from harness.prove.policies import OPERATORS
from harness.prove.requests import of_expectation
from harness.scenario.manifests import Manifest
from harness.scenario.yaml_source import Location


def of_manifests(tale: Tale) -> Iterator[Mutant]:
    """One value made wrong, or one object taken away, in a manifest that a step applies."""
    for written, step in tale.manifests().items():
        manifests = tale.project.manifests(written)
        for index, manifest in enumerate(manifests):
            operator = OPERATORS.get(manifest.kind)
            changes = [*(operator(manifest.obj) if operator else ())]
            if operator and len(manifests) > 1:
                hole = f"no expectation needs {manifest}"
                changes.append(Change("it is left out", hole, (Edit((), REMOVED),)))
            for change in changes:
                yield _of_object(written, index, manifest, change, step)


def _of_object(written: str, index: int, manifest: Manifest, change: Change, step: int) -> Mutant:
    return Mutant(
        said=f"{manifest}: {change.said}",
        place=f"{manifest.file}:{manifest.document.line(*manifest.at, *change.at)}",
        hole=change.hole,
        step=step,
        objects=tuple(ObjectEdit(written, index, edit) for edit in change.edits),
    )


def of_changes(tale: Tale) -> Iterator[Mutant]:
    """A line of `when` left out."""
    for number, step in enumerate(tale.scenario.spec.steps):
        for index, action in enumerate(step.when):
            at: Location = ("spec", "steps", number, "when", index)
            what = ", ".join(action.apply or action.delete or ()) or ""
            said = f"{action.verb} {what}".rstrip()
            yield Mutant(
                said=f"step '{step.name}': «{said}» is left out",
                place=f"{tale.loaded.path}:{tale.loaded.line(*at)}",
                hole=f"no expectation from step '{step.name}' on needs «{said}»",
                step=number,
                scenario=(Edit(at, REMOVED),),
            )


def of_requests(tale: Tale) -> Iterator[Mutant]:
    """A request sent otherwise; only expectations that ask of its responses can notice."""
    scenario, data = tale.scenario, tale.loaded.document.data
    for number, step in enumerate(scenario.spec.steps):
        for index, expectation in enumerate(step.then):
            at: Location = ("spec", "steps", number, "then", index)
            written = data["spec"]["steps"][number]["then"][index]
            for change in of_expectation(expectation, written, at):
                yield Mutant(
                    said=change.said,
                    place=f"{tale.loaded.path}:{tale.loaded.line(*change.at)}",
                    hole=change.hole,
                    step=number,
                    scenario=change.edits,
                    only=frozenset(one.expect for one in scenario.asking_of(expectation)),
                )
