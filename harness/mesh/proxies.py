"""Whether the pods that should have a proxy have one that is ready: looked at, not concluded from an annotation.

The injector's webhook is called with `failurePolicy: Ignore`, and a namespace's annotation concerns new pods only: a
pod that started while the injector was away, or before its namespace was annotated, runs well and is outside the mesh.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import EnvironmentFailed
from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.metrics import PROXY_CONTAINER, is_meshed
from harness.oracle.workloads import joins_mesh


def check_proxies(kube: Kube, ref: ObjectRef) -> None:
    """Return if every pod of a rolled-out Deployment that should have a proxy has one that is ready (§4.7).

    raises  EnvironmentFailed that names the pods and the next commands
    """
    deployment = kube.get(ref)
    namespace = kube.get(ObjectRef("v1", "Namespace", None, str(ref.namespace)))
    if deployment is None or namespace is None:
        raise EnvironmentFailed(f"{ref} is gone", f"kubectl -n {ref.namespace} get deploy,events")
    if not joins_mesh(deployment, namespace["metadata"].get("annotations") or {}):
        return
    without = list(_without_proxy(kube, deployment, ref))
    if without:
        raise EnvironmentFailed(
            "\n".join([f"{ref} should be meshed, and not every pod of it has a ready proxy:", *without]),
            "kubectl -n linkerd logs deploy/linkerd-proxy-injector; "
            f"then kubectl -n {ref.namespace} rollout restart deploy/{ref.name}",
        )


def _without_proxy(kube: Kube, deployment: JsonObject, ref: ObjectRef) -> Iterator[str]:
    labels = ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"].get("matchLabels", {}).items())
    for pod in kube.objects("v1", "Pod", ref.namespace, labels):
        metadata, status = pod["metadata"], pod.get("status") or {}
        if metadata.get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed"):
            continue  # on its way out, and no traffic comes to it
        if reason := _why_not(pod):
            yield f"  pod {metadata['namespace']}/{metadata['name']}: {reason}"


def _why_not(pod: JsonObject) -> str:
    """Why a pod's proxy is of no use; "" if it is ready."""
    if not is_meshed(pod):
        return f"no container {PROXY_CONTAINER}"
    status = pod.get("status") or {}
    # A native sidecar is an init container, and its readiness is told there.
    containers = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    proxy: JsonObject = next((one for one in containers if one["name"] == PROXY_CONTAINER), {})
    if proxy.get("ready"):
        return ""
    state = proxy.get("state") or {}
    detail = state.get("waiting") or state.get("terminated") or {"reason": "running" if state else "not started"}
    words = f"{detail.get('reason', '')} {detail.get('message', '')}".strip()
    return f"container {PROXY_CONTAINER} is not ready: {words}"
