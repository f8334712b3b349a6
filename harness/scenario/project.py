"""The folder that scenarios, fixtures and manifests share, and what it holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from harness.errors import Finding, InputError, nearest
from harness.scenario.apps import App
from harness.scenario.clusters import Clusters, Profile
from harness.scenario.loading import Parsed, fit, read_document
from harness.scenario.manifests import Manifest, read_manifests
from harness.scenario.yaml_source import Document, Unreadable

CLUSTERS: Final = "fixtures/clusters.yaml"
APPS: Final = "fixtures/apps"
MANIFESTS: Final = "manifests"


@dataclass(frozen=True, slots=True)
class Read:
    """A manifest file: its usable objects and what is wrong with the rest."""

    manifests: tuple[Manifest, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """Finds things below the root; every file is read once.

    root  absolute, or relative to the working directory, so that messages show paths as the user would type them
    """

    root: Path
    _manifests: dict[str, Read] = field(default_factory=dict, repr=False, compare=False)
    _apps: dict[str, tuple[App | None, Document | None, tuple[Finding, ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def around(cls, path: str | Path) -> Project:
        """The project of a file: the nearest folder above it that has fixtures/clusters.yaml, else the current one."""
        typed = Path(path)
        for folder in (*typed.parents, *Path(os.path.abspath(typed)).parents):
            if os.path.isfile(folder / CLUSTERS):
                return cls(folder)
        return cls(Path())

    def path(self, written: str) -> Path:
        """Where a path written in a scenario or recipe leads."""
        return self.root / written

    def clusters(self) -> Clusters:
        """The profiles; raises InputError."""
        if not self.has(CLUSTERS):
            message = (
                "does not exist, neither here nor in a folder above the scenario, so there is no cluster to run on"
            )
            raise InputError([Finding(str(self.path(CLUSTERS)), 0, message)])
        clusters, _, findings = self._fitted(Clusters, CLUSTERS)
        if clusters is None or findings:
            raise InputError(findings)
        return clusters

    def profile(self, name: str | None = None) -> tuple[str, Profile]:
        """The profile of this name, or the default one, with its name; raises InputError."""
        clusters = self.clusters()
        wanted = name or clusters.default
        if wanted not in clusters.profiles:
            message = f"no profile is called '{wanted}'{nearest(wanted, list(clusters.profiles))}"
            raise InputError([Finding(str(self.path(CLUSTERS)), 0, message)])
        return wanted, clusters.profile(wanted)

    def app(self, name: str) -> App:
        """The recipe of this name; raises InputError."""
        app, _, findings = self.read_app(name)
        if app is None or findings:
            raise InputError(findings)
        return app

    def manifests(self, written: str) -> tuple[Manifest, ...]:
        """The objects of a manifest, by the path that a scenario or recipe writes; raises InputError."""
        read = self.read_manifests(written)
        if read.findings:
            raise InputError(read.findings)
        return read.manifests

    def with_manifests(self, changed: Mapping[str, Sequence[Manifest]]) -> Project:
        """The same project with other objects in place of those of some manifests; no file is touched.

        changed  objects by the path that a scenario writes
        """
        other = {written: Read(tuple(manifests), ()) for written, manifests in changed.items()}
        return replace(self, _manifests={**self._manifests, **other})

    def app_names(self) -> list[str]:
        """The recipes there are."""
        return sorted(path.stem for path in self.path(APPS).glob("*.yaml"))

    def read_app(self, name: str) -> tuple[App | None, Document | None, tuple[Finding, ...]]:
        """The recipe as far as it can be read, with findings; raises nothing."""
        if name not in self._apps:
            written = f"{APPS}/{name}.yaml"
            app, document, findings = self._fitted(App, written)
            if app is not None and document is not None and app.name != name:
                line = document.line("metadata", "name")
                message = f"name: '{app.name}' is not the name of the file; write {name}"
                findings = (*findings, Finding(str(self.path(written)), line, message))
            self._apps[name] = app, document, findings
        return self._apps[name]

    def read_manifests(self, written: str) -> Read:
        """A manifest as far as it can be read, with findings; raises nothing."""
        if written not in self._manifests:
            path = self.path(written)
            self._manifests[written] = Read(*read_manifests(path, str(path)))
        return self._manifests[written]

    def has(self, written: str) -> bool:
        """Whether there is such a file; anything may be asked for, however odd."""
        return os.path.isfile(self.path(written))

    def meant_path(self, written: str) -> str:
        """The existing manifest that a path was probably meant to name; "" if there is none like it."""
        asked = Path(written)
        # Beside the place that was named the file names decide; if there is no such folder, the whole path does.
        folder = self.path(str(asked.parent))
        beside = [path.name for path in folder.glob("*.y*ml")] if os.path.isdir(folder) else []
        if beside:
            close = get_close_matches(asked.name, beside, n=1)
            return (asked.parent / close[0]).as_posix() if close else ""
        everywhere = [path.relative_to(self.root).as_posix() for path in self.path(MANIFESTS).rglob("*.y*ml")]
        return next(iter(get_close_matches(written, everywhere, n=1)), "")

    def _fitted(self, kind: type[Parsed], written: str) -> tuple[Parsed | None, Document | None, tuple[Finding, ...]]:
        path = str(self.path(written))
        try:
            document = read_document(path)
        except Unreadable as error:
            return None, None, (Finding(path, error.line, error.sentence),)
        model, findings = fit(kind, document, path)
        return model, document, findings
