"""Deployments: one ReplicaSet per pod template, the newest brought in and the others out as the strategy says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain

import orjson

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.metadata import SUFFIX_ALPHABET
from harness.embedded.apiserver.objects import (
    Obj,
    clone,
    controller_of,
    dig,
    is_deleting,
    name_of,
    namespace_of,
    owner_reference,
    uid_of,
)
from harness.embedded.apiserver.store import Event
from harness.embedded.controllers.deployment_status import deployment_status
from harness.embedded.controllers.events import record_event
from harness.embedded.controllers.loop import Controller, Place
from harness.embedded.controllers.ownership import claimed, places_of_owners, places_that_select
from harness.embedded.controllers.rollout import Bounds, Scaled, recreate_step, rolling_bounds, rolling_step

KEY = "deployments.apps"
REPLICA_SETS = "replicasets.apps"
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
_NOT_INHERITED = (
    REVISION,
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
)
_COMPONENT = "deployment-controller"


@dataclass(frozen=True, slots=True)
class Generations:
    """The ReplicaSets of a Deployment: the one of its present template, if it exists, and the others, oldest first."""

    new: Obj | None
    old: tuple[Obj, ...]

    @property
    def all(self) -> tuple[Obj, ...]:
        """Old ones first."""
        return (*self.old, *((self.new,) if self.new else ()))


class DeploymentController(Controller):
    """Rolls out templates, keeps revisions, and writes the status."""

    keys = (KEY, REPLICA_SETS, "pods")

    def __init__(self, api: Api, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._now = now

    def targets(self, event: Event) -> Iterable[Place]:
        """The Deployment itself; of a ReplicaSet its owner; of a pod that is gone its ReplicaSet's owner."""
        if event.kind.key == KEY:
            return super().targets(event)
        if event.kind.key == REPLICA_SETS:
            return (*places_of_owners(event, "Deployment"), *places_that_select(self._api, event, KEY))
        if event.type != "DELETED":
            return ()  # counted in the status of the ReplicaSet, whose change comes by itself
        owners = (self._api.store.get(REPLICA_SETS, *place) for place in places_of_owners(event, "ReplicaSet"))
        controllers = ((owner, controller_of(owner)) for owner in owners if owner)
        return [(namespace_of(owner), above["name"]) for owner, above in controllers if above]

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Take the next step of the rollout, if one is due, and write the status."""
        deployment = self._api.store.get(KEY, namespace, name)
        if deployment is None or is_deleting(deployment):
            return None
        sets = self._generations(deployment)
        bounds = _bounds(deployment)
        changes = self._next_step(deployment, sets, bounds)
        if changes is None:
            self._create_new(deployment, sets)
        else:
            self._renew(deployment, sets)
            self._scale(deployment, sets, changes)
            self._forget_old(deployment, sets)
        deployment = self._api.get(KEY, namespace, name)
        sets = self._generations(deployment)
        status, again = deployment_status(deployment, sets.new, sets.old, bounds, self._now())
        self._api.update_status(KEY, {**deployment, "status": status})
        return again

    def _generations(self, deployment: Obj) -> Generations:
        owned = sorted(claimed(self._api, deployment, REPLICA_SETS), key=_age)
        owned = [entry for entry in owned if not is_deleting(entry)]
        template = deployment["spec"]["template"]
        new = next((entry for entry in owned if _template(entry) == template), None)
        return Generations(new, tuple(entry for entry in owned if entry is not new))

    def _next_step(self, deployment: Obj, sets: Generations, bounds: Bounds) -> Mapping[str, int] | None:
        """The ReplicaSets to scale by name; None if a ReplicaSet for the template has to be made first."""
        spec = deployment["spec"]
        is_recreate = spec["strategy"]["type"] == "Recreate"
        old = [_scaled(entry) for entry in sets.old]
        active = [entry for entry in map(_scaled, sets.all) if entry.replicas]
        if spec.get("paused"):
            # A paused rollout goes no further, yet the Deployment can be scaled.
            only = active[0] if len(active) == 1 else None
            return {only.name: bounds.desired} if only and only.replicas != bounds.desired else {}
        if is_recreate:
            left = self._has_pods(sets.old)
            step = recreate_step(bounds.desired, _scaled(sets.new) if sets.new else None, old, old_pods_left=left)
            return None if sets.new is None and not step and not left else step
        return None if sets.new is None else rolling_step(bounds, _scaled(sets.new), old)

    def _has_pods(self, sets: Sequence[Obj]) -> bool:
        owners = {uid_of(entry) for entry in sets}
        spaces = {namespace_of(entry) for entry in sets}
        pods = chain.from_iterable(self._api.store.list("pods", space) for space in spaces)
        running = (pod for pod in pods if dig(pod, "status", "phase") not in ("Succeeded", "Failed"))
        return any((controller_of(pod) or {}).get("uid") in owners for pod in running)

    def _create_new(self, deployment: Obj, sets: Generations) -> None:
        template = clone(deployment["spec"]["template"])
        digest = _template_hash(template, deployment)
        name = f"{name_of(deployment)}-{digest}"
        taken = self._api.store.get(REPLICA_SETS, namespace_of(deployment), name)
        if taken is not None and not is_deleting(taken):
            self._count_collision(deployment)
            return
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = digest
        selector = clone(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH] = digest
        replica_set = {
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": {**_inherited(deployment), REVISION: str(_last_revision(sets.old) + 1)},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": selector,
                "template": template,
                "minReadySeconds": deployment["spec"].get("minReadySeconds", 0),
            },
        }
        self._api.create(REPLICA_SETS, replica_set, namespace=namespace_of(deployment))

    def _count_collision(self, deployment: Obj) -> None:
        # Another ReplicaSet has the name this template hashes to; counting makes the next hash a different one.
        status = clone(deployment).get("status") or {}
        status["collisionCount"] = status.get("collisionCount", 0) + 1
        self._api.update_status(KEY, {**deployment, "status": status})

    def _renew(self, deployment: Obj, sets: Generations) -> None:
        """Make the present template the newest revision, and pass on what the Deployment says besides the template."""
        if sets.new is None:
            return
        revision = str(max(_revision(sets.new), _last_revision(sets.old) + 1))
        changed = clone(sets.new)
        changed["metadata"].setdefault("annotations", {}).update({**_inherited(deployment), REVISION: revision})
        changed["spec"]["minReadySeconds"] = deployment["spec"].get("minReadySeconds", 0)
        self._api.update(REPLICA_SETS, changed)
        marked = clone(deployment)
        marked["metadata"].setdefault("annotations", {})[REVISION] = revision
        self._api.update(KEY, marked)

    def _scale(self, deployment: Obj, sets: Generations, changes: Mapping[str, int]) -> None:
        for name, replicas in changes.items():
            changed = clone(self._api.get(REPLICA_SETS, namespace_of(deployment), name))
            before, changed["spec"]["replicas"] = changed["spec"]["replicas"], replicas
            self._api.update(REPLICA_SETS, changed)
            way = "up" if replicas > before else "down"
            said = f"Scaled {way} replica set {name} from {before} to {replicas}"
            record_event(self._api, deployment, "Normal", "ScalingReplicaSet", said, _COMPONENT)

    def _forget_old(self, deployment: Obj, sets: Generations) -> None:
        idle = [entry for entry in sets.old if not entry["spec"]["replicas"] and not dig(entry, "status", "replicas")]
        excess = len(idle) - deployment["spec"]["revisionHistoryLimit"]
        for entry in sorted(idle, key=_revision)[: max(excess, 0)]:
            self._api.delete(REPLICA_SETS, namespace_of(entry), name_of(entry), uid=uid_of(entry))


def _bounds(deployment: Obj) -> Bounds:
    spec = deployment["spec"]
    rolling = spec["strategy"].get("rollingUpdate")
    if rolling is None:
        return Bounds(spec["replicas"], 0, spec["replicas"])
    return rolling_bounds(spec["replicas"], rolling["maxSurge"], rolling["maxUnavailable"])


def _scaled(replica_set: Obj) -> Scaled:
    available = dig(replica_set, "status", "availableReplicas") or 0
    return Scaled(name_of(replica_set), replica_set["spec"]["replicas"], available)


def _template(replica_set: Obj) -> Obj:
    """The template a ReplicaSet was made from: its own without the hash label."""
    template = clone(replica_set["spec"]["template"])
    dig(template, "metadata", "labels").pop(HASH, None)
    return template


def _template_hash(template: Obj, deployment: Obj) -> str:
    seed = orjson.dumps([template, dig(deployment, "status", "collisionCount") or 0], option=orjson.OPT_SORT_KEYS)
    return "".join(SUFFIX_ALPHABET[byte % len(SUFFIX_ALPHABET)] for byte in sha256(seed).digest()[:10])


def _inherited(deployment: Obj) -> dict[str, str]:
    annotations: dict[str, str] = deployment["metadata"].get("annotations") or {}
    return {name: value for name, value in annotations.items() if name not in _NOT_INHERITED}


def _revision(obj: Obj) -> int:
    text = dig(obj, "metadata", "annotations", REVISION) or "0"
    return int(text) if str(text).isdigit() else 0


def _last_revision(sets: Sequence[Obj]) -> int:
    return max(map(_revision, sets), default=0)


def _age(obj: Obj) -> tuple[str, int]:
    return obj["metadata"]["creationTimestamp"], _revision(obj)
