"""Goes through a scenario's steps on paper: which objects are there when each of them asks."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.dialect import Dialect
from harness.oracle import Objects, locked_out
from harness.oracle.fixed_answers import fixed_statuses
from harness.oracle.outcome import Key
from harness.scenario.actions import Apply, Delete, Patch, Scale, SetEnv, UnsetEnv
from harness.scenario.loading import LoadedScenario
from harness.scenario.manifests import Manifest
from harness.scenario.model import Step
from harness.scenario.project import Project
from harness.scenario.words import Named

_Id = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """The cluster when a step's expectations are judged.

    applied     paths that the step applies; deleted likewise
    unready     workloads that their own policies keep the kubelet from: sooner or later they take no requests
    patched     objects that were patched, which the oracle does not follow
    """

    number: int
    step: Step
    objects: Objects
    applied: tuple[str, ...]
    deleted: tuple[str, ...]
    unready: tuple[Key, ...]
    patched: tuple[str, ...]
    documents: tuple[tuple[dict[str, Any], Manifest], ...] = ()
    """Each object with the manifest that it is from."""
    fixed: Mapping[Key, int] = field(default_factory=dict)
    """Workloads that answer everything with one status."""
    patched_workloads: frozenset[Key] = frozenset()
    """Deployments that were patched: what they answer is not known."""

    @property
    def is_vague(self) -> bool:
        """True if a patch may have changed what the mesh goes by."""
        return bool(self.patched)


@dataclass(slots=True)
class _Ledger:
    """The objects that there are; each is as old as the action that first applied it."""

    project: Project
    objects: dict[_Id, tuple[dict[str, Any], Manifest]] = field(default_factory=dict)
    patched: list[str] = field(default_factory=list)
    patched_workloads: set[Key] = field(default_factory=set)
    rewritten: set[_Id] = field(default_factory=set)
    """ConfigMaps that changed after they were made: pods that mount them in part keep what they began with."""
    actions: int = 0

    def apply(self, paths: tuple[str, ...]) -> None:
        self.actions += 1
        for manifest in self._read(paths):
            place = _place(manifest)
            before = self.objects.get(place)
            created = before[0]["metadata"]["creationTimestamp"] if before else f"{self.actions:06}"
            metadata = {**manifest.obj["metadata"], "creationTimestamp": created}
            if before and manifest.kind == "ConfigMap" and before[0].get("data") != manifest.obj.get("data"):
                self.rewritten.add(place)
            self.objects[place] = (_with_replicas({**manifest.obj, "metadata": metadata}, before), manifest)

    def delete(self, paths: tuple[str, ...]) -> None:
        for manifest in self._read(paths):
            self.objects.pop(_place(manifest), None)
            self.rewritten.discard(_place(manifest))

    def scale(self, work: Scale) -> None:
        for place, (obj, manifest) in self.objects.items():
            if place[1:] == ("Deployment", work.deployment.namespace, work.deployment.name):
                self.objects[place] = (_scaled(obj, work.replicas), manifest)

    def set_env(self, work: SetEnv | UnsetEnv) -> None:
        """An environment changes what containers do, which some forecasts go by."""
        place = next((p for p in self.objects if p[1:] == ("Deployment", *_key(work.deployment))), None)
        if place is None:
            return
        obj, manifest = self.objects[place]
        changed = copy.deepcopy(obj)
        added = [{"name": work.variable, "value": work.value}] if isinstance(work, SetEnv) else []
        for container in _containers(changed):
            if work.container in (None, container.get("name")):
                before = container.get("env")
                kept = [one for one in before if not _is_called(one, work.variable)] if isinstance(before, list) else []
                container["env"] = kept + added
        self.objects[place] = (changed, manifest)

    def patch(self, work: Patch) -> None:
        """Patches of Deployments change what containers do; those of mesh objects change what is promised."""
        if work.resource is not None:
            self.patched.append(f"{work.resource.kind} {work.resource.name}")
        if work.deployment is not None:
            self.patched_workloads.add(_key(work.deployment))

    def _read(self, paths: tuple[str, ...]) -> Iterator[Manifest]:
        for path in paths:
            yield from self.project.read_manifests(path).manifests


def moments(loaded: LoadedScenario, project: Project, dialect: Dialect) -> Iterator[Moment]:
    """Each step of a scenario, with the objects that are there after its actions.

    What cannot be read is left out: lint says so.
    """
    ledger = _Ledger(project)
    for name in loaded.scenario.spec.apps:
        app, _, _ = project.read_app(name)
        ledger.apply(app.spec.manifests if app else ())
    for number, step in enumerate(loaded.scenario.spec.steps):
        applied: list[str] = []
        deleted: list[str] = []
        for work in (action.work for action in step.actions()):
            match work:
                case Apply():
                    ledger.apply(work.manifests)
                    applied += work.manifests
                case Delete():
                    ledger.delete(work.manifests)
                    deleted += work.manifests
                case Scale():
                    ledger.scale(work)
                case Patch():
                    ledger.patch(work)
                case SetEnv() | UnsetEnv():
                    ledger.set_env(work)
                case _:
                    pass  # waits change nothing
        documents = tuple(ledger.objects.values())
        objects = Objects.read([obj for obj, _ in documents], dialect)
        patched = tuple(ledger.patched)
        unready = locked_out(objects)
        as_begun = [obj for place, (obj, _) in ledger.objects.items() if place not in ledger.rewritten]
        changed = frozenset(ledger.patched_workloads)
        fixed = {key: status for key, status in fixed_statuses(as_begun).items() if key not in changed}
        yield Moment(number, step, objects, tuple(applied), tuple(deleted), unready, patched, documents, fixed, changed)


def _scaled(obj: dict[str, Any], replicas: int) -> dict[str, Any]:
    spec = obj.get("spec")
    return {**obj, "spec": {**(spec if isinstance(spec, dict) else {}), "replicas": replicas}}


def _with_replicas(obj: dict[str, Any], before: tuple[dict[str, Any], Manifest] | None) -> dict[str, Any]:
    """A manifest that says nothing of replicas leaves their number as it is."""
    match before, obj:
        case ({"kind": "Deployment", "spec": {"replicas": int(replicas)}}, _), {"spec": dict(spec)}:
            return obj if "replicas" in spec else _scaled(obj, replicas)
    return obj


def _containers(obj: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a Deployment, whatever else it may be."""
    match obj:
        case {"spec": {"template": {"spec": {"containers": list(containers)}}}}:
            return [one for one in containers if isinstance(one, dict)]
    return []


def _is_called(variable: Any, name: str) -> bool:
    return isinstance(variable, dict) and variable.get("name") == name


def _key(named: Named) -> Key:
    return named.namespace, named.name


def _place(manifest: Manifest) -> _Id:
    group = str(manifest.obj["apiVersion"]).rpartition("/")[0]
    return (group, manifest.kind, manifest.namespace, manifest.name.name)
