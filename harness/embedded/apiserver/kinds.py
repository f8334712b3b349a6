"""The table of kinds: which exist, their names, scope, verbs and subresources.

Built-in kinds are one line each below; custom kinds come from CustomResourceDefinitions (`crds.py`).
Everything that differs between kinds and is not a schema is a field of `Kind`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_NAMESPACE_VERBS = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """What discovery tells about a subresource: the kind it speaks, and its verbs."""

    kind: str
    group: str = ""
    version: str = ""
    verbs: tuple[str, ...] = ("get", "patch", "update")


SUBRESOURCES = {
    "scale": Subresource(kind="Scale", group="autoscaling", version="v1"),
    "finalize": Subresource(kind="Namespace", verbs=("update",)),
    "log": Subresource(kind="Pod", verbs=("get",)),
    "exec": Subresource(kind="PodExecOptions", verbs=("create", "get")),
    "attach": Subresource(kind="PodAttachOptions", verbs=("create", "get")),
    "portforward": Subresource(kind="PodPortForwardOptions", verbs=("create", "get")),
    "eviction": Subresource(kind="Eviction", group="policy", version="v1", verbs=("create",)),
    "token": Subresource(kind="TokenRequest", group="authentication.k8s.io", version="v1", verbs=("create",)),
    "proxy": Subresource(kind="PodProxyOptions", verbs=("create", "delete", "get", "patch", "update")),
}
"""All subresources that speak another kind than their parent; `status` speaks the parent's."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind, with everything the generic verbs must know about it.

    version         the storage version; objects are stored under it
    served          all versions clients may use, most preferred first; () means only `version`
    custom          described by a CustomResourceDefinition: its own schema, no strategic merge
    generation      metadata.generation counts changes of anything but metadata and status
    fields          selectable by fieldSelector besides metadata.name and metadata.namespace
    label_names     the name must be a DNS label (no dots) instead of a DNS subdomain
    paths_to_scale  where the scale subresource finds spec replicas, status replicas and the selector
    stored          False for questions (SelfSubjectAccessReview) that are answered and forgotten
    managed         False if nothing in this cluster acts on the kind; its creation answers with a Warning
    returns_deleted   DELETE answers with the deleted object, not with a Status, even if it is gone
    born_with_status  the status given at creation counts (a kubelet registers its node with one)
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    custom: bool = False
    generation: bool = False
    fields: tuple[str, ...] = ()
    label_names: bool = False
    paths_to_scale: tuple[str, str, str] = ("spec.replicas", "status.replicas", "spec.selector")
    stored: bool = True
    managed: bool = True
    returns_deleted: bool = False
    born_with_status: bool = False
    list_kind: str = ""
    singular: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "served", self.served or (self.version,))
        object.__setattr__(self, "list_kind", self.list_kind or self.kind + "List")
        object.__setattr__(self, "singular", self.singular or self.kind.lower())

    @property
    def key(self) -> str:
        """plural[.group], e.g. "pods", "deployments.apps", "httproutes.policy.linkerd.io"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """status is a subresource: writes of the object leave it alone and the other way round."""
        return "status" in self.subresources

    def api_version(self, version: str = "") -> str:
        """The apiVersion string of `version` (default: the storage version)."""
        version = version or self.version
        return f"{self.group}/{version}" if self.group else version

    def subresource(self, name: str) -> Subresource:
        """What discovery says about one of this kind's subresources."""
        return SUBRESOURCES.get(name) or Subresource(kind=self.kind)


