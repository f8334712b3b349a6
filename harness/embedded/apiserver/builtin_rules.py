"""Defaults and bounds of the built-in kinds that the published schemas leave out, as data.

`RULES` adds schema words to single fields, `REQUIRED` adds required fields, `DERIVED` fills in what depends on other
fields. All are keyed by the name of the definition without `io.k8s.api.`, so whatever contains a Container gets them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from harness.embedded.apiserver.objects import Obj

LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_PORT = {"minimum": 1, "maximum": 65535}
_COUNT = {"minimum": 0}
_PROTOCOL = {"default": "TCP", "enum": ["TCP", "UDP", "SCTP"]}
_LABEL = {"pattern": LABEL, "maxLength": 63}
_MODE = {"defaultMode": {"default": 420}}
_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_NEVER: dict[str, Any] = {"not": {}}
_NOT_STRUCTURAL = ("$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id")


def _one_of(*words: str, default: str | None = None) -> dict[str, Any]:
    return {"enum": list(words)} if default is None else {"enum": list(words), "default": default}


RULES: dict[str, dict[str, dict[str, Any]]] = {
    "core.v1.Container": {
        "name": _LABEL,
        "resources": {"default": {}},
        "terminationMessagePath": {"default": "/dev/termination-log"},
        "terminationMessagePolicy": _one_of("File", "FallbackToLogsOnError", default="File"),
        "imagePullPolicy": _one_of("Always", "IfNotPresent", "Never"),
    },
    "core.v1.ContainerPort": {"containerPort": _PORT, "hostPort": _PORT, "protocol": _PROTOCOL},
    "core.v1.EnvVar": {"name": {"minLength": 1}},
    "core.v1.Probe": {
        "timeoutSeconds": {"default": 1, "minimum": 1},
        "periodSeconds": {"default": 10, "minimum": 1},
        "successThreshold": {"default": 1, "minimum": 1},
        "failureThreshold": {"default": 3, "minimum": 1},
        "initialDelaySeconds": _COUNT,
    },
    "core.v1.HTTPGetAction": {"path": {"default": "/"}, "scheme": _one_of("HTTP", "HTTPS", default="HTTP")},
    "core.v1.ObjectFieldSelector": {"apiVersion": {"default": "v1"}},
    "core.v1.ConfigMapVolumeSource": _MODE,
    "core.v1.SecretVolumeSource": _MODE,
    "core.v1.DownwardAPIVolumeSource": _MODE,
    "core.v1.ProjectedVolumeSource": _MODE,
    "core.v1.Volume": {"name": _LABEL},
    "core.v1.PodSpec": {
        "restartPolicy": _one_of("Always", "OnFailure", "Never", default="Always"),
        "terminationGracePeriodSeconds": {"default": 30, "minimum": 0},
        "dnsPolicy": _one_of("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None", default="ClusterFirst"),
        "securityContext": {"default": {}},
        "schedulerName": {"default": "default-scheduler"},
        "containers": {"minItems": 1, **_BY_NAME},
        "initContainers": _BY_NAME,
        "volumes": _BY_NAME,
    },
    "core.v1.ServiceSpec": {
        "type": _one_of("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", default="ClusterIP"),
        "sessionAffinity": _one_of("None", "ClientIP", default="None"),
        "ports": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"]},
    },
    "core.v1.ServicePort": {"port": _PORT, "nodePort": _PORT, "protocol": _PROTOCOL, "name": _LABEL},
    "core.v1.EndpointPort": {"protocol": _PROTOCOL},
    "core.v1.Secret": {"type": {"default": "Opaque"}},
    "apps.v1.DeploymentSpec": {
        "replicas": {"default": 1, **_COUNT},
        "revisionHistoryLimit": {"default": 10, **_COUNT},
        "progressDeadlineSeconds": {"default": 600, "minimum": 1},
        "minReadySeconds": _COUNT,
        "strategy": {"default": {}},
    },
    "apps.v1.DeploymentStrategy": {"type": _one_of("RollingUpdate", "Recreate", default="RollingUpdate")},
    "apps.v1.RollingUpdateDeployment": {"maxSurge": {"default": "25%"}, "maxUnavailable": {"default": "25%"}},
    "apps.v1.ReplicaSetSpec": {"replicas": {"default": 1, **_COUNT}, "minReadySeconds": _COUNT},
    "batch.v1.JobSpec": {
        "backoffLimit": {"default": 6, **_COUNT},
        "completionMode": _one_of("NonIndexed", "Indexed", default="NonIndexed"),
        "suspend": {"default": False},
        "completions": _COUNT,
        "parallelism": _COUNT,
        "podReplacementPolicy": _one_of("TerminatingOrFailed", "Failed", default="TerminatingOrFailed"),
    },
    "authentication.v1.TokenRequestSpec": {
        "audiences": {"default": []},
        "expirationSeconds": {"default": 3600, "minimum": 600, "maximum": 365 * 24 * 3600},
    },
    "networking.v1.HTTPIngressPath": {"pathType": _one_of("Exact", "Prefix", "ImplementationSpecific")},
    _EXTENSIONS + "JSONSchemaProps": {
        "type": _one_of("object", "array", "string", "integer", "number", "boolean"),
        **dict.fromkeys(_NOT_STRUCTURAL, _NEVER),
    },
    "discovery.v1.EndpointPort": {"name": {"default": ""}, "protocol": {"default": "TCP"}},
}

REQUIRED: dict[str, tuple[str, ...]] = {
    "core.v1.Container": ("image",),
    "core.v1.Pod": ("spec",),
    "core.v1.PodTemplateSpec": ("spec",),
    "core.v1.Service": ("spec",),
    "apps.v1.Deployment": ("spec",),
    "apps.v1.ReplicaSet": ("spec",),
    "apps.v1.ReplicaSetSpec": ("template",),
    "batch.v1.Job": ("spec",),
}


def _container(container: Obj) -> None:
    _, _, tag = str(container.get("image", "")).rpartition("/")[2].partition("@")[0].partition(":")
    floating = tag in ("", "latest") and "@" not in str(container.get("image", ""))
    container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")


def _pod_spec(spec: Obj) -> None:
    # `serviceAccount` is the old name of the same field, and clients of either must see both.
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def _volume(volume: Obj) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _service_port(port: Obj) -> None:
    if "port" in port:
        port.setdefault("targetPort", port["port"])


def _service_spec(spec: Obj) -> None:
    if spec.get("type") == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")


def _service(service: Obj) -> None:
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def _strategy(strategy: Obj) -> None:
    if strategy.get("type") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {})


def _job_spec(spec: Obj) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)


def _secret(secret: Obj) -> None:
    given = secret.pop("stringData", None)
    if isinstance(given, dict):
        data = secret.setdefault("data", {})
        data.update({key: b64encode(str(value).encode()).decode() for key, value in given.items()})


def _namespace(namespace: Obj) -> None:
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    namespace.setdefault("status", {}).setdefault("phase", "Active")
    metadata = namespace.get("metadata")
    if isinstance(metadata, dict) and "name" in metadata:
        labels = metadata.setdefault("labels", {})
        if isinstance(labels, dict):
            labels["kubernetes.io/metadata.name"] = metadata["name"]


def _names(spec: Obj) -> None:
    names = spec.get("names")
    if isinstance(names, dict) and isinstance(names.get("kind"), str):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
    spec.setdefault("conversion", {"strategy": "None"})


def _validation(validation: Obj) -> None:
    if "openAPIV3Schema" in validation:
        validation["openAPIV3Schema"] = _without_nulls(validation["openAPIV3Schema"])


def _without_nulls(schema: Any) -> Any:
    # A YAML key with nothing behind it says nothing, except where it is a value.
    if isinstance(schema, list):
        return [_without_nulls(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    values = ("default", "enum", "example")
    return {
        word: child if word in values else _without_nulls(child)
        for word, child in schema.items()
        if child is not None or word in values
    }


DERIVED: dict[str, Callable[[Obj], None]] = {
    "core.v1.Container": _container,
    "core.v1.PodSpec": _pod_spec,
    "core.v1.Volume": _volume,
    "core.v1.ServicePort": _service_port,
    "core.v1.ServiceSpec": _service_spec,
    "core.v1.Service": _service,
    "core.v1.Secret": _secret,
    "core.v1.Namespace": _namespace,
    "apps.v1.DeploymentStrategy": _strategy,
    "batch.v1.JobSpec": _job_spec,
    _EXTENSIONS + "CustomResourceDefinitionSpec": _names,
    _EXTENSIONS + "CustomResourceValidation": _validation,
}
