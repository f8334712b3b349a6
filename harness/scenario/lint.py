"""What can be known to fail from the files alone; a scenario with any finding is not run.

Names that lead nowhere, manifests that cannot be applied, a cluster that lacks what is asked for. The findings come
beside those of the model, so that one look at the list is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import Finding, InputError, nearest
from harness.scenario.clusters import Clusters, Profile
from harness.scenario.lint_names import check_names
from harness.scenario.lint_story import Story
from harness.scenario.loading import LoadedScenario, Reading, read_all
from harness.scenario.mesh_range import MeshRange
from harness.scenario.outline import Outline
from harness.scenario.outline_reading import outline
from harness.scenario.project import CLUSTERS, Project
from harness.scenario.spelled import one_line


class Skipped(NamedTuple):
    """A scenario that has nothing against it, but is about another mesh.

    path    as the user typed it
    reason  such as «requires linkerd >= edge-25.5.1, and profile 'embedded' follows stable-2.14.10»
    """

    path: str
    name: str
    reason: str


class Checked(NamedTuple):
    """Scenarios that have nothing against them, and what they are to run on."""

    profile_name: str
    profile: Profile
    scenarios: tuple[LoadedScenario, ...]
    skipped: tuple[Skipped, ...] = ()


class NothingToRun(InputError):
    """All scenarios are about other meshes than the profile's."""

    def __init__(self, findings: Sequence[Finding], skipped: tuple[Skipped, ...]) -> None:
        super().__init__(findings)
        self.skipped = skipped


def load_checked(paths: Iterable[str | Path], profile_name: str | None = None) -> Checked:
    """The scenarios in files and folders, checked against a profile, by default the one their project names.

    The profile comes from the project of the first file; manifests and apps come from each file's own. A scenario
    that requires another mesh is checked as far as that mesh does not matter, and skipped.
    raises  InputError with the findings of all files; NothingToRun if every scenario is skipped
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
    return _divided(name, profile, [reading.loaded() for reading in readings])


def load_named(paths: Iterable[str | Path]) -> list[LoadedScenario]:
    """The scenarios in files and folders, checked as far as that needs neither manifests nor a cluster.

    raises  InputError with the findings of all files
    """
    readings = read_all(paths)
    if findings := {found for reading in readings for found in (*reading.findings, *_names(reading))}:
        raise InputError(sorted(findings))
    return [reading.loaded() for reading in readings]


def _names(reading: Reading) -> Iterator[Finding]:
    if reading.document is not None:
        for line, sentence in check_names(outline(reading.document)):
            yield Finding(reading.path, line, one_line(sentence))


def _divided(name: str, profile: Profile, scenarios: Sequence[LoadedScenario]) -> Checked:
    """The scenarios to run and those to skip."""
    reasons = [_unmet(loaded.scenario.spec.requires.mesh, name, profile) for loaded in scenarios]
    both = list(zip(scenarios, reasons, strict=True))
    skipped = tuple(Skipped(loaded.path, loaded.scenario.name, reason) for loaded, reason in both if reason)
    if len(skipped) == len(scenarios):
        wanted = ("spec", "requires", "mesh")
        raise NothingToRun([Finding(one.path, one.line(*wanted), f"mesh: {reason}") for one, reason in both], skipped)
    return Checked(name, profile, tuple(loaded for loaded, reason in both if not reason), skipped)


def _unmet(wanted: MeshRange | None, profile_name: str, profile: Profile) -> str:
    """Why a scenario that requires these meshes says nothing about the profile's; "" if it does."""
    if wanted is None or wanted.covers(profile.rules):
        return ""
    return f"requires {wanted}, and profile '{profile_name}' follows {profile.rules.version}"


def lint(reading: Reading, project: Project, clusters: Clusters, profile_name: str) -> tuple[Finding, ...]:
    """Everything that is wrong with one file: its text, its keys and values, its names and its manifests.

    project   holds the file's manifests and apps
    clusters  has the profile that the file is to run on; if it requires another mesh, only what is true of all counts
    """
    findings, profile = {*reading.findings, *_names(reading)}, clusters.profiles[profile_name]
    if reading.document is not None:
        scenario, path = outline(reading.document), reading.path
        if not _unmet(scenario.mesh, profile_name, profile):
            findings |= set(Story(scenario, path, project, profile.rules).findings())
            findings |= set(_cluster(scenario, path, clusters, profile_name))
    return tuple(sorted(findings))


def _cluster(scenario: Outline, path: str, clusters: Clusters, profile_name: str) -> Iterator[Finding]:
    if scenario.cluster is not None:
        for sentence in _wrong_cluster(scenario.cluster.text, clusters, profile_name):
            yield Finding(path, scenario.cluster.line, one_line(sentence))


def _wrong_cluster(wanted: str, clusters: Clusters, profile_name: str) -> Iterator[str]:
    provided = clusters.profiles[profile_name].provides
    if wanted not in clusters.words():
        yield f"cluster: {CLUSTERS} has no profile that is or provides '{wanted}'{nearest(wanted, clusters.words())}"
    elif wanted != profile_name and wanted not in provided:
        listed = ", ".join(provided)
        yield f"cluster: profile '{profile_name}' is not and does not provide '{wanted}'; it provides {listed}"
