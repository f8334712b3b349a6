"""Goes through a scenario as a run would, on paper: what is applied must exist, fit and be admitted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from harness.dialect import Dialect
from harness.errors import Finding, nearest
from harness.lint.codes import CODES
from harness.resources.admission import review
from harness.scenario.manifests import Manifest
from harness.scenario.outline import ActionOutline, Mention, Outline, SenderOutline, Word
from harness.scenario.project import APPS, Project
from harness.scenario.spelled import one_line
from harness.scenario.words import ObjectName
from harness.scenario.world import World
from harness.scenario.yaml_source import Document

EXPECTABLE: Final[tuple[str, ...]] = tuple(CODES)
"""Codes of findings that an author can expect beside `apply`."""

_FIELD: Final = re.compile(r"([A-Za-z][\w.\-\[\]/]*): ")


@dataclass(slots=True)
class Story:
    """One scenario on its way through a cluster that follows the dialect.

    world     what exists now
    ever      all that has existed, for what is asked after the end
    complete  False once something could not be read; from then on nothing is said to be missing, because what is
              missing may be what could not be read
    """

    scenario: Outline
    path: str
    project: Project
    dialect: Dialect
    world: World = field(default_factory=World)
    ever: World = field(default_factory=World)
    complete: bool = True

    def findings(self) -> Iterator[Finding]:
        """All findings, in the order of the story."""
        self.world.namespaces |= {sender.namespace.text for sender in self.scenario.senders}
        for app in self.scenario.apps:
            yield from self._install(app)
        for sender in self.scenario.senders:
            yield from self._identity(sender)
        for step in self.scenario.steps:
            for action in step.actions:
                yield from self._act(action)
            for expectation in step.expectations:
                yield from self._mentioned(expectation.mentions)
                yield from self._answerers(expectation.answerers)
        self.world = self.ever
        yield from self._mentioned(self.scenario.diagnosed)

    # -- apps and senders ----------------------------------------------------------------------------------------------

    def _install(self, app: Word) -> Iterator[Finding]:
        name, names = app.text, self.project.app_names()
        if name not in names:
            yield self._here(app.line, f"apps: no recipe {APPS}/{name}.yaml exists{nearest(name, names)}")
            name = next(iter(get_close_matches(name, names, n=1)), "")
        recipe, document, findings = self.project.read_app(name) if name else (None, None, ())
        yield from findings
        if recipe is None or document is None:
            self.complete = False
            return
        file = str(self.project.path(f"{APPS}/{name}.yaml"))
        for index, written in enumerate(recipe.spec.manifests):
            yield from self._apply(Word(written, document.line("spec", "manifests", index)), file)
        if self.complete:
            yield from self._broken_promises(recipe.spec.namespaces, recipe.spec.ready, document, file)

    def _broken_promises(
        self, namespaces: Iterable[str], ready: Iterable[ObjectName], document: Document, file: str
    ) -> Iterator[Finding]:
        for index, namespace in enumerate(namespaces):
            if namespace not in self.world.namespaces:
                line = document.line("spec", "namespaces", index)
                yield Finding(file, line, f"namespaces: no manifest of the app creates '{namespace}'")
        for index, name in enumerate(ready):
            if name not in self.world.deployments():
                hint = _nearest_name(name, self.world.deployments())
                line = document.line("spec", "ready", index)
                yield Finding(file, line, f"ready: no manifest of the app has the Deployment {name}{hint}")

    def _identity(self, sender: SenderOutline) -> Iterator[Finding]:
        account = ObjectName(sender.namespace.text, sender.service_account.text)
        known = self.world.service_accounts()
        if self.complete and account.name != "default" and account not in known:
            hint = _nearest_name(account, known)
            message = f"serviceAccount: no app has the ServiceAccount {account}{hint}"
            yield self._here(sender.service_account.line, message)

    # -- actions -------------------------------------------------------------------------------------------------------

    def _act(self, action: ActionOutline) -> Iterator[Finding]:
        self.complete &= not action.unclear
        yield from self._mentioned(action.mentions)
        for code in action.expected:
            if code.text not in EXPECTABLE:
                hint = nearest(code.text, EXPECTABLE)
                yield self._here(code.line, f"lint: no finding that can be expected is called '{code.text}'{hint}")
        for written in action.manifests:
            yield from self._apply(written, self.path) if action.verb == "apply" else self._delete(written)

    def _apply(self, written: Word, by: str) -> Iterator[Finding]:
        manifests, findings = self._read(written, by)
        yield from findings
        for manifest in manifests:
            yield from self._homeless(manifest, f"{by}:{written.line}")
            yield from self._refused(manifest)
            self.world.add(manifest)
            self.ever.add(manifest)

    def _delete(self, written: Word) -> Iterator[Finding]:
        manifests, findings = self._read(written, self.path)
        yield from findings
        for manifest in manifests:
            self.world.remove(manifest)

    def _read(self, written: Word, by: str) -> tuple[Sequence[Manifest], Sequence[Finding]]:
        """The objects of a manifest; of the one that was meant, if it does not exist."""
        findings: tuple[Finding, ...] = ()
        path = written.text
        if not self.project.has(path):
            path = self.project.meant_path(path)
            hint = f"; did you mean '{path}'?" if path else ""
            findings = (Finding(by, written.line, one_line(f"{written.text} does not exist{hint}")),)
        read = self.project.read_manifests(path) if path else None
        if read is None or read.findings:
            self.complete = False
        return (read.manifests, findings + read.findings) if read else ((), findings)

    # -- what can be wrong with one object or name ---------------------------------------------------------------------

    def _homeless(self, manifest: Manifest, applied: str) -> Iterator[Finding]:
        namespace = manifest.namespace
        if self.complete and namespace and namespace not in self.world.namespaces:
            hint = nearest(namespace, sorted(self.world.namespaces))
            lacking = f"namespace '{namespace}', which nothing has created when {applied} applies it"
            message = one_line(f"{manifest} goes into {lacking}{hint}")
            yield Finding(manifest.file, manifest.line("metadata.namespace"), message)

    def _refused(self, manifest: Manifest) -> Iterator[Finding]:
        for denial in review(manifest.obj, self.dialect).denials:
            field_path = match[1] if (match := _FIELD.match(denial)) else ""
            message = one_line(f"admission refuses {manifest}: {denial}")
            yield Finding(manifest.file, manifest.line(field_path), message)

    def _mentioned(self, mentions: Iterable[Mention]) -> Iterator[Finding]:
        for mention in mentions if self.complete else ():
            of_any_kind = mention.key in ("proxy", "workload")
            known = self.world.workloads() if of_any_kind else self.world.deployments()
            if mention.name not in known:
                what = "workload" if of_any_kind else "Deployment"
                hint = _nearest_name(mention.name, known)
                message = f"{mention.key}: nothing so far has made the {what} {mention.name}{hint}"
                yield self._here(mention.line, message)

    def _answerers(self, answerers: Iterable[Word]) -> Iterator[Finding]:
        known = {name.name for name in self.world.workloads()}
        for answerer in answerers if self.complete else ():
            if answerer.text not in known:
                hint = nearest(answerer.text, sorted(known))
                message = f"answered-by: nothing so far has made a workload '{answerer.text}'{hint}"
                yield self._here(answerer.line, message)

    def _here(self, line: int, message: str) -> Finding:
        return Finding(self.path, line, one_line(message))


def _nearest_name(name: ObjectName, known: Collection[ObjectName]) -> str:
    return nearest(str(name), sorted(map(str, known)))
