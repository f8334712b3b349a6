"""What a real cluster offers and this one does not: refused by field when it is written, never ignored or left hanging.

As data: for a pod's spec and for other kinds which fields are refused, and what they ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.embedded.apiserver.errors import ELSEWHERE, ApiError, Cause
from harness.embedded.apiserver.objects import Obj, dig

VOLUMES = frozenset({"configMap", "secret", "emptyDir", "projected", "downwardAPI"})
"""The types of volume that the node makes."""
_POD_SPECS = {
    "pods": ("spec",),
    "deployments.apps": ("spec", "template", "spec"),
    "replicasets.apps": ("spec", "template", "spec"),
    "jobs.batch": ("spec", "template", "spec"),
}


def refusal_findings(key: str, obj: Obj) -> Iterator[Cause]:
    """Every field of an object that asks for what is not offered here."""
    if path := _POD_SPECS.get(key):
        for field, what in _refused_in_pod(dig(obj, *path) or {}):
            yield _refused(".".join((*path, field)), what)
    for names, is_refused, what in _FIELDS.get(key, ()):
        if is_refused(dig(obj, *names)):
            yield _refused(".".join(names), what)


def not_offered(what: str, field: str) -> ApiError:
    """501 for a subresource that is not offered here."""
    cause = {"reason": "FieldValueNotSupported", "message": _said(what), "field": field}
    return ApiError(501, "NotImplemented", f"{field}: {_said(what)}", {"causes": [cause]})


def _refused(field: str, what: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {_said(what)}", field)


def _said(what: str) -> str:
    return f"the embedded cluster does not offer {what}; {ELSEWHERE}"


def _refused_in_pod(spec: Obj) -> Iterator[tuple[str, str]]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name, "the machine's own namespaces to pods"
    if dig(spec, "os", "name") == "windows":
        yield "os.name", "Windows"
    for index, volume in enumerate(spec.get("volumes") or ()):
        for name in sorted(volume.keys() - VOLUMES - {"name"}):
            yield f"volumes[{index}].{name}", f"volumes of this type (but {', '.join(sorted(VOLUMES))})"
    for group in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(group) or ()):
            for field, what in _refused_in_container(container):
                yield f"{group}[{index}].{field}", what


def _refused_in_container(container: Obj) -> Iterator[tuple[str, str]]:
    if dig(container, "securityContext", "privileged"):
        yield "securityContext.privileged", "privileged containers"
    if container.get("restartPolicy"):
        yield "restartPolicy", "init containers that go on beside the others"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if dig(container, name, "grpc") is not None:
            yield f"{name}.grpc", "gRPC probes"


_WEBHOOKS = ((("webhooks",), bool, "admission webhooks (Linkerd's injector and policies are built in)"),)
_FIELDS: Mapping[str, tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...]] = {
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "apiservices.apiregistration.k8s.io": ((("spec", "service"), bool, "aggregated API servers"),),
    "certificatesigningrequests.certificates.k8s.io": ((("spec",), bool, "signing of certificates"),),
    "tokenrequests.authentication.k8s.io": ((("spec", "boundObjectRef"), bool, "tokens bound to other objects"),),
    "customresourcedefinitions.apiextensions.k8s.io": (
        (("spec", "conversion", "strategy"), lambda strategy: strategy == "Webhook", "conversion webhooks"),
    ),
}