_EVENT_FIELDS = (
    *("involvedObject." + part for part in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")),
    *("reason", "reportingComponent", "source", "type"),
)
_POD_FIELDS = (
    *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork"),
    *("status.phase", "status.podIP", "status.nominatedNodeName"),
)
_POD_SUBRESOURCES = ("status", "log", "exec", "attach", "portforward", "proxy", "eviction", "ephemeralcontainers")
_SCALED = ("status", "scale")
_ALL = ("all",)


def _question(group: str, plural: str, kind: str) -> Kind:
    return Kind(group, "v1", plural, kind, False, verbs=("create",), stored=False)


def _unmanaged() -> Iterator[Kind]:
    """Kinds that charts and bundles bring along: stored and shown, nothing acts on them."""
    rbac = "rbac.authorization.k8s.io"
    for group, version, plural, name, short, namespaced, status in (
        ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", True, True),
        ("", "v1", "persistentvolumes", "PersistentVolume", "pv", False, True),
        ("", "v1", "replicationcontrollers", "ReplicationController", "rc", True, True),
        ("", "v1", "resourcequotas", "ResourceQuota", "quota", True, True),
        ("", "v1", "limitranges", "LimitRange", "limits", True, False),
        ("apps", "v1", "statefulsets", "StatefulSet", "sts", True, True),
        ("apps", "v1", "daemonsets", "DaemonSet", "ds", True, True),
        ("batch", "v1", "cronjobs", "CronJob", "cj", True, True),
        ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", True, True),
        ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", True, True),
        ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol", True, False),
        (rbac, "v1", "roles", "Role", "", True, False),
        (rbac, "v1", "rolebindings", "RoleBinding", "", True, False),
        (rbac, "v1", "clusterroles", "ClusterRole", "", False, False),
        (rbac, "v1", "clusterrolebindings", "ClusterRoleBinding", "", False, False),
        ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", "", False,
         True),
        ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
         "ValidatingAdmissionPolicyBinding", "", False, False),
        # Refused where they ask for something (`refusals.py`); known, so that whoever writes one is told so.
        ("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "",
         False, False),
        ("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "",
         False, False),
        ("apiregistration.k8s.io", "v1", "apiservices", "APIService", "", False, True),
        ("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", "csr", False, True),
    ):  # fmt: skip
        subresources = ("status",) if status else ()
        yield Kind(
            group, version, plural, name, namespaced, tuple(filter(None, [short])), subresources,
            generation=bool(group) and group != rbac, managed=False,
        )  # fmt: skip


BUILTIN: tuple[Kind, ...] = (
    Kind("", "v1", "namespaces", "Namespace", False, ("ns",), ("status", "finalize"), verbs=_NAMESPACE_VERBS,
         fields=("status.phase",), label_names=True),
    Kind("", "v1", "nodes", "Node", False, ("no",), ("status",), fields=("spec.unschedulable",),
         born_with_status=True),
    Kind("", "v1", "pods", "Pod", True, ("po",), _POD_SUBRESOURCES, _ALL, fields=_POD_FIELDS, returns_deleted=True),
    Kind("", "v1", "services", "Service", True, ("svc",), ("status", "proxy"), _ALL,
         fields=("spec.clusterIP", "spec.type"), label_names=True, returns_deleted=True),
    Kind("", "v1", "endpoints", "Endpoints", True, ("ep",), singular="endpoints", list_kind="EndpointsList"),
    Kind("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    Kind("", "v1", "secrets", "Secret", fields=("type",)),
    Kind("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",), ("token",), returns_deleted=True),
    Kind("", "v1", "events", "Event", True, ("ev",), fields=_EVENT_FIELDS),
    Kind("apps", "v1", "deployments", "Deployment", True, ("deploy",), _SCALED, _ALL, generation=True),
    Kind("apps", "v1", "replicasets", "ReplicaSet", True, ("rs",), _SCALED, _ALL, generation=True,
         fields=("status.replicas",)),
    Kind("batch", "v1", "jobs", "Job", True, (), ("status",), _ALL, generation=True, fields=("status.successful",)),
    Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", generation=True),
    Kind("coordination.k8s.io", "v1", "leases", "Lease"),
    Kind("networking.k8s.io", "v1", "ingresses", "Ingress", True, ("ing",), ("status",), generation=True),
    Kind("networking.k8s.io", "v1", "ingressclasses", "IngressClass", False, generation=True, managed=False),
    *_unmanaged(),
    Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False,
         ("crd", "crds"), ("status",), ("api-extensions",), generation=True),
    _question("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _question("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    _question("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
)  # fmt: skip


class Kinds:
    """All kinds served now; grows and shrinks with the CustomResourceDefinitions."""

    def __init__(self, kinds: Iterable[Kind] = BUILTIN) -> None:
        self._by_key: dict[str, Kind] = {kind.key: kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_key.values())

    def __getitem__(self, key: str) -> Kind:
        return self._by_key[key]

    def get(self, key: str) -> Kind | None:
        """The kind with this key (plural[.group]), or None."""
        return self._by_key.get(key)

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind served at /apis/{group}/{version}/{plural}, or None."""
        kind = self._by_key.get(f"{plural}.{group}" if group else plural)
        return kind if kind is not None and version in kind.served else None

    def add(self, kind: Kind) -> None:
        """Serve `kind` from now on; replaces one of the same key."""
        self._by_key[kind.key] = kind

    def remove(self, key: str) -> None:
        """Stop serving a kind; unknown keys are fine."""
        self._by_key.pop(key, None)
