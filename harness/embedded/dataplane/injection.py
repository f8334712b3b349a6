"""Which pods join the mesh, decided once when a pod is created (§4.7), and what is added to those that do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harness.dialect import Dialect
from harness.embedded.pods import ADMIN_PORT, PROXY_CONTAINER

INJECT: Final = "linkerd.io/inject"
INBOUND_PORT: Final = 4143

_JOINING: Final = ("enabled", "ingress")
_VALID: Final = ("", "disabled", *_JOINING)
_INHERITED: Final = ("config.linkerd.io/", "config.alpha.linkerd.io/")
_SIDECARS: Final = (PROXY_CONTAINER, "linkerd-init")
_OWNERS: Final = ("DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")

Obj = dict[str, Any]


def joins_mesh(pod: Obj, namespace: Obj) -> bool:
    """True if this new pod gets a proxy (§4.7).

    The pod's annotation wins over its namespace's; a value that is none of enabled, ingress and disabled, on either
    of them, keeps the pod out. So do the host's network, a ServiceAccount token that is not mounted, and a sidecar
    that is there already.
    """
    spec = pod.get("spec") or {}
    if spec.get("hostNetwork") or spec.get("automountServiceAccountToken") is False or _has_sidecar(spec):
        return False
    own, inherited = _annotations(pod).get(INJECT, ""), _annotations(namespace).get(INJECT, "")
    if own not in _VALID or inherited not in _VALID:
        return False
    return (own or inherited) in _JOINING


def inject(pod: Obj, namespace: Obj, dialect: Dialect) -> Obj:
    """The pod as it is stored: with the proxy's container, labels and annotations if it joins the mesh, else itself.

    Annotations of the namespace that configure the proxy are copied unless the pod has its own (§3.2), so that a
    later change of the namespace concerns later pods only. The proxy comes last: the first container stays the one
    that logs and port numbers default to.
    """
    if not joins_mesh(pod, namespace):
        return pod
    metadata, spec = pod["metadata"], pod["spec"]
    inherited = {key: value for key, value in _annotations(namespace).items() if _is_inherited(key)}
    annotations = inherited | _annotations(pod) | _proxy_annotations(dialect)
    labels = dict(metadata.get("labels") or {}) | _proxy_labels(metadata)
    return pod | {
        "metadata": metadata | {"annotations": annotations, "labels": labels},
        "spec": spec | {"containers": [*spec["containers"], _proxy_container()]},
    }


def _annotations(obj: Obj) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _has_sidecar(spec: Obj) -> bool:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return any(container.get("name") in _SIDECARS for container in containers)


def _is_inherited(key: str) -> bool:
    return key == INJECT or key.startswith(_INHERITED)


def _proxy_annotations(dialect: Dialect) -> dict[str, str]:
    return {
        "linkerd.io/created-by": f"linkerd/proxy-injector {dialect.version}",
        "linkerd.io/proxy-version": "signalbox-envoy",
        "linkerd.io/status": "injected",
    }


def _proxy_labels(metadata: Obj) -> dict[str, str]:
    common = {"linkerd.io/control-plane-ns": "linkerd", "linkerd.io/workload-ns": metadata.get("namespace", "")}
    owner = next((ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")), None)
    if owner is None or owner["kind"] not in _OWNERS:
        return common
    kind, name = _workload(owner, metadata.get("labels") or {})
    return common | {f"linkerd.io/proxy-{kind.lower()}": name}


def _workload(owner: Obj, labels: Mapping[str, str]) -> tuple[str, str]:
    template_hash = labels.get("pod-template-hash", "")
    if owner["kind"] == "ReplicaSet" and template_hash and owner["name"].endswith(f"-{template_hash}"):
        return "Deployment", owner["name"].removesuffix(f"-{template_hash}")
    return owner["kind"], owner["name"]


def _proxy_container() -> Obj:
    ports = (("linkerd-proxy", INBOUND_PORT), ("linkerd-admin", ADMIN_PORT))
    return {
        "name": PROXY_CONTAINER,
        "image": "cr.l5d.io/linkerd/proxy:embedded",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in ports],
        "livenessProbe": _probe("/live", 10),
        "readinessProbe": _probe("/ready", 2),
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _probe(path: str, delay_seconds: int) -> Obj:
    """Complete, as the API server has filled it in before any webhook sees a pod.

    The node probes no proxy, but its policies know these paths (§3.3).
    """
    counts = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    get = {"path": path, "port": ADMIN_PORT, "scheme": "HTTP"}
    return {"httpGet": get, "initialDelaySeconds": delay_seconds, **counts}
