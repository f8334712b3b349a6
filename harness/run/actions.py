"""What `given` and `when` do to the cluster: one function per verb, each says what it did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from harness.errors import Finding, InputError
from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube, KubeError
from harness.kube.objects import JsonObject, ObjectRef, workload
from harness.kube.waits import wait_deployment_condition, wait_gone, wait_pods_condition, wait_rollout
from harness.mesh.changes import Change, is_provable, is_route
from harness.scenario.actions import Apply, Delete, Patch, Scale, SetEnv, UnsetEnv, Wait, Work
from harness.scenario.project import Project

GONE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """What one action did.

    changes  of routes and policies, which proxies must learn of
    """

    text: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Actor:
    """Does the actions of one scenario.

    project  finds the manifests
    ledger   remembers what everything was before
    """

    kube: Kube
    applier: Applier
    project: Project
    ledger: Ledger = field(default_factory=Ledger)

    def act(self, work: Work) -> Done:
        """Do one action.

        raises  KubeError as the API server words a refusal; WaitFailed
        """
        match work:
            case Apply(manifests):
                return self.apply(manifests)
            case Delete(manifests):
                return self._delete(manifests)
            case SetEnv():
                return self._set_env(work)
            case UnsetEnv():
                return self._unset_env(work)
            case Scale():
                return self._scale(work)
            case Patch():
                return self._patch(work)
            case Wait():
                return self._wait(work)

    def apply(self, manifests: Iterable[str]) -> Done:
        """Apply every object of the manifests, in order."""
        changes = []
        for manifest in manifests:
            for obj in self._objects(manifest):
                before = self.kube.get(_named(obj)) if is_provable(obj) else None
                stored = self.applier.apply(obj, self.ledger)
                if is_provable(obj):
                    changes.append(Change(ObjectRef.of(stored), before, stored))
        return Done(f"apply {', '.join(manifests)}", tuple(changes))

    def _objects(self, manifest: str) -> list[JsonObject]:
        return [dict(one.obj) for one in self.project.manifests(manifest)]

    def _delete(self, manifests: Iterable[str]) -> Done:
        changes = []
        for manifest in manifests:
            for obj in reversed(self._objects(manifest)):
                ref = ObjectRef.of(obj)
                live = self.kube.get(ref)
                if live is None:
                    continue
                self.applier.delete(ref, self.ledger)
                if is_provable(obj):
                    changes.append(Change(ref, live, None))
                if not is_route(obj):
                    wait_gone(self.kube, ref, within=GONE_SECONDS)
        return Done(f"delete {', '.join(manifests)}", tuple(changes))

    def _set_env(self, work: SetEnv) -> Done:
        def edit(deployment: JsonObject) -> JsonObject:
            return _env_patch(deployment, work.container, [{"name": work.variable, "value": work.value}])

        self._strategic(work.deployment, edit)
        return Done(f"set {work.variable}={work.value} on {work.deployment}")

    def _unset_env(self, work: UnsetEnv) -> Done:
        def edit(deployment: JsonObject) -> JsonObject:
            gone = [{"name": work.variable, "$patch": "delete"}]
            return _env_patch(deployment, work.container, gone, only_with=work.variable)

        self._strategic(work.deployment, edit)
        return Done(f"unset {work.variable} on {work.deployment}")

    def _scale(self, work: Scale) -> Done:
        self._strategic(work.deployment, lambda deployment: {"spec": {"replicas": work.replicas}})
        return Done(f"scale {work.deployment} to {work.replicas}")

    def _patch(self, work: Patch) -> Done:
        if work.deployment is not None:
            ref = workload("Deployment", str(work.deployment))
        else:
            assert work.resource is not None, "the language lets no patch without an object through"
            named = work.resource
            ref = ObjectRef(named.api_version, named.kind, named.namespace, named.name)
        before = self.kube.get(ref)
        stored = self.applier.change(ref, lambda live: work.patch, self.ledger, kind=work.type)
        changes = (Change(ref, before, stored),) if is_provable(stored) else ()
        return Done(f"patch {ref}", changes)

    def _wait(self, work: Wait) -> Done:
        within = work.within.total_seconds()
        if work.rollout is not None:
            waited = wait_rollout(self.kube, workload("Deployment", str(work.rollout)), within=within)
            return Done(
                f"{work.rollout} rolled out ({(waited.obj.get('status') or {}).get('availableReplicas', 0)} available)"
            )
        assert work.condition is not None, "the language lets no wait without a condition through"
        if work.deployment is not None:
            ref = workload("Deployment", str(work.deployment))
            wait_deployment_condition(self.kube, ref, work.condition.name, met=work.condition.met, within=within)
            return Done(f"{work.deployment} is {work.condition}")
        assert work.pods is not None, "the language lets no wait without an object through"
        labels = f"{work.pods.label}={work.pods.value}"
        wait_pods_condition(
            self.kube, work.pods.namespace, labels, work.condition.name, met=work.condition.met, within=within
        )
        return Done(f"{work.pods} is {work.condition}")

    def _strategic(self, deployment: object, edit: Any) -> None:
        self.applier.change(workload("Deployment", str(deployment)), edit, self.ledger, kind="strategic")


def _named(obj: JsonObject) -> ObjectRef:
    """A route or policy as it is stored: all of them live in a namespace."""
    ref = ObjectRef.of(obj)
    return ref if ref.namespace else replace(ref, namespace="default")


def _env_patch(
    deployment: JsonObject, container: str | None, env: list[dict[str, str]], *, only_with: str | None = None
) -> JsonObject:
    """A strategic patch of the variables of one container, or of all; by name, never by position.

    only_with  leave containers without this variable alone
    """
    containers = [
        {"name": spec["name"], "env": env}
        for spec in deployment["spec"]["template"]["spec"]["containers"]
        if container in (None, spec["name"])
        and (only_with is None or any(variable["name"] == only_with for variable in spec.get("env") or []))
    ]
    return {"spec": {"template": {"spec": {"containers": containers}}}} if containers else {}


def refused_by_cluster(error: KubeError, file: str, line: int) -> InputError:
    """The finding for something the user wrote and the API server refused."""
    return InputError([Finding(file, line, f"the cluster refuses it: {error.message}")])
