"""All objects of a running cluster that decide what its mesh does, and what applications that answer alike say."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from harness.kube.client import JsonObject, Kube, KubeError
from harness.kube.objects import ObjectRef
from harness.oracle.fixed_answers import mounted_configs

_KINDS: Final = (
    ("v1", "Namespace"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("policy.linkerd.io/v1beta3", "HTTPRoute"),
    ("policy.linkerd.io/v1beta1", "ServerAuthorization"),
    ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy"),
    ("policy.linkerd.io/v1alpha1", "MeshTLSAuthentication"),
    ("policy.linkerd.io/v1alpha1", "NetworkAuthentication"),
    ("policy.linkerd.io/v1alpha1", "HTTPLocalRateLimitPolicy"),
    ("policy.linkerd.io/v1alpha1", "EgressNetwork"),
    ("linkerd.io/v1alpha2", "ServiceProfile"),
    ("networking.k8s.io/v1", "Ingress"),
    ("gateway.networking.k8s.io/v1alpha2", "TCPRoute"),
)
_VERSIONS: Final = (
    ("Server", "policy.linkerd.io", ("v1beta3", "v1beta2", "v1beta1")),
    ("HTTPRoute", "gateway.networking.k8s.io", ("v1beta1", "v1")),
    ("GRPCRoute", "gateway.networking.k8s.io", ("v1", "v1alpha2")),
    ("TLSRoute", "gateway.networking.k8s.io", ("v1", "v1alpha3", "v1alpha2")),
)
"""Each version tells of all objects, so one is asked for, the first that is served: of a Server the newest, which tells
most (§1.69); of an HTTPRoute the one that old meshes bring along too, as both tell the same (§1.68)."""


def mesh_objects(kube: Kube) -> list[JsonObject]:
    """The objects, whole; kinds that the cluster does not know are left out.

    raises  KubeError when the API server refuses, ClusterLost when it cannot be reached
    """
    found = [obj for api_version, kind in _KINDS for obj in _listed(kube, api_version, kind)]
    for kind, group, versions in _VERSIONS:
        of_versions = (_listed(kube, f"{group}/{version}", kind) for version in versions)
        found += next(filter(None, of_versions), [])
    return [*found, *_configs(kube, found)]


def _configs(kube: Kube, objects: list[JsonObject]) -> Iterator[JsonObject]:
    """What NGINXes are configured by; nothing of those that may not be read, or have changed since they were made.

    A pod that mounts one file of a ConfigMap keeps what it began with.
    """
    for namespace, name in dict.fromkeys(mounted_configs(objects)):
        try:
            found = kube.get(ObjectRef("v1", "ConfigMap", namespace, name))
        except KubeError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            continue
        if found is not None and not _has_changed(found):
            yield _named(found, "v1", "ConfigMap")


def _has_changed(obj: JsonObject) -> bool:
    """Whether somebody has changed it after the second in which it was made."""
    metadata = obj["metadata"]
    times = [entry.get("time") for entry in metadata.get("managedFields") or () if entry.get("time")]
    return any(time > metadata.get("creationTimestamp", "") for time in times)


def _listed(kube: Kube, api_version: str, kind: str) -> list[JsonObject]:
    return [_named(obj, api_version, kind) for obj in kube.objects_if_served(api_version, kind)]


def _named(obj: JsonObject, api_version: str, kind: str) -> JsonObject:
    """Members of a list do not always say what they are."""
    return {"apiVersion": api_version, "kind": kind, **obj}
