"""A file of twins that means nothing is refused with its line, the nearest word and all mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.prove.twins import load_twins, mutant_of
from harness.tests.prove.tales import tale

HEAD = "apiVersion: signalbox/v1alpha1\nkind: Twins\nmetadata: {name: x}\nspec:\n  scenarios: [a.yaml]\n  twins:\n"
SCENARIO = "scenarios/tutorial/fault-injection.yaml"


def written(folder: Path, *twins: str) -> Path:
    path = folder / "x.twins.yaml"
    path.write_text(HEAD + "".join(f"    - {twin}\n" for twin in twins))
    return path


def findings(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_twins([path])
    return [str(finding).removeprefix(f"{path}:") for finding in caught.value.findings]


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "{breaks: a, by: b, where: [{manifest: m.yaml, step: s}]}",
        "{breaks: a, by: b, where: [{step: s, set: {x: 1}}]}",
        "{breaks: a, by: b, also: [c], where: [{step: s, leave-out: when}]}",
        "{breaks: a, by: b, where: [{manifest: m.yaml, remove: ['spec.rules[x]']}]}",
        "{breaks: a, where: [{manifest: m.yaml}], bye: b}",
    )
    assert findings(path) == [
        "7: a difference has exactly one place, not 2: manifest and step",
        "8: 'set' is of no use to a step; write given or leave-out",
        "9: say in 'because' why these fall, too",
        "10: 'spec.rules[x]' is no path; write one like spec.rules[0].backendRefs[1].weight",
        "11: 'bye' is not a key of a twin; did you mean 'by'?",
    ]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("{manifest: error-splitt-httproute.yaml}", "did you mean 'error-split-httproute.yaml'?"),
        ("{manifest: error-injector.yaml}", "holds ConfigMap, Service, Deployment; 'kind' must name one of them"),
        ("{manifest: error-split-httproute.yaml, set: {'spec.rules[7].x': 1}}", "there is no spec.rules[7]"),
        ("{manifest: error-split-httproute.yaml, remove: [spec.hostnames]}", "there is no spec.hostnames"),
        ("{step: base line, leave-out: when}", "no step is called 'base line'; did you mean 'baseline'?"),
        ("{expectation: books-never-fail, set: {x: 1}}", "did you mean 'books-never-fails'?"),
        ("{sender: webap, set: {meshed: false}}", "no sender is called 'webap'; did you mean 'webapp'?"),
    ],
)
def test_names_that_lead_nowhere_have_their_line(tmp_path: Path, where: str, told: str) -> None:
    (file,) = load_twins([written(tmp_path, f"{{breaks: a, by: b, where: [{where}]}}")])
    with pytest.raises(InputError) as caught:
        mutant_of(file.twins.spec.twins[0], f"{file.path}:7", tale(SCENARIO))
    assert told in str(caught.value)
    assert f"{file.path}:7: " in str(caught.value)


def test_a_folder_without_twins_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of twins is here"):
        load_twins([tmp_path])
