"""All objects of a running cluster that decide what its mesh does, and what applications that answer alike say."""

from __future__ import annotations

from typing import Final

from harness.kube.client import JsonObject, Kube

_KINDS: Final = (
    ("v1", "Namespace"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "ConfigMap"),
    ("policy.linkerd.io/v1beta3", "HTTPRoute"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
    ("policy.linkerd.io/v1beta1", "ServerAuthorization"),
    ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy"),
    ("policy.linkerd.io/v1alpha1", "MeshTLSAuthentication"),
    ("policy.linkerd.io/v1alpha1", "NetworkAuthentication"),
    ("policy.linkerd.io/v1alpha1", "HTTPLocalRateLimitPolicy"),
)
_SERVERS: Final = ("policy.linkerd.io/v1beta3", "policy.linkerd.io/v1beta2", "policy.linkerd.io/v1beta1")
"""The newest that is served tells most of a Server (§1.69)."""


def mesh_objects(kube: Kube) -> list[JsonObject]:
    """The objects, whole; kinds that the cluster does not know are left out.

    raises  KubeError when the API server refuses, ClusterLost when it cannot be reached
    """
    found = [
        _named(obj, api_version, kind)
        for api_version, kind in _KINDS
        for obj in kube.objects_if_served(api_version, kind)
    ]
    for api_version in _SERVERS:
        if servers := kube.objects_if_served(api_version, "Server"):
            return [*found, *(_named(obj, api_version, "Server") for obj in servers)]
    return found


def _named(obj: JsonObject, api_version: str, kind: str) -> JsonObject:
    """Members of a list do not always say what they are."""
    return {"apiVersion": api_version, "kind": kind, **obj}
