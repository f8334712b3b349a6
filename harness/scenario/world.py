"""What exists in the cluster at one point of a scenario, as far as the files tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from harness.scenario.manifests import Manifest
from harness.scenario.words import ObjectName

_ALWAYS: Final = ("default", "kube-system", "kube-public", "kube-node-lease", "linkerd", "linkerd-viz")
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")


@dataclass(slots=True)
class World:
    """Namespaces, workloads and ServiceAccounts that manifests have made so far."""

    namespaces: set[str] = field(default_factory=lambda: set(_ALWAYS))
    objects: dict[str, set[ObjectName]] = field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        """The manifest is applied."""
        if manifest.kind == "Namespace":
            self.namespaces.add(manifest.name.name)
        self.objects.setdefault(manifest.kind, set()).add(manifest.name)

    def remove(self, manifest: Manifest) -> None:
        """The manifest's object is deleted; a namespace takes all it holds with it."""
        self.objects.get(manifest.kind, set()).discard(manifest.name)
        if manifest.kind == "Namespace":
            gone = manifest.name.name
            self.namespaces.discard(gone)
            for kind, names in self.objects.items():
                self.objects[kind] = {name for name in names if name.namespace != gone}

    def deployments(self) -> set[ObjectName]:
        """The Deployments there are."""
        return self.objects.get("Deployment", set())

    def workloads(self) -> set[ObjectName]:
        """Everything that runs pods."""
        return {name for kind in _WORKLOADS for name in self.objects.get(kind, ())}

    def service_accounts(self) -> set[ObjectName]:
        """The ServiceAccounts there are, apart from each namespace's `default`."""
        return self.objects.get("ServiceAccount", set())
