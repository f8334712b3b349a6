"""What the cluster itself changes in or refuses about an object before it is stored.

Other parts register their own: `mutators` change objects, `validators` answer with denials and warnings, as admission
webhooks do on a real cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.embedded.apiserver.errors import ApiError, Cause, forbidden, invalid, not_found
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.metadata import asked_name
from harness.embedded.apiserver.objects import Obj, dig, is_deleting, name_of, namespace_of
from harness.embedded.apiserver.store import Store

NODE_NAME = "signalbox"
"""The one node; pods are bound to it when they are created."""
_PROTECTED_NAMESPACES = ("default", "kube-system", "kube-public")
_ONLY_INSIDE = "the embedded cluster gives out addresses itself; leave spec.clusterIP out, or say None"


@dataclass(frozen=True, slots=True)
class AdmissionAnswer:
    """What a validator says about an object.

    denials   sentences; any of them refuses the object
    warnings  sentences shown to the client as `Warning: 299` headers
    webhook   the name of the webhook that would say this on a real cluster
    """

    denials: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    webhook: str = "validation.signalbox.dev"


Mutator = Callable[[Obj, Obj | None], Obj]
"""(new, old) -> new; `old` is None on creation. May change and return the object it is given."""
Validator = Callable[[Obj, Obj | None], AdmissionAnswer]


@dataclass(slots=True)
class Admission:
    """All that stands between a valid object and the store."""

    store: Store
    allocate_cluster_ip: Callable[[], str]
    mutators: list[Mutator] = field(default_factory=list)
    validators: list[Validator] = field(default_factory=list)

    def check_namespace(self, kind: Kind, obj: Obj, namespace_kind: Kind) -> None:
        """Refuse creation in a namespace that is missing (404) or terminating (403)."""
        if not kind.namespaced:
            return
        name = namespace_of(obj)
        namespace = self.store.get("namespaces", "", name)
        if namespace is None:
            raise not_found(namespace_kind, name)
        if is_deleting(namespace):
            cause = Cause("NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace")
            why = f"unable to create new content in namespace {name} because it is being terminated"
            raise forbidden(kind, name_of(obj), why, [cause])

    def check_deletion(self, kind: Kind, obj: Obj) -> None:
        """Refuse the deletion of the namespaces every cluster has (403)."""
        if kind.key == "namespaces" and name_of(obj) in _PROTECTED_NAMESPACES:
            raise forbidden(kind, name_of(obj), "this namespace may not be deleted")

    def mutate(self, kind: Kind, obj: Obj, old: Obj | None, *, dry_run: bool) -> Obj:
        """The object with everything filled in that the cluster decides."""
        if kind.key == "pods" and old is None:
            self._place_pod(kind, obj)
        if kind.key == "services":
            self._address_service(kind, obj, old, dry_run=dry_run)
        if kind.key == "jobs.batch" and old is None:
            _select_by_uid(obj)
        for mutator in self.mutators:
            obj = mutator(obj, old)
        return obj

    def validate(self, obj: Obj, old: Obj | None, warn: Callable[[str], None]) -> None:
        """Pass on warnings; raise ApiError 400, as a webhook's denial does, if any validator denies."""
        denials = []
        for validator in self.validators:
            answer = validator(obj, old)
            for warning in answer.warnings:
                warn(warning)
            denials += [f'admission webhook "{answer.webhook}" denied the request: {why}' for why in answer.denials]
        if denials:
            raise ApiError(400, "BadRequest", "; ".join(denials))

    def _place_pod(self, kind: Kind, pod: Obj) -> None:
        spec = pod["spec"]
        account = spec.setdefault("serviceAccountName", "default")
        spec["serviceAccount"] = account
        if self.store.get("serviceaccounts", namespace_of(pod), account) is None:
            where = f"{namespace_of(pod)}/{account}"
            why = f'error looking up service account {where}: serviceaccount "{account}" not found'
            raise forbidden(kind, asked_name(pod), why)
        spec.setdefault("nodeName", NODE_NAME)
        spec.setdefault("enableServiceLinks", True)
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
        spec.setdefault("priority", 0)
        pod["status"] = {"phase": "Pending", "qosClass": _quality_of_service(spec)}

    def _address_service(self, kind: Kind, service: Obj, old: Obj | None, *, dry_run: bool) -> None:
        spec = service["spec"]
        if spec["type"] == "ExternalName":
            spec.pop("clusterIP", None)
            spec.pop("clusterIPs", None)
            return
        kept = dig(old, "spec", "clusterIP")
        asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), None)
        if asked and asked != "None" and not kept:
            said = f'Invalid value: "{asked}": {_ONLY_INSIDE}'
            raise invalid(kind, name_of(service), [Cause("FieldValueInvalid", said, "spec.clusterIP")])
        spec["clusterIP"] = asked or kept or ("" if dry_run else self.allocate_cluster_ip())
        spec["clusterIPs"] = [spec["clusterIP"]]
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")


def _quality_of_service(spec: Obj) -> str:
    resources = [container.get("resources") or {} for container in spec["containers"]]
    limits = [entry.get("limits") or {} for entry in resources]
    requests = [entry.get("requests") or {} for entry in resources]
    if not any(limits) and not any(requests):
        return "BestEffort"
    complete = all({"cpu", "memory"} <= set(limit) for limit in limits)
    same = all(not request or request == limit for request, limit in zip(requests, limits, strict=True))
    return "Guaranteed" if complete and same else "Burstable"


def _select_by_uid(job: Obj) -> None:
    """Give a Job the selector that every Job gets, and its pods the labels, unless it brings its own."""
    spec, uid = job["spec"], job["metadata"]["uid"]
    if spec.get("manualSelector"):
        return
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    metadata = spec["template"].get("metadata") or {}
    own = {"controller-uid": uid, "job-name": name_of(job)}
    labels = own | {f"batch.kubernetes.io/{label}": value for label, value in own.items()}
    spec["template"]["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}
