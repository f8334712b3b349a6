"""What can be known to fail from the files alone; a scenario with any finding is not run.

Names that lead nowhere, manifests that cannot be applied, a cluster that lacks what is asked for. The findings come
beside those of the model, so that one look at the list is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.errors import Finding, InputError, nearest
from harness.scenario.clusters import Clusters, Profile
from harness.scenario.lint_names import check_names
from harness.scenario.lint_story import Story
from harness.scenario.loading import LoadedScenario, Reading, read_all
from harness.scenario.outline import outline
from harness.scenario.project import CLUSTERS, Project
from harness.scenario.spelled import one_line


class Checked(NamedTuple):
    """Scenarios that have nothing against them, and what they are to run on."""

    profile_name: str
    profile: Profile
    scenarios: tuple[LoadedScenario, ...]


def load_checked(paths: Iterable[str | Path], profile_name: str | None = None) -> Checked:
    """The scenarios in files and folders, checked against a profile, by default the one their project names.

    The profile comes from the project of the first file; manifests and apps come from each file's own.
    raises  InputError with the findings of all files
    """
    readings = read_all(paths)
    first = Project.around(readings[0].path)
    try:
        name, profile = first.profile(profile_name)
    except InputError as error:
        raise InputError([*error.findings, *(found for reading in readings for found in reading.findings)]) from None
    projects, clusters = {first.root: first}, first.clusters()
    findings: set[Finding] = set()
    for reading in readings:
        project = Project.around(reading.path)
        findings |= set(lint(reading, projects.setdefault(project.root, project), clusters, name))
    if findings:
        raise InputError(sorted(findings))
    return Checked(name, profile, tuple(reading.loaded() for reading in readings))


def lint(reading: Reading, project: Project, clusters: Clusters, profile_name: str) -> tuple[Finding, ...]:
    """Everything that is wrong with one file: its text, its keys and values, its names and its manifests.

    project   holds the file's manifests and apps
    clusters  has the profile that the file is to run on
    """
    findings = set(reading.findings)
    if reading.document is not None:
        scenario, path = outline(reading.document), reading.path
        findings |= {Finding(path, line, one_line(sentence)) for line, sentence in check_names(scenario)}
        findings |= set(Story(scenario, path, project, clusters.profiles[profile_name].rules).findings())
        if scenario.cluster is not None:
            wrong = _cluster(scenario.cluster.text, clusters, profile_name)
            findings |= {Finding(path, scenario.cluster.line, one_line(sentence)) for sentence in wrong}
    return tuple(sorted(findings))


def _cluster(wanted: str, clusters: Clusters, profile_name: str) -> Iterator[str]:
    provided = clusters.profiles[profile_name].provides
    if wanted not in clusters.words():
        yield f"cluster: {CLUSTERS} has no profile that is or provides '{wanted}'{nearest(wanted, clusters.words())}"
    elif wanted != profile_name and wanted not in provided:
        listed = ", ".join(provided)
        yield f"cluster: profile '{profile_name}' is not and does not provide '{wanted}'; it provides {listed}"
